// Package contract validates what Rollcall writes against the JSON Schemas of
// events/schema. Imported by tests only.
package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// base is where the schemas say they are.
const base = "https://rollcall.dev/schemas/"

// Schemas are the compiled schemas by the names of their files, without
// ".json". Safe for concurrent use.
type Schemas struct{ byName map[string]*jsonschema.Schema }

// Load compiles the schemas of a directory, events/schema/jsonschema.
func Load(dir string) (*Schemas, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no schemas in %s: %w", dir, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("read schema %s: %w", file, err)
		}
		if err := c.AddResource(base+filepath.Base(file), doc); err != nil {
			return nil, fmt.Errorf("add schema %s: %w", file, err)
		}
	}
	s := &Schemas{byName: map[string]*jsonschema.Schema{}}
	for _, file := range files {
		name := filepath.Base(file)
		compiled, err := c.Compile(base + name)
		if err != nil {
			return nil, fmt.Errorf("compile schema %s: %w", file, err)
		}
		s.byName[strings.TrimSuffix(name, ".json")] = compiled
	}
	return s, nil
}

// Validate holds JSON text against a schema by name.
func (s *Schemas) Validate(name string, text []byte) error {
	compiled, ok := s.byName[name]
	if !ok {
		return fmt.Errorf("no schema is called %q", name)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	return compiled.Validate(value)
}

// Event holds a record of a public topic against the schema of its type.
func (s *Schemas) Event(text []byte) error {
	var head struct{ Type string }
	if err := json.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("read type of event: %w", err)
	}
	return s.Validate(strings.TrimPrefix(head.Type, "rollcall."), text)
}

// Delivered holds what a client received against the schema of its type.
func (s *Schemas) Delivered(text []byte) error {
	var head struct{ Type string }
	if err := json.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("read type of message: %w", err)
	}
	return s.Validate("client."+head.Type, text)
}
