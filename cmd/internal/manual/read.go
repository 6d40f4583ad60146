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
	"regexp"
	"slices"
	"strings"
)

// Read reads the manual out of the */lua.go files of fsys. Modules come in the
// given order; those that order does not name follow, sorted.
func Read(fsys fs.FS, order []string) (*Manual, error) {
	files, err := fs.Glob(fsys, "*/lua.go")
	if err != nil {
		return nil, err
	}
	m := &Manual{}
	for _, name := range files {
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		module, err := readModule(name, source)
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

// readModule reads one lua.go.
func readModule(name string, source []byte) (Module, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return Module{}, err
	}
	m := Module{Name: path.Base(path.Dir(name))}
	structs := newStructs(file)
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Doc == nil {
			continue
		}
		first, rest, _ := strings.Cut(f.Doc.Text(), "\n\n")
		first = strings.Join(strings.Fields(first), " ")
		switch {
		case f.Name.Name == "Module" && f.Recv == nil:
			if !strings.HasPrefix(first, "Module ") {
				rest = f.Doc.Text()
			}
			m.Chapter = forScripts(new(comment.Parser).Parse(rest), f)
			m.Fields = append(m.Fields, fields(m.Chapter)...)
		case likely.MatchString(first):
			s, err := parseSignature(first)
			if err != nil {
				return Module{}, fmt.Errorf("%v: %w", positions.Position(f.Pos()), err)
			}
			e := Entry{Signature: s, Text: new(comment.Parser).Parse(rest)}
			if s.takes("options") {
				e.Options = structs.options(f)
			}
			m.Entries = append(m.Entries, e)
			m.Fields = append(m.Fields, fields(e.Text)...)
		}
	}
	return m, nil
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
var field = regexp.MustCompile(`^([a-z]\w*)\.([a-z]\w*) \(([^)]+)\): `)

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
			if m := field.FindStringSubmatch(text); m != nil {
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
