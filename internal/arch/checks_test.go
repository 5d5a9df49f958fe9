package arch

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// report is told of a broken rule.
type report func(format string, args ...any)

// checks are the rules about files, by the name of their test.
var checks = map[string]func(repo *tree, wrong report){
	"arrows point down":      arrows,
	"schema stands alone":    schemaAlone,
	"decisions are pure":     decisions,
	"places":                 places,
	"nothing exits but main": belowMain,
	"sizes":                  sizes,
	"tests don't sleep":      sleeps,
}

// arrows: a module imports only what lies below it.
func arrows(repo *tree, wrong report) {
	for _, s := range repo.files {
		from := repo.module(s.dir)
		allowed, known := mayImport[from]
		if !known {
			wrong("%s: module %q has no rule; add it to mayImport", s.name, from)
			continue
		}
		for imported := range s.imports {
			dir, ours := strings.CutPrefix(imported, prefix)
			if !ours {
				continue
			}
			if to := repo.module(dir); to != from && !slices.Contains(allowed, to) {
				wrong("%s imports %s: %s may not import %s", s.name, imported, from, to)
			}
		}
	}
}

// schemaAlone: the contract can be used without any of our dependencies.
func schemaAlone(repo *tree, wrong report) {
	for _, s := range repo.files {
		if !within(s.dir, "events/schema") || s.test {
			continue
		}
		for imported := range s.imports {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !within(imported, prefix+"events/schema") {
				wrong("%s imports %s", s.name, imported)
			}
		}
	}
}

// decisions: what decides is pure.
func decisions(repo *tree, wrong report) {
	all := map[string]bool{}
	for _, dir := range pure {
		all[dir] = true
	}
	for _, s := range repo.files {
		if path.Base(s.dir) == "fold" {
			all[s.dir] = true
		}
	}
	for dir := range all {
		if len(repo.in(dir)) == 0 {
			wrong("%s is listed as pure, but there is no such package", dir)
		}
		checkPure(repo, wrong, dir, dir, map[string]bool{})
	}
}

// checkPure checks one package and, below it, all of ours that it imports.
func checkPure(repo *tree, wrong report, origin, dir string, visited map[string]bool) {
	if visited[dir] {
		return
	}
	visited[dir] = true
	for _, s := range repo.in(dir) {
		for imported := range s.imports {
			for _, impure := range impureImports {
				if imported == impure || strings.Contains(impure, ".") && within(imported, impure) {
					wrong("%s imports %s: %s must stay pure", s.name, imported, origin)
				}
			}
			if below, ours := strings.CutPrefix(imported, prefix); ours {
				checkPure(repo, wrong, origin, below, visited)
			}
		}
		for _, name := range clockFuncs {
			for _, line := range s.calls("time", name) {
				wrong("%s:%d uses time.%s: %s must not see a clock", s.name, line, name, origin)
			}
		}
	}
}

// places: test libraries and the embedded broker stay out of production.
func places(repo *tree, wrong report) {
	for _, s := range repo.files {
		if s.test {
			continue
		}
		for imported := range s.imports {
			for restricted, places := range onlyIn {
				if within(imported, restricted) && !withinAny(s.dir, places) {
					wrong("%s imports %s, which is for tests and %v", s.name, imported, places)
				}
			}
		}
	}
}

// belowMain: nothing below main exits, reads the environment or gives up.
func belowMain(repo *tree, wrong report) {
	for _, s := range repo.files {
		if s.test || s.syntax.Name.Name == "main" {
			continue
		}
		for call, places := range forbiddenCalls {
			pkg, name, _ := strings.Cut(call, ".")
			if withinAny(s.dir, places) {
				continue
			}
			for _, line := range s.calls(pkg, name) {
				wrong("%s:%d uses %s: return an error, or take the setting as an argument", s.name, line, call)
			}
		}
	}
}

// sizes: one subject per file.
func sizes(repo *tree, wrong report) {
	for _, s := range repo.files {
		if s.generated() {
			continue
		}
		limit := maxFileLines
		if path.Base(s.name) == "main.go" && strings.Contains(s.dir, "/cmd/") {
			limit = maxMainLines
		}
		if s.lines > limit {
			wrong("%s has %d lines, more than %d: which two subjects does it have?", s.name, s.lines, limit)
		}
		for _, decl := range s.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || s.test {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > maxFuncLines {
				wrong("%s: %s has %d lines, more than %d", s.name, f.Name.Name, n, maxFuncLines)
			}
		}
	}
}

// sleeps: a test waits for what it waits for, not for a time. Between two tries
// of a loop and on the fake clock of a bubble a sleep is right, and where the
// time itself is the subject (an outage of a second), which its line then says.
func sleeps(repo *tree, wrong report) {
	for _, s := range repo.files {
		if _, bubble := s.imports["testing/synctest"]; bubble || !s.test {
			continue
		}
		allowed := map[int]bool{}
		for _, group := range s.syntax.Comments {
			allowed[s.fset.Position(group.Pos()).Line] = true
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if loop, ok := n.(*ast.ForStmt); ok {
				for line := s.fset.Position(loop.Pos()).Line; line <= s.fset.Position(loop.End()).Line; line++ {
					allowed[line] = true
				}
			}
			return true
		})
		for _, line := range s.calls("time", "Sleep") {
			if !allowed[line] {
				wrong("%s:%d sleeps: use testing/synctest, a channel or retry.Eventually, or say on this line why the time is the subject", s.name, line)
			}
		}
	}
}

func withinAny(dir string, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return within(dir, place) })
}
