package api

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract checks answers against openapi.json.
type contract struct {
	doc      any
	compiler *jsonschema.Compiler

	mu   sync.Mutex
	seen map[string]bool
}

func readContract(t *testing.T) *contract {
	t.Helper()
	file, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(doc)
	c := &contract{doc: doc, compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	if err := c.compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// closeObjects refuses, here, fields that aren't documented: clients take them.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, object := s["properties"]; object && s["additionalProperties"] == true {
			s["additionalProperties"] = false
		}
		for _, inner := range s {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range s {
			closeObjects(inner)
		}
	}
}

// at goes down the document.
func (c *contract) at(keys ...string) any {
	v := c.doc
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// template is the path of the document that a request's path is of.
func (c *contract) template(path string) string {
	parts := strings.Split(path, "/")
	for template := range c.at("paths").(map[string]any) {
		if slices.EqualFunc(strings.Split(template, "/"), parts, func(want, part string) bool {
			return want == part || strings.HasPrefix(want, "{") && part != ""
		}) {
			return template
		}
	}
	return ""
}

// check fails unless the answer is one that the document knows.
func (c *contract) check(t *testing.T, method, path string, res *http.Response, body []byte) {
	t.Helper()
	method, status := strings.ToLower(method), strconv.Itoa(res.StatusCode)
	template := c.template(path)
	content, _ := c.at("paths", template, method, "responses", status, "content").(map[string]any)
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if content[kind] == nil {
		t.Errorf("%s %s: %s of type %q isn't documented", method, path, status, kind)
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "+", "%2B")
	var pointer strings.Builder
	pointer.WriteString("openapi.json#")
	for _, key := range []string{"paths", template, method, "responses", status, "content", kind, "schema"} {
		pointer.WriteString("/" + escape.Replace(key))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	schema, err := c.compiler.Compile(pointer.String())
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s: %s %s isn't as documented: %v", method, path, status, body, err)
	}
	c.seen[method+" "+template+" "+status] = true
}

// unseen are the operations and statuses of the document that no answer had.
func (c *contract) unseen() (missing []string) {
	for template, item := range c.at("paths").(map[string]any) {
		for method := range item.(map[string]any) {
			responses := c.at("paths", template, method, "responses").(map[string]any)
			for status := range maps.Keys(responses) {
				if key := method + " " + template + " " + status; !c.seen[key] {
					missing = append(missing, key)
				}
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// request is one to an instance.
type request struct {
	method, path, body string
	header             map[string]string
}

// do sends a request, checks the answer against the document and decodes it.
func (c *contract) do(t *testing.T, base string, r request, into any) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	client := http.Client{}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	path, _, _ := strings.Cut(r.path, "?")
	c.check(t, r.method, path, res, body)
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return res
}
