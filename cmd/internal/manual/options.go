package manual

import (
	"cmp"
	"go/ast"
	"reflect"
	"strconv"
	"strings"

	"farmrun/luahost"
)

// structs finds out, from the source alone, which options a function takes.
type structs struct {
	types map[string]ast.Expr // of the files, and of their functions
	funcs map[string]*ast.FuncDecl
}

func newStructs(decls []ast.Decl) structs {
	s := structs{types: map[string]ast.Expr{}, funcs: map[string]*ast.FuncDecl{}}
	for _, d := range decls {
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				s.types[n.Name.Name] = n.Type
			case *ast.FuncDecl:
				s.funcs[n.Name.Name] = n
			}
			return true
		})
	}
	return s
}

// options returns the fields of the T in f's luahost.Options[T], or in that of
// a function of the same module that f calls.
func (s structs) options(f *ast.FuncDecl) []Option {
	if o := s.optionsIn(f.Body, map[string]bool{f.Name.Name: true}); o != nil {
		return s.fields(o)
	}
	return nil
}

// optionsIn looks for a T in what a node does; seen are the functions that
// were looked at.
func (s structs) optionsIn(n ast.Node, seen map[string]bool) (found *ast.StructType) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IndexExpr:
			if f, ok := n.X.(*ast.SelectorExpr); ok && f.Sel.Name == "Options" && found == nil {
				found = s.structOf(n.Index)
			}
		case *ast.CallExpr:
			name := called(n)
			if f := s.funcs[name]; f != nil && f.Body != nil && !seen[name] && found == nil {
				seen[name] = true
				found = s.optionsIn(f.Body, seen)
			}
		}
		return found == nil
	})
	return found
}

// called returns the name of the function or method that is called.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func (s structs) structOf(t ast.Expr) *ast.StructType {
	switch t := t.(type) {
	case *ast.StructType:
		return t
	case *ast.Ident:
		if known := s.types[t.Name]; known != nil {
			return s.structOf(known)
		}
	}
	return nil
}

// fields reads a struct as luahost.Options does.
func (s structs) fields(t *ast.StructType) []Option {
	var list []Option
	for _, f := range t.Fields.List {
		name, flags := "", ""
		if f.Tag != nil {
			tag, _ := strconv.Unquote(f.Tag.Value)
			name, flags, _ = strings.Cut(reflect.StructTag(tag).Get("lua"), ",")
		}
		for _, ident := range f.Names {
			o := Option{Name: name, Type: s.luaType(f.Type), Required: flags == "required"}
			if o.Name == "" {
				o.Name = luahost.OptionName(ident.Name)
			}
			list = append(list, o)
		}
	}
	return list
}

// basicTypes are the types that luahost decodes, by their names in Go without
// the package.
var basicTypes = map[string]string{
	"string": "string", "bool": "boolean", "int": "integer", "int64": "integer", "float64": "number",
	"Duration": "string", "LFunction": "function", "LTable": "table",
}

// luaType names what Lua gives for a field of Go's type t, as editors write it.
func (s structs) luaType(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return s.luaType(t.X)
	case *ast.ArrayType:
		return s.luaType(t.Elt) + "[]"
	case *ast.MapType:
		return "table<string, " + s.luaType(t.Value) + ">"
	case *ast.SelectorExpr:
		return cmp.Or(basicTypes[t.Sel.Name], "any")
	case *ast.Ident:
		if basic := basicTypes[t.Name]; basic != "" {
			return basic
		}
	}
	if nested := s.structOf(t); nested != nil {
		return "{ " + strings.Join(optionFields(s.fields(nested)), ", ") + " }"
	}
	return "any"
}

func optionFields(options []Option) []string {
	var list []string
	for _, o := range options {
		list = append(list, o.field())
	}
	return list
}

// field is an option as editors declare it: "timeout?: string".
func (o Option) field() string {
	if o.Required {
		return o.Name + ": " + o.Type
	}
	return o.Name + "?: " + o.Type
}
