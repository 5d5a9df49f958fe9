package arch

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestArrowsPointDown(t *testing.T) {
	repo := repository(t)
	for _, s := range repo.files {
		from := repo.module(s.dir)
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("%s: module %q has no rule; add it to mayImport", s.name, from)
			continue
		}
		for imported := range s.imports {
			dir, ours := strings.CutPrefix(imported, prefix)
			if !ours {
				continue
			}
			if to := repo.module(dir); to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: %s may not import %s", s.name, imported, from, to)
			}
		}
	}
}

func TestSchemaImportsOnlyTheStandardLibrary(t *testing.T) {
	for _, s := range repository(t).files {
		if !within(s.dir, "events/schema") || s.test {
			continue
		}
		for imported := range s.imports {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !within(imported, prefix+"events/schema") {
				t.Errorf("%s imports %s", s.name, imported)
			}
		}
	}
}

func TestDecisionsArePure(t *testing.T) {
	repo := repository(t)
	decisions := map[string]bool{}
	for _, dir := range pure {
		decisions[dir] = true
	}
	for _, s := range repo.files {
		if path.Base(s.dir) == "fold" {
			decisions[s.dir] = true
		}
	}
	for dir := range decisions {
		if len(repo.in(dir)) == 0 {
			t.Errorf("%s is listed as pure, but there is no such package", dir)
		}
		checkPure(t, repo, dir, dir, map[string]bool{})
	}
}

// checkPure checks one package and, below it, all of ours that it imports.
func checkPure(t *testing.T, repo *tree, origin, dir string, visited map[string]bool) {
	t.Helper()
	if visited[dir] {
		return
	}
	visited[dir] = true
	for _, s := range repo.in(dir) {
		for imported := range s.imports {
			for _, impure := range impureImports {
				if imported == impure || strings.Contains(impure, ".") && within(imported, impure) {
					t.Errorf("%s imports %s: %s must stay pure", s.name, imported, origin)
				}
			}
			if below, ours := strings.CutPrefix(imported, prefix); ours {
				checkPure(t, repo, origin, below, visited)
			}
		}
		for _, name := range clockFuncs {
			for _, line := range s.calls("time", name) {
				t.Errorf("%s:%d uses time.%s: %s must not see a clock", s.name, line, name, origin)
			}
		}
	}
}

func TestPackagesStayWhereTheyBelong(t *testing.T) {
	for _, s := range repository(t).files {
		if s.test {
			continue
		}
		for imported := range s.imports {
			for restricted, places := range onlyIn {
				if within(imported, restricted) && !withinAny(s.dir, places) {
					t.Errorf("%s imports %s, which is for tests and %v", s.name, imported, places)
				}
			}
		}
	}
}

func TestNothingBelowMainExitsOrReadsTheEnvironment(t *testing.T) {
	for _, s := range repository(t).files {
		if s.test || s.syntax.Name.Name == "main" {
			continue
		}
		for call, places := range forbiddenCalls {
			pkg, name, _ := strings.Cut(call, ".")
			if withinAny(s.dir, places) {
				continue
			}
			for _, line := range s.calls(pkg, name) {
				t.Errorf("%s:%d uses %s: return an error, or take the setting as an argument", s.name, line, call)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, s := range repository(t).files {
		if s.generated() {
			continue
		}
		limit := maxFileLines
		if path.Base(s.name) == "main.go" && strings.Contains(s.dir, "/cmd/") {
			limit = maxMainLines
		}
		if s.lines > limit {
			t.Errorf("%s has %d lines, more than %d: which two subjects does it have?", s.name, s.lines, limit)
		}
		for _, decl := range s.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || s.test {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, more than %d", s.name, f.Name.Name, n, maxFuncLines)
			}
		}
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

func withinAny(dir string, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return within(dir, place) })
}
