package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestModeMustBeNamed(t *testing.T) {
	for _, mode := range []string{"", "jwt", "None", "no"} {
		a, err := New(mode)
		if err == nil || a != nil {
			t.Errorf("mode %q was accepted", mode)
			continue
		}
		if !strings.Contains(err.Error(), "none") || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("mode %q: %q doesn't say in one line what would be right", mode, err)
		}
	}
	if _, err := New(None); err != nil {
		t.Fatal(err)
	}
}

func TestNoneTakesTheLoginForTheUser(t *testing.T) {
	a, err := New(None)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		login string
		ok    bool
	}{
		{"alice", true},
		{"Ångström", true},
		{strings.Repeat("x", 128), true},
		{"", false},
		{strings.Repeat("x", 129), false},
		{"a\nb", false},
		{"a\x00b", false},
		{"\xff", false},
	} {
		id, err := a.Authenticate(t.Context(), Credentials{Login: tc.login, Passcode: "x"})
		if tc.ok && (err != nil || id.User != tc.login) {
			t.Errorf("%q: got %+v, %v", tc.login, id, err)
		}
		if !tc.ok && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: got %v, want ErrRefused", tc.login, err)
		}
	}
}
