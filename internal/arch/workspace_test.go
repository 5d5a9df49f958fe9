package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorkspaceHasEveryModule(t *testing.T) {
	repo := repository(t)
	content, err := os.ReadFile(filepath.Join(repo.root, "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	if m := goLine.FindStringSubmatch(string(content)); m == nil || m[1] != goVersion {
		t.Errorf("go.work: its go line is %q, want go %s", m, goVersion)
	}
	for dir := range mayImport {
		if !strings.Contains(string(content), "./"+dir+"\n") {
			t.Errorf("go.work does not use ./%s", dir)
		}
	}
}

// The walk must see the files it judges: an empty tree would pass every rule.
func TestTreeIsSeen(t *testing.T) {
	repo := repository(t)
	seen := map[string]bool{}
	for _, s := range repo.files {
		seen[s.name] = true
	}
	for _, name := range []string{"internal/arch/rules_test.go", "internal/startstop/runner.go"} {
		if !seen[name] {
			t.Errorf("%s was not read", name)
		}
	}
	if got := repo.module("internal/startstop/startstoptest"); got != "internal" {
		t.Errorf("startstoptest is of module %q, want internal", got)
	}
}
