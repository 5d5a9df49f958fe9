package grant

import (
	"encoding/json"
	"fmt"
	"strings"

	"rollcall.dev/events/schema"
)

// fields of a claim, with what a rule of each begins with and what its
// patterns name.
var fields = []struct {
	name  string
	rule  byte
	check func(name string) error
}{
	{"join", join, schema.CheckChannel},
	{"watch", watch, schema.CheckChannel},
	{"send", send, schema.CheckChannel},
	{"presence", presence, schema.CheckUser},
}

// Parse reads the claim of a token, as encoding/json decodes it:
//
//	{"join":["room.*"],"watch":["*"],"send":["room.1","room.2"],"presence":["alice"]}
//
// A field that is missing, or null, allows nothing. A pattern is a name, the beginning of
// names with a * after it, or * for all. What is no such claim is an error: a
// right that was misspelt must not be one that nobody misses.
func Parse(claim any) (Grant, error) {
	object, ok := claim.(map[string]any)
	if !ok {
		return Grant{}, fmt.Errorf("it is %s; want an object with join, watch, send and presence", kind(claim))
	}
	var rules []string
	known := 0
	for _, f := range fields {
		list, there := object[f.name]
		if !there {
			continue
		}
		known++
		if list == nil {
			continue
		}
		patterns, ok := list.([]any)
		if !ok {
			return Grant{}, fmt.Errorf("its %s is %s; want a list of patterns", f.name, kind(list))
		}
		for _, p := range patterns {
			pattern, ok := p.(string)
			if !ok {
				return Grant{}, fmt.Errorf("its %s holds %s; want patterns", f.name, kind(p))
			}
			if err := checkPattern(pattern, f.check); err != nil {
				return Grant{}, fmt.Errorf("its %s: %w", f.name, err)
			}
			rules = append(rules, string(f.rule)+pattern)
		}
	}
	if known < len(object) {
		return Grant{}, fmt.Errorf("it has fields that are unknown; want join, watch, send and presence")
	}
	return of(rules), nil
}

// checkPattern refuses what can match no name: the prefix of a pattern must be
// that of one.
func checkPattern(pattern string, check func(string) error) error {
	if pattern == any1 {
		return nil
	}
	if err := check(strings.TrimSuffix(pattern, any1)); err != nil {
		return fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return nil
}

// kind names a JSON value's type.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64, json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
