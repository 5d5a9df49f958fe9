package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// goType is a pointer to a new value of what an example shows.
func goType(t *testing.T, example string) any {
	for typ := range registry {
		if name := schemaOf(typ); example == name || strings.HasPrefix(example, name+".") {
			return New(typ)
		}
	}
	best := ""
	for name := range plainTypes {
		if (example == name || strings.HasPrefix(example, name+".")) && len(name) > len(best) {
			best = name
		}
	}
	if best == "" {
		t.Fatalf("example %s belongs to no type", example)
	}
	return reflect.New(reflect.TypeOf(plainTypes[best])).Interface()
}

func TestExamplesAreReadAndWrittenAlike(t *testing.T) {
	shown := map[string]map[string]bool{}
	for name, example := range load(t, "examples") {
		t.Run(name, func(t *testing.T) {
			value := goType(t, name)
			text, _ := json.Marshal(example)
			if example["specversion"] != nil {
				ev, data, err := Decode(text)
				if err != nil {
					t.Fatal(err)
				}
				if reflect.TypeOf(data) != reflect.TypeOf(value) {
					t.Fatalf("holds a %T, want %T", data, value)
				}
				checkStamp(t, ev)
				text, _ = json.Marshal(example["data"])
			}
			strict := json.NewDecoder(strings.NewReader(string(text)))
			strict.DisallowUnknownFields()
			if err := strict.Decode(value); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			if !sameJSON(text, again) {
				t.Fatalf("\nexample %s\nwritten %s", text, again)
			}
			typ := reflect.TypeOf(value).Elem()
			if shown[typ.Name()] == nil {
				shown[typ.Name()] = map[string]bool{}
			}
			note(shown[typ.Name()], text)
		})
	}
	everyFieldIsShown(t, shown)
}

// checkStamp holds an example's id against its source and sequence.
func checkStamp(t *testing.T, ev Event) {
	topic := TopicLifecycle
	if strings.Contains(ev.ID, TopicChannelEvents) {
		topic = TopicChannelEvents
	}
	source := ParseSource(ev.Source)
	for partition := range int32(16) {
		if source.Kind != SourceOther && ev.ID == EventID(ev.Source, topic, partition, ev.Sequence) {
			return
		}
	}
	t.Errorf("id %s is not of source %s and sequence %s", ev.ID, ev.Source, ev.Sequence)
}

func note(shown map[string]bool, text []byte) {
	var fields node
	if json.Unmarshal(text, &fields) == nil {
		for name := range fields {
			shown[name] = true
		}
	}
}

func everyFieldIsShown(t *testing.T, shown map[string]map[string]bool) {
	types := []any{Heartbeat{}, MailboxRecord{}, DeadLetter{}, PresenceState{}, PresenceDiff{}, Message{}, SessionClosing{}, Unsubscribed{}}
	for typ := range registry {
		types = append(types, reflect.ValueOf(New(typ)).Elem().Interface())
	}
	for _, zero := range types {
		typ := reflect.TypeOf(zero)
		for name := range fieldsOf(typ) {
			if !shown[typ.Name()][name] {
				t.Errorf("no example shows %s.%s", typ.Name(), name)
			}
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
