package contract

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"rollcall.dev/events/schema"
)

type node = map[string]any

func asyncAPI(t *testing.T) node {
	t.Helper()
	text, err := os.ReadFile(root + "/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at goes down a document by keys; nil where there is nothing.
func at(doc node, path ...string) any {
	var here any = doc
	for _, key := range path {
		m, ok := here.(node)
		if !ok {
			return nil
		}
		here = m[key]
	}
	return here
}

// refs calls each for every $ref in a document.
func refs(v any, each func(ref string)) {
	switch v := v.(type) {
	case node:
		if ref, ok := v["$ref"].(string); ok {
			each(ref)
		}
		for _, child := range v {
			refs(child, each)
		}
	case []any:
		for _, child := range v {
			refs(child, each)
		}
	}
}

func TestAsyncAPIReferencesResolve(t *testing.T) {
	doc, seen := asyncAPI(t), 0
	refs(doc, func(ref string) {
		seen++
		file, pointer, _ := strings.Cut(ref, "#")
		if file != "" {
			if _, err := os.Stat(filepath.Join(root, file)); err != nil || pointer != "" {
				t.Errorf("$ref %s: %v", ref, err)
			}
			return
		}
		if at(doc, strings.Split(strings.TrimPrefix(pointer, "/"), "/")...) == nil {
			t.Errorf("$ref %s leads nowhere", ref)
		}
	})
	if seen < 50 {
		t.Errorf("only %d references seen", seen)
	}
}

func TestAsyncAPIHasEveryMessage(t *testing.T) {
	doc, schemas := asyncAPI(t), mustLoad(t)
	byName, used := map[string]string{}, map[string]bool{}
	messages := at(doc, "components", "messages").(node)
	for key, m := range messages {
		name := m.(node)["name"].(string)
		byName[name] = key
		if ref, ok := at(m.(node), "payload", "schema", "$ref").(string); ok {
			file := strings.TrimSuffix(strings.TrimPrefix(ref, "./jsonschema/"), ".json")
			used[file] = true
			if typ := schema.Type("rollcall." + file); schema.New(typ) != nil && name != string(typ) {
				t.Errorf("message %s is called %s, its payload is %s", key, name, file)
			}
		}
	}
	for _, typ := range types(t) {
		if byName[string(typ)] == "" {
			t.Errorf("no message for %s", typ)
		}
	}
	for name := range schemas.byName {
		if !used[name] && name != "common" && name != "event" {
			t.Errorf("no message has the payload %s", name)
		}
	}
	everyMessageHasAPlace(t, doc, messages)
}

func everyMessageHasAPlace(t *testing.T, doc, messages node) {
	placed := map[string]bool{}
	for name, channel := range at(doc, "channels").(node) {
		for key := range at(channel.(node), "messages").(node) {
			placed[key] = true
		}
		operated := false
		refs(at(doc, "operations"), func(ref string) { operated = operated || ref == "#/channels/"+name })
		if !operated {
			t.Errorf("no operation on channel %s", name)
		}
	}
	for key := range messages {
		if !placed[key] {
			t.Errorf("message %s is in no channel", key)
		}
	}
}

// The topics of the document are those of the Go package, and the messages in
// them those whose schemas name the topic.
func TestAsyncAPIHasEveryTopic(t *testing.T) {
	doc := asyncAPI(t)
	byAddress := map[string]node{}
	for _, channel := range at(doc, "channels").(node) {
		if address, ok := channel.(node)["address"].(string); ok {
			byAddress[address] = channel.(node)
		}
	}
	for _, spec := range (schema.Topics{}).All(16) {
		channel := byAddress[spec.Name]
		if channel == nil {
			if !spec.Compacted { // changelogs are nobody else's business
				t.Errorf("no channel for topic %s", spec.Name)
			}
			continue
		}
		kafka := at(channel, "bindings", "kafka").(node)
		config := kafka["topicConfiguration"].(node)
		if kafka["partitions"] != spec.Partitions || config["cleanup.policy"].([]any)[0] != spec.Configs()["cleanup.policy"] ||
			config["retention.ms"] != int(spec.Retention.Milliseconds()) {
			t.Errorf("topic %s: %v, want %+v", spec.Name, kafka, spec)
		}
		if got, want := payloads(doc, channel), payloadsOf(t, spec.Name); !slices.Equal(got, want) {
			t.Errorf("topic %s carries %v, by the schemas %v", spec.Name, got, want)
		}
	}
}

// payloads are the schemas of a channel's messages.
func payloads(doc, channel node) []string {
	found := map[string]bool{}
	for key := range channel["messages"].(node) {
		refs(at(doc, "components", "messages", key), func(ref string) {
			if file, ok := strings.CutPrefix(ref, "./jsonschema/"); ok {
				found[file] = true
			}
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// payloadsOf are the schemas that name a topic in x-topics.
func payloadsOf(t *testing.T, topic string) []string {
	files, err := filepath.Glob(root + "/jsonschema/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Topics []string `json:"x-topics"`
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(doc.Topics, topic) {
			found = append(found, filepath.Base(file))
		}
	}
	return slices.Sorted(slices.Values(found))
}

// EnvAsyncAPI names the official schema of AsyncAPI 3.0 documents; asyncapi.sh
// fetches it.
const EnvAsyncAPI = "ROLLCALL_ASYNCAPI_SCHEMA"

func TestAsyncAPIDocumentIsValid(t *testing.T) {
	file := os.Getenv(EnvAsyncAPI)
	if file == "" {
		t.Skip(EnvAsyncAPI + " is not set; asyncapi.sh sets it")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("http://asyncapi.com/definitions/3.0.0", meta); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("http://asyncapi.com/definitions/3.0.0")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(asyncAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(doc); err != nil {
		t.Fatalf("%#v", err)
	}
}
