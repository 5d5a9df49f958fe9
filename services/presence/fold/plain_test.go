package fold

import (
	"encoding/json"
	"reflect"
	"testing"

	stream "rollcall.dev/events/stream/fold"
)

// What is plain means to decodePlain what it means to encoding/json.
func FuzzDecodePlain(f *testing.F) {
	for _, value := range []string{
		`{"user":"alice","session":"a1","edge":"e","epoch":41,"mailbox_partition":3,"protocol":"p","user_agent":"u",` +
			`"meta":{"color":"teal"},"status":"away","said":true,"connected":12,"connected_at":"2026-11-20T10:00:00.123Z",` +
			`"subscriptions":[{"subscription":"0","destination":"/topic/room.1","channel":"room.1","role":"member"}]}`,
		`{"user":"alice","channel":"room.1","since":"2026-11-20T10:00:00.123Z","meta":{"a":"b","c":"d"},"status":"s"}`,
		`{"user":"alice","session":"a1","last_seen":"2026-11-20T10:00:00.123Z","reason":"r","initiator":"i","cause":-7}`,
		`{"user":"a","user":"b"}`, `{"meta":{"a":"b","a":"c"}}`, `{"meta":{}}`, `{"User":"a"}`, `{}`, `{"epoch":012}`, `{"epoch":1e3}`,
		`{"epoch":-0}`, `{"epoch":-}`, `{"mailbox_partition":2147483648}`, `{"said":false}`, `{"status":null}`, `{"status":"\u0061"}`,
		"{\"status\":\"\x01\"}", "{\"status\":\"\xff\"}", `{"since":"0000-01-01T00:00:00Z"}`, `{"since":"2026-11-20T10:00:00+01:00"}`,
		`{"subscriptions":[]}`, `{"subscriptions":[{}]}`, `{"user":"a"} `, `{"user":"a"}x`, `{"user":"a",}`, `{"kick":{"note":"n"}}`,
	} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for kind, want := range map[string]stream.Entity{kindSession: new(Session), kindMembership: new(Membership), kindSeen: new(Seen)} {
			got, ok := decodePlain(kind, value)
			if !ok {
				continue
			}
			if err := json.Unmarshal(value, want); err != nil {
				t.Fatalf("%q decodes to %+v, and encoding/json says %v", value, got, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%q decodes to %+v, and by encoding/json to %+v", value, got, want)
			}
		}
	})
}

// Or a restore would be as slow as encoding/json.
func TestWhatEncodeWritesIsPlain(t *testing.T) {
	w := newWorld(t, grace)
	w.script("connect a1 E1 -> joined @alice alice", "subscribe a1 room -> joined room alice",
		"connect b1 E1 -> joined @bob bob", "logout b1 -> left @bob bob client_disconnect")
	n := 0
	for key, e := range w.store.Snapshot().Scan("") {
		value, err := New().Encode(nil, key, e)
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := part(key)
		if _, ok := decodePlain(kind, value); !ok {
			t.Errorf("%s isn't plain", value)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d entities, want a session, two memberships and when bob was seen", n)
	}
}
