package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// good is a whole event in the canonical form, which the tests break.
const good = `{"specversion":"1.0","id":"i","source":"/edges/edge-0/41","type":"rollcall.session.subscribed.v1",` +
	`"subject":"alice","time":"2026-11-20T10:00:00.123Z","sequence":"0000000000000007.0000",` +
	`"data":{"session":"s1","user":"alice","edge":"edge-0","epoch":41,"subscription":"a","destination":"/topic/room.1","channel":"room.1","role":"member"}}`

func TestDecodeRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"not JSON":              {good, `nonsense`},
		"empty":                 {good, ``},
		"another JSON type":     {good, `["event"]`},
		"null":                  {good, `null`},
		"cut short":             {`"member"}}`, `"member"}`},
		"trailing bytes":        {`"member"}}`, `"member"}} {}`},
		"another specversion":   {`"1.0"`, `"0.3"`},
		"no id":                 {`"id":"i",`, ``},
		"empty id":              {`"id":"i"`, `"id":""`},
		"no source":             {`"source":"/edges/edge-0/41",`, ``},
		"no type":               {`"type":"rollcall.session.subscribed.v1",`, ``},
		"time that isn't":       {`10:00:00.123Z`, `soon`},
		"sequence that isn't":   {`"0000000000000007.0000"`, `"7"`},
		"sequence as number":    {`"0000000000000007.0000"`, `7`},
		"no data":               {good[strings.Index(good, `,"data"`):], `}`},
		"data null":             {good[strings.Index(good, `{"session"`):], `null}`},
		"data of another type":  {good[strings.Index(good, `{"session"`):], `"text"}`},
		"no session":            {`"session":"s1",`, ``},
		"no user":               {`"user":"alice",`, ``},
		"empty user":            {`"user":"alice"`, `"user":""`},
		"user with a newline":   {`"user":"alice"`, `"user":"al\nice"`},
		"user too long":         {`"user":"alice"`, `"user":"` + strings.Repeat("a", 129) + `"`},
		"user as number":        {`"user":"alice"`, `"user":7`},
		"no edge":               {`"edge":"edge-0",`, ``},
		"epoch as text":         {`"epoch":41`, `"epoch":"41"`},
		"epoch too large":       {`"epoch":41`, `"epoch":9223372036854775808`},
		"no channel":            {`"channel":"room.1",`, ``},
		"unknown role":          {`"role":"member"`, `"role":"owner"`},
		"member of @bob":        {`"channel":"room.1"`, `"channel":"@bob"`},
		"data twice, bad last":  {`"member"}}`, `"member"},"data":{}}`},
		"garbage between":       {`"member"}}`, `"member"}}}`},
		"control byte in id":    {`"id":"i"`, "\"id\":\"\x01\""},
		"unterminated envelope": {`"subject":"alice"`, `"subject":"alice`},
	} {
		t.Run(name, func(t *testing.T) {
			value := strings.Replace(good, change[0], change[1], 1)
			if value == good {
				t.Fatal("the case changes nothing")
			}
			_, data, err := Decode([]byte(value))
			if err == nil {
				t.Fatalf("decoded to %+v", data)
			}
			if _, unknown := errors.AsType[*UnknownTypeError](err); unknown {
				t.Fatalf("taken for an unknown type: %v", err)
			}
		})
	}
}

func TestDecodeRefusesDataWithoutWhatTheyName(t *testing.T) {
	for _, typ := range slices.Sorted(maps.Keys(registry)) {
		if data, err := DecodeData(typ, []byte(`{}`)); err == nil {
			t.Errorf("%s: empty data gave %+v", typ, data)
		}
	}
}

