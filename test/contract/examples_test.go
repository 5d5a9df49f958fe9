package contract

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestExamplesAreValid(t *testing.T) {
	schemas := mustLoad(t)
	shown := map[string]bool{"common": true, "event": true}
	for name, text := range examples(t) {
		schema := schemaFor(schemas, name)
		if schema == "" {
			t.Errorf("example %s belongs to no schema", name)
			continue
		}
		shown[schema] = true
		if err := schemas.Validate(schema, text); err != nil {
			t.Errorf("example %s: %v", name, err)
		}
	}
	for name := range schemas.byName {
		if !shown[name] {
			t.Errorf("schema %s has no example", name)
		}
	}
}

// A schema that takes everything proves nothing: each must refuse its example
// without any one of its required properties, and with one of a wrong type.
func TestSchemasRefuseWhatIsIncomplete(t *testing.T) {
	schemas := mustLoad(t)
	for name, text := range examples(t) {
		schema := schemaFor(schemas, name)
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for key, value := range doc {
			delete(doc, key)
			if !valid(t, schemas, schema, doc) {
				refused++
			}
			doc[key] = value
			if data, ok := value.(map[string]any); ok && key == "data" {
				refused += refusals(t, schemas, schema, doc, data)
			}
			doc[key] = []any{[]any{}}
			if valid(t, schemas, schema, doc) && key != "subject" {
				t.Errorf("%s: %s may be anything", name, key)
			}
			doc[key] = value
		}
		if refused < 2 {
			t.Errorf("%s: hardly anything is required (%d)", name, refused)
		}
	}
}

func refusals(t *testing.T, schemas *Schemas, schema string, doc, part map[string]any) (n int) {
	for key, value := range part {
		delete(part, key)
		if !valid(t, schemas, schema, doc) {
			n++
		}
		part[key] = []any{[]any{}}
		if valid(t, schemas, schema, doc) {
			t.Errorf("%s: data.%s may be anything", schema, key)
		}
		part[key] = value
	}
	return n
}

func valid(t *testing.T, schemas *Schemas, schema string, doc map[string]any) bool {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return schemas.Validate(schema, text) == nil
}

func TestUnknownPropertiesAreFine(t *testing.T) {
	schemas := mustLoad(t)
	for name, text := range examples(t) {
		added := strings.Replace(string(text), "{", `{"added_later": {"a": 1},`, 1)
		if err := schemas.Validate(schemaFor(schemas, name), []byte(added)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
