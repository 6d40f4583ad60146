package manual

import (
	"fmt"
	"go/doc/comment"
	"slices"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// Help returns what the manual says of a function, a method, a field, a
// module, a type or a topic, as plain text for a terminal.
func (m *Manual) Help(name string) (text string, ok bool) {
	if e, ok := m.entry(name); ok {
		return e.text(), true
	}
	if m.isModule(name) || m.isType(name) {
		return m.chapterText(name), true
	}
	for _, t := range Topics() {
		if anchor(t.Title) == anchor(name) {
			return t.Title + "\n\n" + t.Text, true
		}
	}
	for _, mod := range m.Modules {
		for _, f := range mod.Fields {
			if f.FullName() == name {
				return f.text(), true
			}
		}
	}
	return "", false
}

// HelpAny is Help for all functions, methods and fields that are called name
// in some module or type: "each".
func (m *Manual) HelpAny(name string) (text string, ok bool) {
	var found []string
	for _, mod := range m.Modules {
		for _, e := range mod.Entries {
			if e.Name == name {
				found = append(found, e.text())
			}
		}
		for _, f := range mod.Fields {
			if f.Name == name {
				found = append(found, f.text())
			}
		}
	}
	return strings.Join(found, "\n"), len(found) > 0
}

// Chapters returns the sorted names that Help knows besides those of Names:
// modules, types and topics.
func (m *Manual) Chapters() []string {
	var list []string
	for _, mod := range m.Modules {
		if mod.Chapter != nil {
			list = append(list, mod.Name)
		}
		list = append(list, mod.types()...)
	}
	for _, t := range Topics() {
		list = append(list, anchor(t.Title))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (m *Manual) isModule(name string) bool {
	return slices.ContainsFunc(m.Modules, func(mod Module) bool { return mod.Name == name && mod.Chapter != nil })
}

func (e Entry) text() string {
	return e.Line + "\n\n" + indented(e.Text)
}

func (f Field) text() string {
	return fmt.Sprintf("%s (%s)\n\n%s", f.FullName(), f.Type, indented(paragraph(f.Text)))
}

// chapterText is what Help says of a module, a type, or both where they have
// one name.
func (m *Manual) chapterText(name string) string {
	var b strings.Builder
	for _, mod := range m.Modules {
		if mod.Name == name && mod.Chapter != nil {
			b.WriteString(indented(mod.Chapter) + "\n")
		}
		for _, f := range mod.Fields {
			if f.Owner == name && mod.Name != name {
				fmt.Fprintf(&b, "%s (%s)\n%s", f.FullName(), f.Type, indented(paragraph(f.Text)))
			}
		}
		for _, e := range mod.Entries {
			if e.Owner == name || mod.Name == name {
				fmt.Fprintf(&b, "%s\n%s", e.Line, indented(paragraph(e.synopsis())))
			}
		}
	}
	return b.String()
}

// sentenceEnd matches where a sentence ends within a text.
var sentenceEnd = lazyregexp.New(`[^.]{2}[.:] `)

// synopsis is the first sentence of an entry.
func (e Entry) synopsis() string {
	if len(e.Text.Content) == 0 {
		return ""
	}
	text := plain(e.Text.Content[0])
	if end := sentenceEnd().FindStringIndex(text); end != nil {
		return text[:end[1]-2] + "."
	}
	return text
}

func paragraph(text string) *comment.Doc { return new(comment.Parser).Parse(text) }

// indented is a text for the terminal.
func indented(doc *comment.Doc) string {
	printer := &comment.Printer{TextPrefix: "    ", TextCodePrefix: "        "}
	return string(printer.Text(doc))
}
