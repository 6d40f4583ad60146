package manual

import (
	"cmp"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const moduleFolder = "../../../modules/"

// TestResultTypes compares the types that the stubs give for results with those
// of the values that the Go functions push, where these are known.
func TestResultTypes(t *testing.T) {
	m, err := Read(os.DirFS(moduleFolder), nil)
	if err != nil {
		t.Fatal(err)
	}
	positions := token.NewFileSet()
	imports := importer.ForCompiler(positions, "gc", exported(t))
	compared := 0
	for _, mod := range m.Modules {
		for _, f := range pushing(t, positions, imports, mod.Name) {
			e, ok := m.entry(f.name)
			if !ok {
				continue
			}
			for i, got := range f.pushed {
				if got == "" || i >= len(e.Results) {
					continue
				}
				compared++
				if said := anonymous(m, m.resultOf(e.Results[i])); said != got {
					t.Errorf("%s: the stub has %s for %s, where the function pushes %s", f.name, said, e.Results[i].Name, got)
				}
			}
		}
	}
	if compared < 30 {
		t.Errorf("only %d results were compared", compared)
	}
}

// exported returns where the compiler has put the types of a package.
func exported(t *testing.T) importer.Lookup {
	c := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", "./...")
	c.Dir = moduleFolder
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// function is a function that scripts call, with the types of the values that it
// pushes; "" stands for a type that the Go code does not determine.
type function struct {
	name   string
	pushed []string
}

// pushing returns the functions of a module whose doc comment is a signature.
func pushing(t *testing.T, positions *token.FileSet, imports types.Importer, module string) (list []function) {
	paths, _ := filepath.Glob(moduleFolder + module + "/*.go") // the pattern is well-formed
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(positions, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: imports, Error: func(error) {}} // files for other systems say some things again
	config.Check(module, positions, files, info)
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Doc == nil {
				continue
			}
			first, _, _ := strings.Cut(f.Doc.Text(), "\n\n")
			if s, err := parseSignature(strings.Join(strings.Fields(first), " ")); err == nil {
				list = append(list, function{s.FullName(), pushed(f, info)})
			}
		}
	}
	return list
}

// pushed returns the types of the values that a function pushes. Each type comes
// from the first call of Push that determines it.
func pushed(f *ast.FuncDecl, info *types.Info) (list []string) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if to, ok := call.Fun.(*ast.SelectorExpr); !ok || to.Sel.Name != "Push" {
			return true
		}
		for i, arg := range call.Args {
			if i == len(list) {
				list = append(list, "")
			}
			list[i] = cmp.Or(list[i], luaType(info.TypeOf(arg)))
		}
		return true
	})
	return list
}

// luaType returns the stubs' name for the Lua type to which Call.Push converts a
// Go type. "record" is any struct; "" is any other type.
func luaType(t types.Type) string {
	switch t.String() {
	case "[]byte", "time.Time":
		return "string"
	case "time.Duration":
		return "number"
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return basicType(t)
	case *types.Slice:
		return strings.TrimPrefix(luaType(t.Elem())+"[]", "[]")
	case *types.Map:
		if of := luaType(t.Elem()); of != "" {
			return "table<" + luaType(t.Key()) + ", " + of + ">"
		}
		return "table<" + luaType(t.Key()) + ", any>"
	case *types.Pointer:
		return luaType(t.Elem())
	case *types.Struct:
		return "record"
	}
	return ""
}

func basicType(t *types.Basic) string {
	switch info := t.Info(); {
	case info&types.IsBoolean != 0:
		return "boolean"
	case info&types.IsString != 0:
		return "string"
	case info&types.IsInteger != 0:
		return "integer"
	case info&types.IsFloat != 0:
		return "number"
	}
	return ""
}

// anonymous replaces the names of types in the stubs by "record".
func anonymous(m *Manual, stub string) string {
	return regexp.MustCompile(`\w+`).ReplaceAllStringFunc(stub, func(name string) string {
		if slices.ContainsFunc(m.Modules, func(mod Module) bool { return slices.Contains(mod.types(), name) }) {
			return "record"
		}
		return name
	})
}
