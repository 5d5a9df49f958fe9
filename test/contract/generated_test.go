package contract

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
)

// draw fills a value of any type of events/schema with something its writer
// may have meant.
func draw(t *rapid.T, v reflect.Value, name string) {
	switch p := v.Addr().Interface().(type) {
	case *schema.Time:
		*p = schema.At(time.UnixMilli(rapid.Int64Range(1, 253402300799999).Draw(t, name)))
		return
	case *schema.Version:
		*p = schema.Version{Partition: rapid.Int32Min(0).Draw(t, name), Offset: rapid.Int64Min(0).Draw(t, name)}
		return
	case *schema.Sequence:
		*p = schema.Sequence{Offset: rapid.Int64Min(0).Draw(t, name), Index: int(rapid.Int32Min(0).Draw(t, name))}
		return
	case *json.RawMessage:
		*p = json.RawMessage(`{}`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(word(t, name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(number(t, name)))
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			draw(t, v.Field(i), tag)
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, name+" length")
		if n == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i), name)
		}
	case reflect.Map:
		drawMap(t, v, name)
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, name)))
	default:
		t.Fatalf("%s: don't know how to draw a %s", name, v.Type())
	}
}

func drawMap(t *rapid.T, v reflect.Value, name string) {
	n := rapid.IntRange(0, 2).Draw(t, name+" length")
	if n == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		key, value := rapid.String().Draw(t, name+" key"), rapid.String().Draw(t, name+" value")
		v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(value))
	}
}

var words = map[string][]string{
	"reason":    {"client_disconnect", "connection_lost", "edge_lost", "unsubscribed"},
	"initiator": {"client", "server", "network"}, "role": {"member", "watcher"},
	"action": {"kick", "message"}, "kind": {"edge", "presence", "notifier"}, "verdict": {"expired", "gap"},
	"encoding": {"", "base64"}, "channel": {"room.1", "A-z_0:9", strings.Repeat("c", 128)},
}

// word draws a string for a field of this name.
func word(t *rapid.T, name string) string {
	if list := words[name]; list != nil {
		return rapid.SampledFrom(list).Draw(t, name)
	}
	switch name {
	case "user":
		return rapid.StringMatching(`[a-zä@/%:\\" <>&]{1,40}`).Draw(t, name)
	case "session", "edge", "topic", "instance", "source", "id", "claim":
		return rapid.StringMatching(`[a-zA-Z0-9-]{1,30}`).Draw(t, name)
	}
	return rapid.String().Draw(t, name)
}

func number(t *rapid.T, name string) int {
	switch {
	case name == "close_code":
		return rapid.IntRange(1000, 4999).Draw(t, name)
	case name == "parts":
		return rapid.IntRange(1, 9).Draw(t, name)
	case strings.Contains(name, "partition"):
		return rapid.IntRange(0, 1<<31-1).Draw(t, name)
	}
	return rapid.IntRange(0, 1<<60).Draw(t, name)
}

func types(t testing.TB) []schema.Type {
	var all []schema.Type
	for name := range mustLoad(t).byName {
		if typ := schema.Type("rollcall." + name); schema.New(typ) != nil {
			all = append(all, typ)
		}
	}
	if len(all) != 16 {
		t.Fatalf("%d event types have schemas: %v", len(all), all)
	}
	return all
}

// Whatever an event's data are, what Encode makes of them is valid, and Decode
// gives them back.
func TestEncodedEventsAreValid(t *testing.T) {
	schemas := mustLoad(t)
	for _, typ := range types(t) {
		t.Run(string(typ), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data := schema.New(typ)
				draw(t, reflect.ValueOf(data).Elem(), "data")
				stamp := schema.Stamp{Source: schema.EdgeSource("edge-0", 41), Sequence: schema.Sequence{Offset: rapid.Int64Min(0).Draw(t, "offset")}}
				at := schema.At(time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "at")))
				_, value, err := schema.Encode(typ, rapid.String().Draw(t, "subject"), at, stamp, schema.TopicLifecycle, 3, data)
				if err != nil {
					t.Fatal(err)
				}
				if err := schemas.Event(value); err != nil {
					t.Fatalf("%s\n%v", value, err)
				}
				ev, again, err := schema.Decode(value)
				if err != nil {
					t.Fatalf("%s\n%v", value, err)
				}
				if !reflect.DeepEqual(again, data) || ev.Sequence != stamp.Sequence || ev.Time != at {
					t.Fatalf("%s\n got %+v\nwant %+v", value, again, data)
				}
			})
		})
	}
}

func TestEncodedRecordsAreValid(t *testing.T) {
	schemas := mustLoad(t)
	for name, zero := range map[string]any{
		"heartbeat": schema.Heartbeat{}, "deadletter": schema.DeadLetter{},
		"client.presence.state": schema.PresenceState{}, "client.presence.diff": schema.PresenceDiff{},
		"client.message": schema.Message{}, "client.session.closing": schema.SessionClosing{},
		"client.session.unsubscribed": schema.Unsubscribed{},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				value := reflect.New(reflect.TypeOf(zero))
				draw(t, value.Elem(), name)
				if f := value.Elem().FieldByName("Type"); f.IsValid() {
					f.SetString(strings.TrimPrefix(name, "client."))
				}
				checkRecord(t, schemas, name, value)
			})
		})
	}
}

// checkRecord encodes, validates and decodes the value behind a pointer.
func checkRecord(t *rapid.T, schemas *Schemas, name string, value reflect.Value) {
	text, err := json.Marshal(value.Interface())
	if err != nil {
		t.Fatal(err)
	}
	if err := schemas.Validate(name, text); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	again := reflect.New(value.Elem().Type())
	if err := json.Unmarshal(text, again.Interface()); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	twice, err := json.Marshal(again.Interface())
	if err != nil || string(twice) != string(text) {
		t.Fatalf("\nonce  %s\ntwice %s %v", text, twice, err)
	}
}

func TestEncodedMailboxRecordsAreValid(t *testing.T) {
	schemas := mustLoad(t)
	entries := map[schema.Type]func() any{schema.MailboxState: func() any { return new(schema.ChannelState) },
		schema.MailboxCommand: func() any { return new(schema.SessionCommand) }}
	for _, typ := range []schema.Type{schema.TypePresenceJoined, schema.TypePresenceLeft, schema.TypePresenceUpdated, schema.TypeMessagePublished} {
		entries[typ] = func() any { return schema.New(typ) }
	}
	for typ, zero := range entries {
		t.Run(string(typ), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				record := reflect.New(reflect.TypeFor[schema.MailboxRecord]())
				draw(t, record.Elem(), "record")
				r := record.Interface().(*schema.MailboxRecord)
				if r.Entries == nil {
					r.Entries = make([]schema.MailboxEntry, 1)
				}
				for i := range r.Entries {
					data := zero()
					draw(t, reflect.ValueOf(data).Elem(), fmt.Sprint("entry ", i))
					raw, err := json.Marshal(data)
					if err != nil {
						t.Fatal(err)
					}
					r.Entries[i].Type, r.Entries[i].Data = typ, raw
					r.Entries[i].Channel = "room.1"
				}
				checkRecord(t, schemas, "mailbox", record)
			})
		})
	}
}
