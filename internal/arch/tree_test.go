package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is a Go file of the repository.
type source struct {
	name    string // slash-separated, from the root
	dir     string
	test    bool
	lines   int
	imports map[string]string // path to the name it has in this file
	syntax  *ast.File
	fset    *token.FileSet
}

// tree is every Go file, and every go.mod by its directory.
type tree struct {
	root  string
	files []*source
	mods  map[string]string
}

var load = sync.OnceValues(func() (*tree, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, mods: map[string]string{}}
	return t, filepath.WalkDir(root, t.visit)
})

func repository(t *testing.T) *tree {
	t.Helper()
	repo, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", os.ErrNotExist
		}
	}
	return "", err
}

func (t *tree) visit(file string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(t.root, file)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	base := entry.Name()
	if entry.IsDir() {
		skip := base != "." && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata")
		if skip || slices.Contains([]string{"bin", "data", "artifacts", "tools"}, name) {
			return fs.SkipDir
		}
		return nil
	}
	switch {
	case base == "go.mod":
		content, err := os.ReadFile(file)
		t.mods[path.Dir(name)] = string(content)
		return err
	case strings.HasSuffix(base, ".go"):
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return t.parse(name, content)
	}
	return nil
}

func (t *tree) parse(name string, content []byte) error {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, content, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return err
	}
	s := &source{
		name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		lines: fset.File(syntax.Pos()).LineCount(), imports: map[string]string{}, syntax: syntax, fset: fset,
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		s.imports[imported] = local
	}
	t.files = append(t.files, s)
	return nil
}

// module is the directory of the module that a directory belongs to.
func (t *tree) module(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := t.mods[dir]; ok {
			return dir
		}
	}
	return ""
}

// in returns the files of one package, without its tests.
func (t *tree) in(dir string) []*source {
	var found []*source
	for _, s := range t.files {
		if s.dir == dir && !s.test {
			found = append(found, s)
		}
	}
	return found
}

// calls yields each mention of pkg.name in the file, for a package by its
// import path, with its line.
func (s *source) calls(pkg, name string) []int {
	local, ok := s.imports[pkg]
	if !ok {
		return nil
	}
	var lines []int
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				lines = append(lines, s.fset.Position(sel.Pos()).Line)
			}
		}
		return true
	})
	return lines
}

// generated tells whether a file is written by a program.
func (s *source) generated() bool { return ast.IsGenerated(s.syntax) }

// within tells whether a directory or import path is p or lies below it.
func within(name, p string) bool { return name == p || strings.HasPrefix(name, p+"/") }
