package settings

import (
	"os"
	"strings"
	"testing"
)

func TestEnvName(t *testing.T) {
	if got := EnvName("leave-delay-clean"); got != "ROLLCALL_LEAVE_DELAY_CLEAN" {
		t.Errorf("EnvName: %s", got)
	}
}

func TestID(t *testing.T) {
	if got := (Identity{InstanceID: "edge-0"}).ID("edge"); got != "edge-0" {
		t.Errorf("set id: %s", got)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Skip("this host has no name")
	}
	first, second := (Identity{}).ID("edge"), (Identity{}).ID("edge")
	if first != second || first != defaultID("edge", host) || !strings.HasPrefix(first, "edge-") {
		t.Errorf("default ids %s and %s on host %s", first, second, host)
	}
}

func TestDefaultIDIsAlwaysAnIdentifier(t *testing.T) {
	for _, host := range []string{"", "node.example.org", "weird host/ü", strings.Repeat("long", 100)} {
		id := defaultID("presence", host)
		if err := checkID(id); err != nil {
			t.Errorf("host %q: %v", host, err)
		}
	}
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{
		"": true, "edge-0.eu_west": true, "a b": false, "ä": false, "a/b": false,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
	} {
		if err := checkID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}
