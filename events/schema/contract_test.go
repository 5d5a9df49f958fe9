package schema

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The Go types, the JSON Schemas and the examples are held together here
// without a validator; test/contract validates with one.

// plainTypes are the schemas that aren't an event's data, with their Go types.
var plainTypes = map[string]any{
	"event": Event{}, "heartbeat": Heartbeat{}, "mailbox": MailboxRecord{}, "deadletter": DeadLetter{},
	"client.presence.state": PresenceState{}, "client.presence.diff": PresenceDiff{},
	"client.message": Message{}, "client.session.closing": SessionClosing{},
	"client.session.unsubscribed": Unsubscribed{},
}

type node = map[string]any

// schemas are the files of jsonschema/, by name without ".json".
func schemas(t testing.TB) map[string]node {
	return load(t, "jsonschema")
}

func load(t testing.TB, dir string) map[string]node {
	files, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	all := map[string]node{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc node
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = doc
	}
	return all
}

// schemaOf names the schema of an event type.
func schemaOf(typ Type) string { return strings.TrimPrefix(string(typ), "rollcall.") }

// resolve follows the $ref of a node that stands in the named file.
func resolve(t *testing.T, all map[string]node, file string, n node) (string, node) {
	ref, ok := n["$ref"].(string)
	if !ok {
		return file, n
	}
	name, path, _ := strings.Cut(ref, "#")
	if name != "" {
		file = strings.TrimSuffix(name, ".json")
	}
	target, ok := all[file]
	if !ok {
		t.Fatalf("$ref %s: no such file", ref)
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if step == "" {
			continue
		}
		if target, ok = target[step].(node); !ok {
			t.Fatalf("$ref %s: no %s", ref, step)
		}
	}
	return resolve(t, all, file, target)
}

type field struct {
	name     string
	typ      reflect.Type
	required bool
}

// fieldsOf lists the JSON fields of a struct, embedded ones included.
func fieldsOf(typ reflect.Type) map[string]field {
	fields := map[string]field{}
	for f := range typ.Fields() {
		if f.Anonymous && f.Tag.Get("json") == "" {
			maps.Copy(fields, fieldsOf(f.Type))
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = field{name: name, typ: f.Type, required: !strings.HasPrefix(options, "omit")}
	}
	return fields
}

// compare holds a struct against the schema of an object, and goes down into
// structs and lists of them.
func compare(t *testing.T, all map[string]node, file, path string, n node, typ reflect.Type) {
	file, n = resolve(t, all, file, n)
	properties, _ := n["properties"].(node)
	required := map[string]bool{}
	for _, name := range anyList(n["required"]) {
		required[name.(string)] = true
	}
	fields := fieldsOf(typ)
	for name := range properties {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s.%s is in the schema, %s has no such field", path, name, typ)
		}
	}
	for name, f := range fields {
		property, ok := properties[name].(node)
		if !ok {
			t.Errorf("%s.%s is in %s, the schema has no such property", path, name, typ)
			continue
		}
		if f.required != required[name] {
			t.Errorf("%s.%s: written always is %v, required is %v", path, name, f.required, required[name])
		}
		propertyFile, property := resolve(t, all, file, property)
		compareKind(t, path+"."+name, property, f.typ)
		switch inner := f.typ; {
		case inner.Kind() == reflect.Struct && wantKind(inner) == "object":
			compare(t, all, propertyFile, path+"."+name, property, inner)
		case inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct:
			items, _ := property["items"].(node)
			compare(t, all, propertyFile, path+"."+name+"[]", items, inner.Elem())
		}
	}
}

func anyList(v any) []any {
	list, _ := v.([]any)
	return list
}

// wantKind is the JSON type that a Go type is written as.
func wantKind(typ reflect.Type) string {
	switch reflect.New(typ).Interface().(type) {
	case *Time, *Version, *Sequence, *[]byte:
		return "string"
	case *json.RawMessage:
		return "object"
	}
	switch typ.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "unknown " + typ.String()
}

func compareKind(t *testing.T, path string, property node, typ reflect.Type) {
	kinds := anyList(property["type"])
	if one, ok := property["type"].(string); ok {
		kinds = []any{one}
	}
	if property["enum"] != nil || property["const"] != nil {
		kinds = []any{"string"} // all of ours are
	}
	if want := wantKind(typ); !slices.Contains(kinds, any(want)) {
		t.Errorf("%s: the schema says %v, %s is written as %s", path, kinds, typ, want)
	}
	if property["description"] == nil && property["enum"] == nil && property["const"] == nil && typ.Kind() != reflect.Slice {
		switch path { // plain enough without
		case "mailbox.entries[].data":
		default:
			t.Errorf("%s has no description", path)
		}
	}
}

func TestTypesAndSchemasAreTheSame(t *testing.T) {
	all := schemas(t)
	known := map[string]bool{"common": true}
	for name, zero := range plainTypes {
		known[name] = true
		if all[name] == nil {
			t.Errorf("no schema of %s", name)
			continue
		}
		compare(t, all, name, name, all[name], reflect.TypeOf(zero))
	}
	for typ := range registry {
		name := schemaOf(typ)
		known[name] = true
		if all[name] == nil {
			t.Errorf("no schema of %s", typ)
			continue
		}
		data := reflect.TypeOf(New(typ)).Elem()
		compare(t, all, name, name, node{"$ref": "#/$defs/data"}, data)
		if title := all[name]["title"]; title != data.Name() {
			t.Errorf("%s has the title %v, its type is %s", name, title, data.Name())
		}
	}
	compare(t, all, "mailbox", "state", node{"$ref": "#/$defs/state"}, reflect.TypeFor[ChannelState]())
	for name, doc := range all {
		if !known[name] {
			t.Errorf("jsonschema/%s.json belongs to no type", name)
		}
		if id := doc["$id"]; id != "https://rollcall.dev/schemas/"+name+".json" {
			t.Errorf("%s has the $id %v", name, id)
		}
	}
}

func TestReasonsAndOtherWordsAreTheSame(t *testing.T) {
	defs := schemas(t)["common"]["$defs"].(node)
	for name, words := range map[string][]string{
		"reason": {string(ReasonClientDisconnect), string(ReasonClientClose), string(ReasonConnectionLost),
			string(ReasonHeartbeatTimeout), string(ReasonIdleTimeout), string(ReasonMaxSessionAge),
			string(ReasonTokenExpired), string(ReasonKicked), string(ReasonSuperseded), string(ReasonPolicyViolation),
			string(ReasonProtocolError), string(ReasonTooLarge), string(ReasonSlowConsumer),
			string(ReasonServerShutdown), string(ReasonEdgeLost), string(ReasonUnsubscribed)},
		"initiator": {string(InitiatorClient), string(InitiatorServer), string(InitiatorNetwork)},
		"role":      {string(RoleMember), string(RoleWatcher)},
	} {
		var got []string
		for _, word := range anyList(defs[name].(node)["enum"]) {
			got = append(got, word.(string))
		}
		if !slices.Equal(got, words) {
			t.Errorf("%s: the schema has %v, Go has %v", name, got, words)
		}
	}
}
