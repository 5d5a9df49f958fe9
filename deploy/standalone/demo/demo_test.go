package demo

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	maps.Copy(request.Header, header)
	recorder := httptest.NewRecorder()
	Handler().ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	return string(content)
}

func TestPageIsServedWithItsPolicy(t *testing.T) {
	response := get(t, http.MethodGet, "/", nil)
	if response.StatusCode != http.StatusOK || !strings.Contains(body(t, response), "<title>Rollcall demo</title>") {
		t.Fatalf("GET / answered %d without the page", response.StatusCode)
	}
	policy := response.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q is not strict", policy)
	}
	if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options is %q", got)
	}
}

// What the page and its modules name must exist, with the right type, and none
// of it may come from another host.
func TestEveryReferenceIsServed(t *testing.T) {
	reference := regexp.MustCompile(`(?:src|href)="([^"]+)"|from "([^"]+)"`)
	todo, seen := []string{"/"}, map[string]bool{}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		response := get(t, http.MethodGet, path, nil)
		if response.StatusCode != http.StatusOK {
			t.Errorf("GET %s answered %d", path, response.StatusCode)
			continue
		}
		if !strings.HasSuffix(path, ".mjs") && path != "/" {
			continue
		}
		for _, match := range reference.FindAllStringSubmatch(body(t, response), -1) {
			name := match[1] + match[2]
			if strings.Contains(name, "//") {
				t.Errorf("%s names another host: %s", path, name)
				continue
			}
			todo = append(todo, "/"+strings.TrimPrefix(name, "./"))
		}
	}
	if len(seen) < 8 {
		t.Errorf("only %d files are reachable from the page: %v", len(seen), seen)
	}
}

func TestContentTypes(t *testing.T) {
	for path, want := range map[string]string{
		"/":                                "text/html; charset=utf-8",
		"/main.mjs":                        "text/javascript; charset=utf-8",
		"/demo.css":                        "text/css; charset=utf-8",
		"/icon.svg":                        "image/svg+xml",
		"/vendor/stompjs-7.5.0.umd.min.js": "text/javascript; charset=utf-8",
		"/vendor/stompjs-LICENSE.txt":      "text/plain; charset=utf-8",
	} {
		if got := get(t, http.MethodGet, path, nil).Header.Get("Content-Type"); got != want {
			t.Errorf("%s has type %q, want %q", path, got, want)
		}
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/vendor/", http.StatusNotFound},
		{http.MethodGet, "/static/index.html", http.StatusNotFound},
		{http.MethodGet, "/../demo.go", http.StatusNotFound},
		{http.MethodGet, "/ws", http.StatusNotFound},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodHead, "/main.mjs", http.StatusOK},
	} {
		response := get(t, test.method, test.path, nil)
		if response.StatusCode != test.want {
			t.Errorf("%s %s answered %d, want %d", test.method, test.path, response.StatusCode, test.want)
		}
		if test.method == http.MethodHead && body(t, response) != "" {
			t.Errorf("HEAD %s has a body", test.path)
		}
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	etag := get(t, http.MethodGet, "/demo.css", nil).Header.Get("ETag")
	if etag == "" {
		t.Fatal("no ETag")
	}
	response := get(t, http.MethodGet, "/demo.css", http.Header{"If-None-Match": {etag}})
	if response.StatusCode != http.StatusNotModified {
		t.Errorf("answered %d, want 304", response.StatusCode)
	}
}

// Inline code or style would be blocked by the policy and fail silently, and
// markup sinks would be the way in for a user's name.
func TestNothingThatThePolicyForbids(t *testing.T) {
	page := body(t, get(t, http.MethodGet, "/", nil))
	for _, forbidden := range []string{"<style", " style=", " onclick=", "<script>", "javascript:"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for path, file := range load(static) {
		if !strings.HasSuffix(path, ".mjs") {
			continue
		}
		for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(string(file.body), sink) {
				t.Errorf("%s uses %s", path, sink)
			}
		}
	}
}

func TestUnknownExtensionStopsTheBuild(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a file without a content type was accepted")
		}
	}()
	load(fstest.MapFS{"static/x.wasm": &fstest.MapFile{Data: []byte("x")}})
}
