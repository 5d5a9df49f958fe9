package transport_test

import (
	"testing"

	"rollcall.dev/services/edge/transport"
)

// Every cause has a name of its own: they stand in logs and close frames.
func TestCausesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for c := transport.Local; c <= transport.Panic; c++ {
		name := c.String()
		if name == "unknown" || seen[name] {
			t.Errorf("cause %d is called %q", c, name)
		}
		seen[name] = true
	}
	if got := transport.Cause(99).String(); got != "unknown" {
		t.Errorf("cause 99 is called %q", got)
	}
}
