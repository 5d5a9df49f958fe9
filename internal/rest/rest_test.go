package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"rollcall.dev/internal/problem"
)

type thing struct {
	Name string `path:"name"`
	Note string `query:"note"`
	Body struct {
		_    struct{} `additionalProperties:"false"`
		Size int      `json:"size" minimum:"1"`
	}
}

type answer struct {
	Body struct {
		Name string `json:"name"`
	}
}

func newMux(t *testing.T, limit int, handle func(context.Context, *thing) (*answer, *problem.Problem)) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	a := New(mux, "things", "1", "Things.", limit)
	Add(a, huma.Operation{OperationID: "putThing", Method: http.MethodPost, Path: "/things/{name}", MaxBodyBytes: 100},
		handle, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	if err := a.Serve(); err != nil {
		t.Fatal(err)
	}
	return problem.Mux(mux)
}

func echo(_ context.Context, in *thing) (*answer, *problem.Problem) {
	if in.Name == "taken" {
		return nil, &problem.Problem{Status: http.StatusConflict, Title: "Taken", Detail: "it is taken"}
	}
	out := &answer{}
	out.Body.Name = in.Name
	return out, nil
}

func TestWhatIsWrongIsAProblem(t *testing.T) {
	handler := newMux(t, 10, echo)
	for _, test := range []struct {
		name, path, contentType, accept, body string
		status                                int
		location                              string
	}{
		{name: "right", path: "/things/a", body: `{"size":1}`, status: 200},
		{name: "any type", path: "/things/a", accept: "text/html, */*;q=0.8", body: `{"size":1}`, status: 200},
		{name: "with a charset", path: "/things/a", contentType: "application/json; charset=utf-8", body: `{"size":1}`, status: 200},
		{name: "with a note", path: "/things/a?note=x", body: `{"size":1}`, status: 200},
		{name: "unknown parameter", path: "/things/a?nota=x", body: `{"size":1}`, status: 400, location: "query"},
		{name: "parameter twice", path: "/things/a?note=x&note=y", body: `{"size":1}`, status: 400, location: "query"},
		{name: "broken query", path: "/things/a?note=%zz", body: `{"size":1}`, status: 400, location: "query"},
		{name: "not UTF-8", path: "/things/a", body: "{\"size\":1,\"\xff\":1}", status: 400, location: "body"},
		{name: "refused", path: "/things/taken", body: `{"size":1}`, status: 409},
		{name: "too small", path: "/things/a", body: `{"size":0}`, status: 400, location: "body.size"},
		{name: "missing", path: "/things/a", body: `{}`, status: 400, location: "body"},
		{name: "unknown field", path: "/things/a", body: `{"size":1,"x":1}`, status: 400, location: "body.x"},
		{name: "no JSON", path: "/things/a", body: `size=1`, status: 400, location: "body"},
		{name: "no body", path: "/things/a", status: 400},
		{name: "too long", path: "/things/a", body: `{"size":1` + strings.Repeat(" ", 100) + `}`, status: 413},
		{name: "a form", path: "/things/a", contentType: "application/x-www-form-urlencoded", body: `size=1`, status: 415},
		{name: "wants HTML", path: "/things/a", accept: "text/html", body: `{"size":1}`, status: 406},
		{name: "wants anything but JSON", path: "/things/a", accept: "application/json;q=0", body: `{"size":1}`, status: 406},
		{name: "elsewhere", path: "/thing", body: `{"size":1}`, status: 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", orElse(test.contentType, "application/json"))
			r.Header.Set("Accept", test.accept)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("%d %s, want %d", w.Code, w.Body, test.status)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("an answer may be kept")
			}
			if test.status == 200 {
				return
			}
			var p problem.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if p.Status != test.status || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || w.Header().Get("Content-Type") != problem.ContentType {
				t.Errorf("%+v of type %s", p, w.Header().Get("Content-Type"))
			}
			if test.location != "" && (len(p.Errors) != 1 || p.Errors[0].Location != test.location || p.Errors[0].Message == "") {
				t.Errorf("errors %+v, want one at %s", p.Errors, test.location)
			}
		})
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func TestMoreRequestsThanSlotsAreToldToComeBack(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	handler := newMux(t, 1, func(context.Context, *thing) (*answer, *problem.Problem) {
		close(inside)
		<-release
		return &answer{}, nil
	})
	post := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/things/a", strings.NewReader(`{"size":1}`)))
		return w
	}
	first := make(chan int)
	go func() { first <- post().Code }()
	<-inside
	if w := post(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("a second request: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	close(release)
	if code := <-first; code != http.StatusOK {
		t.Errorf("the first request: %d", code)
	}
}

func TestTheDocumentNamesWhatIsAnswered(t *testing.T) {
	handler := newMux(t, 1, echo)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	responses := doc.Paths["/things/{name}"]["post"].Responses
	for _, status := range []string{"200", "400", "401", "406", "409", "413", "415", "503"} {
		if responses[status] == nil {
			t.Errorf("%s isn't documented", status)
		}
		delete(responses, status)
	}
	if len(responses) > 0 || doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s, also documented: %v", doc.OpenAPI, responses)
	}
}
