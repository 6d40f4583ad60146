// Command generate writes modules/MANUAL.md; go generate runs it in modules.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"

	"farmrun/cmd/internal/manual"
)

// list is where the visible list of the modules stands.
const list = "../cmd/farmrun/modules.go"

func main() {
	if err := generate(); err != nil {
		fmt.Fprintf(os.Stderr, "generate: %v\n", err)
		os.Exit(1)
	}
}

func generate() error {
	order, err := modulesIn(list)
	if err != nil {
		return err
	}
	m, err := manual.Read(os.DirFS("."), order)
	if err != nil {
		return err
	}
	return os.WriteFile("MANUAL.md", []byte(m.Markdown()), 0o666)
}

// modulesIn returns the names of the modules that a file of Go makes, in order:
// farm for farm.Module(…).
func modulesIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Module" {
				names = append(names, f.X.(*ast.Ident).Name)
			}
		}
		return true
	})
	return names, nil
}
