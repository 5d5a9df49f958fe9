package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/internal/problem"
)

// requests meet every operation, and each status that it may answer with while
// the instance runs.
func requests() []struct {
	request
	status   int
	location string
} {
	html := map[string]string{"Accept": "text/html"}
	key := func(k string) map[string]string { return map[string]string{"Idempotency-Key": k} }
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	long := strings.Repeat("x", 129)
	ids := func(n int) string { return `{"users":[` + strings.TrimSuffix(strings.Repeat(`"a",`, n), ",") + `]}` }
	return []struct {
		request
		status   int
		location string
	}{
		{request{"GET", "/v1/users/alice", "", nil}, 200, ""},
		{request{"GET", "/v1/users/a%00b", "", nil}, 400, "path.user"},
		{request{"GET", "/v1/users/%FF", "", nil}, 400, "path.user"},
		{request{"GET", "/v1/users/" + long, "", nil}, 400, "path.user"},
		{request{"GET", "/v1/users/alice", "", html}, 406, ""},

		{request{"POST", "/v1/users:batchGet", ids(1000), nil}, 200, ""},
		{request{"POST", "/v1/users:batchGet", ids(1001), nil}, 400, "body.users"},
		{request{"POST", "/v1/users:batchGet", `{"users":[]}`, nil}, 400, "body.users"},
		{request{"POST", "/v1/users:batchGet", `{"users":["a",""]}`, nil}, 400, "body.users[1]"},
		{request{"POST", "/v1/users:batchGet", `{"users":["a",7]}`, nil}, 400, "body.users[1]"},
		{request{"POST", "/v1/users:batchGet", `{"ids":["a"],"users":["a"]}`, nil}, 400, "body.ids"},
		{request{"POST", "/v1/users:batchGet", `[]`, nil}, 400, "body"},
		{request{"POST", "/v1/users:batchGet", `{`, nil}, 400, "body"},
		{request{"POST", "/v1/users:batchGet", "", nil}, 400, ""},
		{request{"POST", "/v1/users:batchGet", ids(1), html}, 406, ""},
		{request{"POST", "/v1/users:batchGet", `{"users":["` + strings.Repeat("x", batchBody) + `"]}`, nil}, 413, ""},
		{request{"POST", "/v1/users:batchGet", "users=a", form}, 415, ""},

		{request{"GET", "/v1/users/alice/sessions", "", nil}, 200, ""},
		{request{"GET", "/v1/users/a%0Ab/sessions", "", nil}, 400, "path.user"},
		{request{"GET", "/v1/users/alice/sessions", "", html}, 406, ""},

		{request{"GET", "/v1/users/alice/sessions/s1", "", nil}, 200, ""},
		{request{"GET", "/v1/users/a%00b/sessions/s1", "", nil}, 400, "path.user"},
		{request{"GET", "/v1/users/alice/sessions/s9", "", nil}, 404, ""},
		{request{"GET", "/v1/users/alice/sessions/s1", "", html}, 406, ""},

		{request{"GET", "/v1/edges", "", nil}, 200, ""},
		{request{"GET", "/v1/edges", "", html}, 406, ""},

		{request{"DELETE", "/v1/users/nobody/sessions?note=sp%C3%A4m+and%20more", "", key("a-key")}, 202, ""},
		{request{"DELETE", "/v1/users/a%00b/sessions", "", nil}, 400, "path.user"},
		{request{"DELETE", "/v1/users/alice/sessions?note=" + strings.Repeat("x", 257), "", nil}, 400, "query.note"},
		{request{"DELETE", "/v1/users/alice/sessions?note=a%0Ab", "", nil}, 400, "query.note"},
		{request{"DELETE", "/v1/users/alice/sessions", "", key(long)}, 400, "header.Idempotency-Key"},
		{request{"DELETE", "/v1/users/alice/sessions", "", key("a key")}, 400, "header.Idempotency-Key"},
		{request{"DELETE", "/v1/users/alice/sessions", "", html}, 406, ""},

		{request{"DELETE", "/v1/users/nobody/sessions/s1", "", nil}, 202, ""},
		{request{"DELETE", "/v1/users/alice/sessions/%FF", "", nil}, 400, "path.session"},
		{request{"DELETE", "/v1/users/alice/sessions/" + long, "", nil}, 400, "path.session"},
		{request{"DELETE", "/v1/users/alice/sessions/s1", "", html}, 406, ""},

		{request{"POST", "/v1/users/nobody/messages", `{"body":"hi","content_type":"text/plain"}`, key("b-key")}, 202, ""},
		{request{"POST", "/v1/users/nobody/messages", `{"content_type":"text/plain"}`, nil}, 400, "body"},
		{request{"POST", "/v1/users/nobody/messages", `{"body":"x","to":"y"}`, nil}, 400, "body.to"},
		{request{"POST", "/v1/users/nobody/messages", `{"body":"x","content_type":"a\nb"}`, nil}, 400, "body.content_type"},
		{request{"POST", "/v1/users/a%00b/messages", `{"body":"x"}`, nil}, 400, "path.user"},
		{request{"POST", "/v1/users/alice/messages", `{"body":"x"}`, html}, 406, ""},
		{request{"POST", "/v1/users/alice/messages", `{"body":"` + strings.Repeat("x", messageBody) + `"}`, nil}, 413, ""},
		// Fits into the request, and would not into a frame: JSON writes each as six bytes.
		{request{"POST", "/v1/users/alice/messages", `{"body":"` + strings.Repeat("\u2028", messageBody/3-10) + `"}`, nil}, 413, ""},
		{request{"POST", "/v1/users/alice/messages", "body=x", form}, 415, ""},
	}
}

