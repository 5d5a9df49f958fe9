package schema

import (
	"encoding/json"
	"testing"
	"time"
)

func TestEncodeDecodeKeepsEverything(t *testing.T) {
	at := At(time.Date(2026, 11, 20, 10, 0, 0, 123_456_789, time.UTC))
	in := &SessionSubscribed{Ref: Ref{Session: "s1", User: "alice", Edge: "edge-0", Epoch: 41},
		Subscription: Subscription{ID: "sub-0", Destination: "/topic/room.1", Channel: "room.1", Role: RoleMember}}
	stamp := Stamp{Source: EdgeSource("edge-0", 41), Sequence: Sequence{Offset: 1042}}
	_, value, err := Encode(TypeSessionSubscribed, "alice", at, stamp, TopicLifecycle, 3, in)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(value, &raw); err != nil {
		t.Fatal(err)
	}
	if raw["sequence"] != "0000000000001042.0000" || raw["time"] != "2026-11-20T10:00:00.123Z" || raw["source"] != "/edges/edge-0/41" {
		t.Fatalf("wire form: %s", value)
	}
	ev, data, err := Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	if got := data.(*SessionSubscribed); *got != *in || ev.Sequence != stamp.Sequence || !ev.Time.Equal(at.Time) {
		t.Fatalf("got %+v %+v", ev, got)
	}
}
