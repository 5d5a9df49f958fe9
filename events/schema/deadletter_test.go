package schema

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestADeadLetterIsBounded(t *testing.T) {
	for name, fill := range map[string]byte{"control characters": 1, "text": 'x', "no text": 0xff} {
		long := bytes.Repeat([]byte{fill}, 2_000_000)
		d := DeadLetter{Topic: TopicMailbox, Key: long, Value: long, Error: string(long)}.Bounded()
		value, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(value) + len(d.Key); n > 900_000 || !strings.Contains(d.Error, "of 2000000 bytes") {
			t.Errorf("%s: %d bytes, error ends with %q", name, n, d.Error[max(0, len(d.Error)-50):])
		}
	}
	d := DeadLetter{Key: []byte("k"), Value: []byte("v"), Error: "why"}.Bounded()
	if string(d.Key) != "k" || string(d.Value) != "v" || d.Text != "v" || d.Error != "why" {
		t.Errorf("a short one: %+v", d)
	}
}
