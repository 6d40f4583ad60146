package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestJSONIsDocumented: "farmrun help json" names every field that there can be.
func TestJSONIsDocumented(t *testing.T) {
	line := reflect.TypeFor[jsonLine]()
	for _, field := range reflect.VisibleFields(line) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" && !strings.Contains(jsonHelp, "\n  "+name+" ") && !strings.Contains(jsonHelp, "\n  name, "+name+" ") && name != "name" {
			t.Errorf("the field %q is not documented", name)
		}
	}
}

// TestKindsAreDocumented: and every kind that a journal knows.
func TestKindsAreDocumented(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../luahost/journal/record.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if name, isName := specType(spec, ok).(*ast.Ident); !isName || name.Name != "Kind" {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		kinds++
		if err != nil || !strings.Contains(strings.Join(strings.Fields(jsonHelp), " "), kind) {
			t.Errorf("the kind %q is not documented", kind)
		}
		return true
	})
	if kinds < 20 {
		t.Errorf("only %d kinds were found", kinds)
	}
}

func specType(spec *ast.ValueSpec, ok bool) ast.Expr {
	if !ok {
		return nil
	}
	return spec.Type
}
