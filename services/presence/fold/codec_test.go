package fold

import (
	"fmt"
	"testing"
)

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	for key, value := range map[string]string{join("x", "room"): "{}", sessionKey("alice", "a1"): "no JSON", "": "{}"} {
		if e, err := New().Decode(key, []byte(value)); err == nil {
			t.Errorf("%q %s decodes to %+v", key, value, e)
		}
	}
}

func TestKeysKeepTheirPartsApart(t *testing.T) {
	parts := []string{"", "a", "b", "\x00", "\x01", "a\x00", "\x01\x02", "a\x00b"}
	seen := map[string]string{}
	for _, a := range parts {
		for _, b := range parts {
			key, name := join(a, b), fmt.Sprintf("%q %q", a, b)
			if other, taken := seen[key]; taken {
				t.Errorf("%s and %s have one key", name, other)
			}
			seen[key] = name
		}
	}
}
