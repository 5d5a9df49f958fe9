package problem

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"testing"
)

func TestUnavailableSaysWhenToComeBack(t *testing.T) {
	w := httptest.NewRecorder()
	Unavailable("partition %d is moving", 7).Write(w)
	var got Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := Problem{Type: "about:blank", Title: "Not answered here now", Status: 503, Detail: "partition 7 is moving"}
	if w.Code != 503 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d %+v, want %+v", w.Code, got, want)
	}
	for name, value := range map[string]string{"Retry-After": "1", "Content-Type": "application/problem+json", "Cache-Control": "no-store"} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestOtherProblemsAreFinal(t *testing.T) {
	w := httptest.NewRecorder()
	Problem{Status: 400, Title: "Not a user id"}.Write(w)
	if w.Code != 400 || w.Header().Get("Retry-After") != "" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestABadPartIsNamed(t *testing.T) {
	p := Bad("path.user", errors.New("user id is empty"))
	if p.Status != 400 || p.Detail == "" || len(p.Errors) != 1 || p.Errors[0].Location != "path.user" {
		t.Errorf("%+v", p)
	}
}
