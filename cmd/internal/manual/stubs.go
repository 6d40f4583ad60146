package manual

import (
	"embed"
	"fmt"
	"go/doc/comment"
	"slices"
	"strings"
)

//go:embed editor/luarc.json editor/luacheckrc
var editor embed.FS

// StubDir is where EditorFiles puts what describes farmrun's functions.
const StubDir = ".farmrun"

// EditorFiles returns what makes an editor know farmrun's functions, by the
// path in the folder of a site's scripts: files for LuaLS
// (https://luals.github.io) that declare them, settings that point there, and
// settings for luacheck.
func (m *Manual) EditorFiles() map[string]string {
	files := map[string]string{}
	for name, path := range map[string]string{".luarc.json": "editor/luarc.json", ".luacheckrc": "editor/luacheckrc"} {
		text, err := editor.ReadFile(path)
		if err != nil {
			panic(err) // it is embedded
		}
		files[name] = string(text)
	}
	for _, mod := range m.Modules {
		files[StubDir+"/"+mod.Name+".lua"] = m.stub(mod)
	}
	return files
}

// stub declares what a module binds.
func (m *Manual) stub(mod Module) string {
	var b strings.Builder
	name := mod.Name
	if mod.Chapter == nil {
		name = "_" // cannot be required
	}
	fmt.Fprintf(&b, "---@meta %s\n-- For editors only. farmrun init makes this file anew.\n\n", name)
	if mod.Chapter != nil {
		b.WriteString(luaComment(mod.Chapter))
		fmt.Fprintf(&b, "local %s = {}\n\n", mod.Name)
	}
	mod.stubFields(&b)
	for _, e := range mod.Entries {
		m.stubEntry(&b, mod, e)
	}
	if mod.Chapter != nil {
		fmt.Fprintf(&b, "return %s\n", mod.Name)
	}
	return b.String()
}

// stubFields declares the constants of a module, and its types with their fields.
func (mod Module) stubFields(b *strings.Builder) {
	for _, f := range mod.Fields {
		if !slices.Contains(mod.types(), f.Owner) {
			fmt.Fprintf(b, "--- %s\n---@type %s\n%s.%s = nil\n\n", f.Text, f.Type, mod.Name, f.Name)
		}
	}
	for _, name := range mod.types() {
		fmt.Fprintf(b, "---@class %s\n", name)
		for _, f := range mod.Fields {
			if f.Owner == name {
				fmt.Fprintf(b, "---@field %s %s %s\n", f.Name, f.Type, f.Text)
			}
		}
		fmt.Fprintf(b, "local %s = {}\n\n", methodTable(name))
	}
}

// methodTable is the local variable that stands for a type; a module may have
// the type's name.
func methodTable(typeName string) string { return typeName + "_type" }

// stubEntry declares a function.
func (m *Manual) stubEntry(b *strings.Builder, mod Module, e Entry) {
	if e.Options != nil {
		fmt.Fprintf(b, "---@class %s\n", e.optionsType())
		for _, o := range optionFields(e.Options) {
			name, typ, _ := strings.Cut(o, ": ")
			fmt.Fprintf(b, "---@field %s %s\n", name, typ)
		}
		b.WriteByte('\n')
	}
	b.WriteString(luaComment(e.Text))
	for _, p := range e.Params {
		name := p.local()
		if p.Optional && !e.needed(p) && name != "..." {
			name += "?"
		}
		fmt.Fprintf(b, "---@param %s %s\n", name, m.typeOf(e, p))
	}
	for _, r := range e.Results {
		b.WriteString(strings.TrimSuffix("---@return "+m.resultType(r)+" "+r.Name, " "+m.resultType(r)) + "\n")
	}
	b.WriteString(m.overload(e))
	owner := e.Owner + "."
	if e.Method {
		owner = methodTable(e.Owner) + ":"
	}
	fmt.Fprintf(b, "function %s%s(%s) end\n\n", owner, e.Name, strings.Join(names(e.Params), ", "))
}

// needed tells whether an argument that may be missing has one after it that
// may not: editors then need two declarations.
func (e Entry) needed(p Param) bool {
	needed := false
	for i := len(e.Params) - 1; e.Params[i] != p; i-- {
		needed = needed || !e.Params[i].Optional
	}
	return needed
}

// overload declares e without the arguments that may be missing in the middle.
func (m *Manual) overload(e Entry) string {
	var params, results []string
	if e.Method {
		params = append(params, "self: "+e.Owner)
	}
	all := true
	for _, p := range e.Params {
		if p.Optional && e.needed(p) {
			all = false
			continue
		}
		name := p.local()
		if p.Optional {
			name += "?"
		}
		params = append(params, name+": "+m.typeOf(e, p))
	}
	if all {
		return ""
	}
	for _, r := range e.Results {
		results = append(results, m.resultType(r))
	}
	text := "---@overload fun(" + strings.Join(params, ", ") + ")"
	if len(results) > 0 {
		text += ": " + strings.Join(results, ", ")
	}
	return text + "\n"
}

func (m *Manual) resultType(r Param) string {
	if r.Optional {
		return m.resultOf(r) + "?"
	}
	return m.resultOf(r)
}

func names(params []Param) []string {
	list := make([]string, len(params))
	for i, p := range params {
		list[i] = p.local()
	}
	return list
}

// keywords of Lua cannot be names of variables.
var keywords = []string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local",
	"nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
}

// local is the name of the variable for an argument.
func (p Param) local() string {
	if slices.Contains(keywords, p.Name) {
		return p.Name + "_"
	}
	return p.Name
}

// luaComment is a text as editors show it.
func luaComment(doc *comment.Doc) string {
	printer := &comment.Printer{TextPrefix: "--- ", TextCodePrefix: "---     "}
	text := string(printer.Text(doc))
	text = strings.ReplaceAll(text, "\n\n", "\n---\n") // a gap would end the comment
	return strings.ReplaceAll(text, "--- @", `--- \@`) // is no annotation
}
