package host

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const adminToken = "0123456789abcdef"

func TestAdminToken(t *testing.T) {
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, tc := range []struct {
		token, method, path, header string
		status                      int
	}{
		{"", "DELETE", "/v1/users/alice/sessions", "", 418},
		{adminToken, "DELETE", "/v1/users/alice/sessions", "Bearer " + adminToken, 418},
		{adminToken, "GET", "/v1/users/alice", "bearer  " + adminToken, 418},
		{adminToken, "GET", "/v1/users/alice", "", 401},
		{adminToken, "DELETE", "/v1/users/alice/sessions", "", 401},
		{adminToken, "DELETE", "/v1/users/alice/sessions", "Bearer " + adminToken + "0", 401},
		{adminToken, "DELETE", "/v1/users/alice/sessions", "Bearer 0123456789abcde", 401},
		{adminToken, "DELETE", "/v1/users/alice/sessions", "Basic " + adminToken, 401},
		{adminToken, "DELETE", "/v1/users/alice/sessions", adminToken, 401},
		{adminToken, "GET", "//v1/users/alice", "", 401},
		{adminToken, "GET", "/debug/anything", "", 401},
		{adminToken, "GET", "/healthz/../v1/users/alice", "", 401},
		{adminToken, "GET", "/healthz", "", 418},
		{adminToken, "GET", "/readyz", "", 418},
		{adminToken, "GET", "/metrics", "", 418},
		{adminToken, "GET", "/openapi.json", "", 418},
	} {
		r := httptest.NewRequest(tc.method, "http://host"+tc.path, nil)
		if tc.header != "" {
			r.Header.Set("Authorization", tc.header)
		}
		w := httptest.NewRecorder()
		guard(tc.token, api).ServeHTTP(w, r)
		if w.Code != tc.status {
			t.Errorf("%s %s with %q: %d, want %d", tc.method, tc.path, tc.header, w.Code, tc.status)
		}
		if w.Code == 401 && (w.Header().Get("WWW-Authenticate") != "Bearer" || !strings.Contains(w.Header().Get("Content-Type"), "problem+json") ||
			!strings.Contains(w.Body.String(), "--admin-token") || strings.Contains(w.Body.String(), adminToken)) {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
	}
}

func TestAdminTokensThatCannotWork(t *testing.T) {
	for _, token := range []string{"", adminToken, strings.Repeat("~", 100)} {
		if err := checkAdminToken(token); err != nil {
			t.Errorf("%q: %v", token, err)
		}
	}
	for _, token := range []string{"secret", "0123456789 abcdef", "0123456789abcdef\n", "0123456789abcdeé"} {
		if err := checkAdminToken(token); err == nil || !strings.Contains(err.Error(), "--admin-token") || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", token, err)
		}
	}
}
