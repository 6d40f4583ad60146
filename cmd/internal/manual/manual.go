// Package manual is the manual for script authors. It is written beside the
// code that it is about: in the doc comments of modules/*/lua*.go, from which
// this package makes modules/MANUAL.md (go generate), what farmrun help says,
// and what editors know of farmrun's functions.
//
// What a lua.go keeps to, and a file such as lua_host.go beside it, where the
// methods of a type are many:
//
//   - The doc comment of func Module is the module's chapter. Its first
//     paragraph is for readers of Go and is left out if it begins with
//     "Module "; so is a paragraph that begins with the name of one of its
//     parameters. Without a func Module the folder gives methods only, and a
//     script cannot require it.
//   - The doc comment of each function that is bound is an entry. Its first
//     paragraph is the signature, as in "farm.each(hosts [, options], work) ->
//     results", "host:run(command [, options]) -> result" or "farm.site{ … }";
//     the rest is prose.
//   - A list item that begins "host.name (string): " describes the field of a
//     type or the constant of a module, with its type as editors write it. It
//     may stand in any of these comments.
//   - The options of an entry are the fields of the struct T where its
//     function, or one that it calls, says luahost.Options[T]. Each is named
//     in the entry's prose, in that of an entry which the prose names, or in
//     the chapter.
//     A list is easiest to read: "parallel (32): how many at once".
//   - A word for an argument or a result has one meaning everywhere: see the
//     tables in types.go.
//
// What is no matter of a single module is in scripts.md, beside this file.
package manual

import (
	_ "embed"
	"go/doc/comment"
	"slices"
	"strings"

	"farmrun/luahost/lualib"
)

// Manual is the manual for script authors. It does not change once it is read.
type Manual struct {
	Modules []Module
}

// Module is the chapter on the folder of a module.
type Module struct {
	Name    string
	Chapter *comment.Doc // nil if the folder gives methods only
	Fields  []Field
	Entries []Entry // in the order of the files
}

// Entry is what the manual says of one function or method.
type Entry struct {
	Signature
	Text    *comment.Doc // without the signature
	Options []Option     // nil if it has none, or none that can be told
}

// Field is a constant of a module, or a field that the values of a type have.
type Field struct {
	Owner, Name string
	Type        string // as editors write it
	Text        string
}

// FullName is how the manual calls the field: "host.name", "cli.date".
func (f Field) FullName() string { return f.Owner + "." + f.Name }

// Option is a key of an entry's table of options.
type Option struct {
	Name     string
	Type     string // as editors write it
	Required bool
}

// Names returns the sorted names of all that the manual describes:
// "farm.each", "host:run", "host.name".
func (m *Manual) Names() []string {
	var names []string
	for _, mod := range m.Modules {
		for _, e := range mod.Entries {
			names = append(names, e.FullName())
		}
		for _, f := range mod.Fields {
			names = append(names, f.FullName())
		}
	}
	slices.Sort(names)
	return names
}

// entry returns the entry with a name.
func (m *Manual) entry(name string) (Entry, bool) {
	for _, mod := range m.Modules {
		for _, e := range mod.Entries {
			if e.FullName() == name {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// methods returns the methods of a type, from whichever module binds them,
// sorted by name.
func (m *Manual) methods(of string) []Entry {
	var list []Entry
	for _, mod := range m.Modules {
		for _, e := range mod.Entries {
			if e.Method && e.Owner == of {
				list = append(list, e)
			}
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

//go:embed scripts.md
var scriptsText string

// scriptsChapter returns the chapter that is about no single module. Its last
// section, on Lua, ends with the table of differences.
func scriptsChapter() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(scriptsText) + "\n\n")
	for _, d := range lualib.Differences {
		b.WriteString(wrap("- "+d.Names+": "+d.Text, "  ") + "\n")
	}
	return b.String()
}

// Topic is a section of the chapter that is about no single module.
type Topic struct {
	Title string
	Text  string // Markdown
}

// Topics returns the sections of the chapter about scripts in general.
func Topics() []Topic {
	_, rest, _ := strings.Cut(scriptsChapter(), "\n### ")
	var topics []Topic
	for section := range strings.SplitSeq(rest, "\n### ") {
		title, text, _ := strings.Cut(section, "\n")
		topics = append(topics, Topic{title, strings.Trim(text, "\n") + "\n"})
	}
	return topics
}
