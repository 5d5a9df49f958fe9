package api

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.json")

// The document in the repository is that of the types.
func TestTheDocumentIsThatOfTheTypes(t *testing.T) {
	document, err := build(http.NewServeMux(), nil).Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(document, committed) {
		t.Error("openapi.json differs from the API: go test ./services/presence/api -run Document -update")
	}
}