func TestDecodeRefusesDataThatNoStateCanHold(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		typ        Type
		data, want string
	}{
		{TypeEdgeInterested, `{"channel":"c","edge":"e","epoch":1,"mailbox_partition":-1}`, "mailbox_partition -1"},
		{TypeSessionConnected, `{"session":"s","user":"u","edge":"e","mailbox_partition":-7}`, "mailbox_partition -7"},
		{TypeEdgeInterested, `{"channel":"` + long + `","edge":"e"}`, "channel has 300 bytes"},
		{TypeEdgeUninterested, `{"channel":"` + long + `","edge":"e"}`, "channel has 300 bytes"},
		{TypePresenceJoined, `{"channel":"` + long + `","user":"u"}`, "channel has 300 bytes"},
		{TypeMessagePublished, `{"channel":"` + long + `","body":"b"}`, "channel has 300 bytes"},
		{TypeSessionSubscribed, `{"session":"s","user":"u","edge":"e","role":"member","channel":"` + long + `"}`, "channel has 300 bytes"},
		{TypeEdgeStarted, `{"edge":"` + long + `"}`, "edge has 300 bytes"},
		{TypeSessionUpdated, `{"session":"s","user":"u","edge":"` + long + `"}`, "edge has 300 bytes"},
		{TypeLeaveDue, `{"user":"u","session":"` + long + `"}`, "session has 300 bytes"},
		{TypeOwnerStarted, `{"owner":"` + long + `","claim":"c"}`, "owner has 300 bytes"},
		{TypeOwnerStarted, `{"owner":"p","claim":"` + long + `"}`, "claim has 300 bytes"},
		{TypeOwnerStarted, `{"owner":"p","claim":""}`, "claim is missing"},
	} {
		if data, err := DecodeData(c.typ, []byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %q", c.typ, data, err, c.want)
		}
	}
	personal := Personal(strings.Repeat("u", MaxUserLen))
	for _, good := range []string{`{"channel":"c","edge":"e","mailbox_partition":2147483647}`, `{"channel":"` + personal + `","edge":"e"}`} {
		if _, err := DecodeData(TypeEdgeInterested, []byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestDecodeUnknownType(t *testing.T) {
	for _, typ := range []string{"rollcall.session.subscribed.v2", "rollcall.session.paused.v1", "org.example.other"} {
		value := strings.Replace(good, "rollcall.session.subscribed.v1", typ, 1)
		ev, data, err := Decode([]byte(value))
		unknown, ok := errors.AsType[*UnknownTypeError](err)
		if !ok || unknown.Type != Type(typ) || data != nil {
			t.Fatalf("%s: %v %v", typ, data, err)
		}
		if ev.ID != "i" || ev.Sequence.Offset != 7 || ev.Source == "" {
			t.Fatalf("the envelope of %s is lost: %+v", typ, ev)
		}
	}
}

func TestDecodeTakesWhatOtherWritersMake(t *testing.T) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(good), "", "\t"); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"indented":        indented.String(),
		"another order":   `{"type":"rollcall.edge.started.v1","data":{"epoch":1,"edge":"e"},"source":"s","id":"i","specversion":"1.0"}`,
		"more attributes": strings.Replace(good, `"subject"`, `"datacontenttype":"application/json","traceparent":"00-1-2-01","subject"`, 1),
		"more data":       strings.Replace(good, `"role"`, `"later":{"a":[1]},"role"`, 1),
		"no subject":      strings.Replace(good, `"subject":"alice",`, ``, 1),
		"a time zone":     strings.Replace(good, `10:00:00.123Z`, `12:00:00.123+02:00`, 1),
		"escapes":         strings.Replace(good, `"subject":"alice"`, `"subject":"\u0061lice"`, 1),
		"newline at end":  good + "\n",
	} {
		ev, data, err := Decode([]byte(value))
		if err != nil || data == nil {
			t.Errorf("%s: %v", name, err)
		}
		if zone := ev.Time.Location().String(); zone != "UTC" {
			t.Errorf("%s: time is in %s", name, zone)
		}
	}
}

func TestDecodeSharesNothingWithTheRecord(t *testing.T) {
	value := []byte(good)
	ev, data, err := Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	want := string(ev.Data)
	for i := range value {
		value[i] = 'x'
	}
	if string(ev.Data) != want || ev.ID != "i" || data.(*SessionSubscribed).User != "alice" {
		t.Fatalf("changed with the record: %+v", ev)
	}
}

// FuzzDecode holds the fast way against the general one, which is
// encoding/json: same event, same data, same error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	examples, err := filepath.Glob("examples/*.json")
	if err != nil || len(examples) == 0 {
		f.Fatal("no examples", err)
	}
	for _, file := range examples {
		value, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			f.Add(compact.Bytes())
		}
	}
	for _, odd := range []string{
		strings.Replace(good, `"data"`, `"data":{},"data"`, 1),
		strings.Replace(good, `"member"}}`, `"member"},"id":"j"}`, 1),
		strings.Replace(good, `"subject":"alice"`, "\"subject\":\"\xff\"", 1),
		strings.Replace(good, `"subject":"alice"`, `"subject":"ä\u00e4"`, 1),
		strings.Replace(good, `.123Z`, `.1234567Z`, 1),
	} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		ev, data, err := Decode(value)
		wantEv, wantData, wantErr := decodeAny(value)
		if errText(err) != errText(wantErr) {
			t.Fatalf("%q\n got error %v\nwant error %v", value, err, wantErr)
		}
		if !reflect.DeepEqual(data, wantData) || !reflect.DeepEqual(ev, wantEv) {
			t.Fatalf("%q\n got %+v %+v\nwant %+v %+v", value, ev, data, wantEv, wantData)
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(data)
		if err != nil {
			t.Fatalf("%q: what was decoded can't be encoded: %v", value, err)
		}
		if _, err := DecodeData(ev.Type, again); err != nil {
			t.Fatalf("%q: encoded again: %v", value, err)
		}
	})
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSplitCanonicalIsTakenForWhatEncodeWrites(t *testing.T) {
	for name, data := range benchmarkEvents() {
		_, value, err := Encode(benchmarkTypes[name], "älice", At(testTime), benchmarkStamp, TopicLifecycle, 7, data)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := splitCanonical(value); !ok {
			t.Errorf("%s goes the slow way: %s", name, value)
		}
	}
}
