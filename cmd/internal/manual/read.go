package manual

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// Read reads the manual out of the */lua.go files of fsys, and what their
// folders have in files such as lua_host.go besides. Modules come in the given
// order; those that order does not name follow, sorted.
func Read(fsys fs.FS, order []string) (*Manual, error) {
	folders, err := fs.Glob(fsys, "*/lua.go")
	if err != nil {
		return nil, err
	}
	m := &Manual{}
	for _, first := range folders {
		module, err := readModule(fsys, path.Dir(first))
		if err != nil {
			return nil, err
		}
		m.Modules = append(m.Modules, module)
	}
	place := func(m Module) int {
		if i := slices.Index(order, m.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(m.Modules, func(a, b Module) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a.Name, b.Name))
	})
	return m, nil
}

// readModule reads the files that bind one module.
func readModule(fsys fs.FS, folder string) (Module, error) {
	more, err := fs.Glob(fsys, folder+"/lua_*.go")
	if err != nil {
		return Module{}, err
	}
	more = slices.DeleteFunc(more, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	positions := token.NewFileSet()
	var decls []ast.Decl
	for _, name := range append([]string{folder + "/lua.go"}, more...) {
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return Module{}, err
		}
		file, err := parser.ParseFile(positions, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return Module{}, err
		}
		decls = append(decls, file.Decls...)
	}
	m := Module{Name: path.Base(folder)}
	structs := newStructs(decls)
	for _, d := range decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Doc != nil {
			if err := m.read(f, structs); err != nil {
				return Module{}, fmt.Errorf("%v: %w", positions.Position(f.Pos()), err)
			}
		}
	}
	return m, nil
}

// read takes what the doc comment of f says, if that is for the manual.
func (mod *Module) read(f *ast.FuncDecl, structs structs) error {
	first, rest, _ := strings.Cut(f.Doc.Text(), "\n\n")
	first = strings.Join(strings.Fields(first), " ")
	switch {
	case f.Name.Name == "Module" && f.Recv == nil:
		if !strings.HasPrefix(first, "Module ") {
			rest = f.Doc.Text()
		}
		mod.Chapter = forScripts(new(comment.Parser).Parse(rest), f)
		mod.Fields = append(mod.Fields, fields(mod.Chapter)...)
	case likely().MatchString(first):
		s, err := parseSignature(first)
		if err != nil {
			return err
		}
		e := Entry{Signature: s, Text: new(comment.Parser).Parse(rest)}
		if s.takes("options") {
			e.Options = structs.options(f)
		}
		mod.Entries = append(mod.Entries, e)
		mod.Fields = append(mod.Fields, fields(e.Text)...)
	}
	return nil
}

// forScripts drops the paragraphs that begin with the name of a parameter of
// func Module: they are for readers of Go.
func forScripts(doc *comment.Doc, module *ast.FuncDecl) *comment.Doc {
	doc.Content = slices.DeleteFunc(doc.Content, func(b comment.Block) bool {
		first, _, _ := strings.Cut(plain(b), " ")
		return slices.ContainsFunc(module.Type.Params.List, func(p *ast.Field) bool {
			return slices.ContainsFunc(p.Names, func(n *ast.Ident) bool { return n.Name == first })
		})
	})
	return doc
}

// field matches the beginning of a list item that describes a field.
var field = lazyregexp.New(`^([a-z]\w*)\.([a-z]\w*) \(([^)]+)\): `)

// fields finds the fields that a text describes.
func fields(doc *comment.Doc) []Field {
	var list []Field
	for _, block := range doc.Content {
		items, ok := block.(*comment.List)
		if !ok {
			continue
		}
		for _, item := range items.Items {
			text := plain(item.Content...)
			if m := field().FindStringSubmatch(text); m != nil {
				list = append(list, Field{Owner: m[1], Name: m[2], Type: m[3], Text: text[len(m[0]):]})
			}
		}
	}
	return list
}

// plain returns blocks of a text as one line.
func plain(blocks ...comment.Block) string {
	printer := &comment.Printer{TextWidth: -1}
	return strings.Join(strings.Fields(string(printer.Text(&comment.Doc{Content: blocks}))), " ")
}
