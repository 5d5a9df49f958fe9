package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 11, 20, 10, 0, 0, 123_456_789, time.UTC)

// marshalStandard is what encoding/json says without HTML in mind.
func marshalStandard(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// encodeStandard is Encode by encoding/json alone.
func encodeStandard(t Type, subject string, at Time, stamp Stamp, topic string, partition int32, data any) (string, []byte, error) {
	raw, err := marshalStandard(data)
	if err != nil {
		return "", nil, err
	}
	ev := Event{SpecVersion: "1.0", ID: EventID(stamp.Source, topic, partition, stamp.Sequence), Source: stamp.Source,
		Type: t, Subject: subject, Time: at, Sequence: stamp.Sequence, Data: raw}
	value, err := marshalStandard(&ev)
	return ev.ID, value, err
}

// FuzzEncode holds the append encoder against encoding/json, byte by byte.
func FuzzEncode(f *testing.F) {
	f.Add("rollcall.presence.left.v1", "room.1", "/edges/edge-0/41", int64(1042), 0, int64(1_795_168_800_123), "alice", "hi")
	f.Add("t", "", "/tasks/presence-01K/7", int64(1)<<62, 99999, int64(0), "<b>&", "\u2028 \x00 \xff \"\\")
	f.Add("", "\xc3\x28", "ä<>", int64(0), 1<<30, int64(-1), "\x7f", "日本")
	f.Fuzz(func(t *testing.T, typ, subject, source string, offset int64, index int, ms int64, user, body string) {
		if offset < 0 || index < 0 {
			return // no sequence is
		}
		at := At(time.UnixMilli(ms % (1 << 47)))
		stamp := Stamp{Source: source, Sequence: Sequence{Offset: offset, Index: index}}
		data := &MessagePublished{Channel: "c", User: user, Body: body}
		id, value, err := Encode(Type(typ), subject, at, stamp, TopicChannelEvents, 3, data)
		wantID, want, wantErr := encodeStandard(Type(typ), subject, at, stamp, TopicChannelEvents, 3, data)
		if err != nil || wantErr != nil {
			t.Fatal(err, wantErr)
		}
		if id != wantID || string(value) != string(want) {
			t.Fatalf("\n got %s\nwant %s", value, want)
		}
	})
}

func TestEncodeEqualsEncodingJSON(t *testing.T) {
	for name, data := range benchmarkEvents() {
		for _, subject := range []string{"", "alice", "ä<&>\"\\", "@bob"} {
			_, value, err := Encode(benchmarkTypes[name], subject, At(testTime), benchmarkStamp, TopicLifecycle, 7, data)
			_, want, wantErr := encodeStandard(benchmarkTypes[name], subject, At(testTime), benchmarkStamp, TopicLifecycle, 7, data)
			if err != nil || wantErr != nil || string(value) != string(want) {
				t.Fatalf("\n got %s %v\nwant %s %v", value, err, want, wantErr)
			}
		}
	}
}

func TestEncodeRefusesWhatHasNoJSON(t *testing.T) {
	data := &SessionConnected{Claims: map[string]any{"f": func() {}}}
	_, value, err := Encode(TypeSessionConnected, "alice", At(testTime), benchmarkStamp, TopicLifecycle, 0, data)
	if err == nil || !strings.Contains(err.Error(), string(TypeSessionConnected)) {
		t.Fatalf("%s %v", value, err)
	}
}

func TestMetaIsNeverNull(t *testing.T) {
	for want, meta := range map[string]Meta{
		`{}`:                          nil,
		`{"a":"1","b":"<>&\""}`:       {"b": `<>&"`, "a": "1"},
		`{"\u0001ä":"\ufffd","z":""}`: {"z": "", "\x01ä": "\xff"},
	} {
		got, err := Marshal(Member{User: "u", Meta: meta})
		if err != nil || string(got) != fmt.Sprintf(`{"user":"u","meta":%s}`, want) {
			t.Errorf("%s %v, want meta %s", got, err, want)
		}
		standard, _ := marshalStandard(map[string]string(meta))
		if meta != nil && string(standard) != want {
			t.Errorf("encoding/json writes %s", standard)
		}
	}
}

// A body is as long on the wire as people wrote it: no page is made of it as it
// is. Types with a MarshalJSON of their own are no exception.
func TestNothingIsEscapedForHTML(t *testing.T) {
	const text = "<b>&\u2028"
	const quoted = `"<b>&\u2028"`
	for want, value := range map[string]any{
		quoted:                            text,
		`{` + quoted + `:` + quoted + `}`: Meta{text: text},
		`{"type":"","channel":"c","version":"1:2","count":0,"truncated":false,"members":[{"user":` + quoted + `,"meta":{}}]}`: PresenceState{
			Channel: "c", Version: Version{1, 2}, Members: []Member{{User: text}}},
		`{"type":"","channel":"c","version":"1:2","count":0,"joined":[],"updated":[],"left":[{"user":` + quoted + `,"reason":""}]}`: PresenceDiff{
			Channel: "c", Version: Version{1, 2}, Left: []Departure{{User: text}}},
	} {
		if got, err := Marshal(value); err != nil || string(got) != want {
			t.Errorf("\n got %s %v\nwant %s", got, err, want)
		}
	}
	if _, err := Marshal(func() {}); err == nil {
		t.Error("a function has JSON")
	}
}

func TestListsForClientsAreNeverNull(t *testing.T) {
	for want, value := range map[string]any{
		`{"type":"","channel":"c","version":"1:2","count":0,"truncated":false,"members":[]}`:     PresenceState{Channel: "c", Version: Version{1, 2}},
		`{"type":"","channel":"c","version":"1:2","count":0,"joined":[],"updated":[],"left":[]}`: &PresenceDiff{Channel: "c", Version: Version{1, 2}},
	} {
		if got, err := json.Marshal(value); err != nil || string(got) != want {
			t.Errorf("\n got %s %v\nwant %s", got, err, want)
		}
	}
}