// Every operation answers as the document says, with each status it names.
func TestEveryAnswerIsAsDocumented(t *testing.T) {
	r := newRig(t, "presence-0")
	r.connect("alice", "s1")
	r.eventually("/v1/users/alice", func(u User) bool { return u.Status == online })
	early := notStarted(t)
	for _, test := range requests() {
		name := fmt.Sprintf("%s %.80s %.60s: %d", test.method, test.path, test.body, test.status)
		var body json.RawMessage
		res := r.do(t, r.urls[0], test.request, &body)
		if res.StatusCode != test.status {
			t.Errorf("%s: answered %d %s", name, res.StatusCode, body)
			continue
		}
		if test.status < 300 {
			checkEarly(t, r, early, test.request)
			checkUnknown(t, r, test.request)
			continue
		}
		var p problem.Problem
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatal(err)
		}
		if p.Status != test.status || p.Title == "" || p.Detail == "" {
			t.Errorf("%s: %+v", name, p)
		}
		if test.location != "" && (len(p.Errors) != 1 || p.Errors[0].Location != test.location) {
			t.Errorf("%s: errors %+v, want one at %s", name, p.Errors, test.location)
		}
	}
	if missing := r.unseen(); len(missing) > 0 {
		t.Errorf("documented, but no answer had it: %v", missing)
	}
}

// checkEarly sends a right request to an instance that hasn't started.
func checkEarly(t *testing.T, r *rig, url string, req request) {
	t.Helper()
	var p problem.Problem
	res := r.do(t, url, req, &p)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1" || !strings.Contains(p.Detail, "Kafka") {
		t.Errorf("%s %s: before the start %d %+v, Retry-After %q", req.method, req.path, res.StatusCode, p, res.Header.Get("Retry-After"))
	}
}

// checkUnknown sends a right request without the admin token.
func checkUnknown(t *testing.T, r *rig, req request) {
	t.Helper()
	req.header = map[string]string{"Authorization": "Bearer " + adminToken[1:]}
	var p problem.Problem
	if res := r.do(t, r.urls[0], req, &p); res.StatusCode != http.StatusUnauthorized || p.Status != http.StatusUnauthorized {
		t.Errorf("%s %s without the admin token: %d %+v", req.method, req.path, res.StatusCode, p)
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	status, body := hosttest.Get(t, notStarted(t)+"/openapi.json")
	if status != http.StatusOK || !strings.Contains(body, `"openapi": "3.1.0"`) || !strings.Contains(body, "batchGetUsers") {
		t.Errorf("%d %.200s", status, body)
	}
}

func TestOtherPathsAndMethodsAreProblems(t *testing.T) {
	url := notStarted(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/users", 404}, {"GET", "/v1/users/a/b", 404}, {"GET", "/", 404},
		{"PUT", "/v1/users/a", 405}, {"GET", "/v1/users:batchGet", 405}, {"POST", "/v1/edges", 405},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != test.status || res.Header.Get("Content-Type") != problem.ContentType {
			t.Errorf("%s %s: %d of type %s", test.method, test.path, res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
