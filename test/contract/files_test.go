package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../events/schema"

func mustLoad(t testing.TB) *Schemas {
	t.Helper()
	s, err := Load(root + "/jsonschema")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// examples are the texts of events/schema/examples by name.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(root + "/examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	return all
}

// schemaFor is the schema of an example: the longest name that begins its own.
func schemaFor(s *Schemas, example string) string {
	best := ""
	for name := range s.byName {
		if (name == example || strings.HasPrefix(example, name+".")) && len(name) > len(best) {
			best = name
		}
	}
	return best
}
