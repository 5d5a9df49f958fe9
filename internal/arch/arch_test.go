package arch

import (
	"regexp"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	repo := repository(t)
	for name, check := range checks {
		t.Run(name, func(t *testing.T) { check(repo, t.Errorf) })
	}
}

var goLine = regexp.MustCompile(`(?m)^go (\S+)$`)

func TestModules(t *testing.T) {
	repo := repository(t)
	for dir := range mayImport {
		content, ok := repo.mods[dir]
		if !ok {
			t.Errorf("mayImport names %s, which has no go.mod", dir)
			continue
		}
		if !strings.Contains(content, "module "+prefix+dir+"\n") {
			t.Errorf("%s/go.mod: the module is not %s%s", dir, prefix, dir)
		}
		if m := goLine.FindStringSubmatch(content); m == nil || m[1] != goVersion {
			t.Errorf("%s/go.mod: its go line is %q, want go %s everywhere", dir, m, goVersion)
		}
		// Without these lines a build with GOWORK=off, such as a Docker
		// build, looks for our modules on the internet.
		for _, line := range regexp.MustCompile(`(?m)^\s*(?:require )?(rollcall\.dev/\S+) v`).FindAllStringSubmatch(content, -1) {
			if !regexp.MustCompile(regexp.QuoteMeta(line[1]) + ` => \.\.?/`).MatchString(content) {
				t.Errorf("%s/go.mod requires %s without a replace line to its directory", dir, line[1])
			}
		}
	}
	for dir := range repo.mods {
		if _, ok := mayImport[dir]; !ok {
			t.Errorf("module %s has no rule; add it to mayImport", dir)
		}
	}
}
