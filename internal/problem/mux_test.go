package problem

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestMuxErrorsAreProblems(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/users/{user}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.PathValue("user")))
	})
	mux.HandleFunc("DELETE /v1/users/{user}", func(http.ResponseWriter, *http.Request) {})
	handler := Mux(mux)
	for _, test := range []struct {
		method, path string
		status       int
		allow, want  string
	}{
		{"GET", "/v1/users/a%2Fb%20c", 200, "", "a/b c"},
		{"GET", "/v1/users", 404, "", "there is nothing at /v1/users"},
		{"GET", "/v1/users/a/b", 404, "", "there is nothing at /v1/users/a/b"},
		{"GET", "/v1/users/%2E", 200, "", "."},
		{"GET", "/v1/users/", 404, "", "there is nothing at /v1/users/"},
		{"DELETE", "/v1/users/a/.", 404, "", "there is nothing at /v1/users/a/.: an empty segment is none, and one of dots is %2E or %2E%2E"},
		{"DELETE", "/v1/users/b/../a", 404, "", "there is nothing at /v1/users/b/../a: an empty segment is none, and one of dots is %2E or %2E%2E"},
		{"GET", "/v1/users//a", 404, "", "there is nothing at /v1/users//a: an empty segment is none, and one of dots is %2E or %2E%2E"},
		{"POST", "/v1/users/a", 405, "DELETE, GET, HEAD", "/v1/users/a is not for POST, it takes DELETE, GET, HEAD"},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
		if w.Code != test.status || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q", test.method, test.path, w.Code, w.Header().Get("Allow"))
		}
		if test.status == 200 {
			if w.Body.String() != test.want {
				t.Errorf("%s %s: %q, want %q", test.method, test.path, w.Body, test.want)
			}
			continue
		}
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		if p.Status != test.status || p.Title == "" || p.Detail != test.want || w.Header().Get("Content-Type") != ContentType {
			t.Errorf("%s %s: %+v of %s", test.method, test.path, p, w.Header().Get("Content-Type"))
		}
	}
}
