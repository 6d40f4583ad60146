package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// Gaps returns a line for each thing that the manual should say and does not:
// entries without prose, and options that are named neither in their entry,
// nor in one that it names, nor in the chapter's text.
func (m *Manual) Gaps() []string {
	var gaps []string
	for _, mod := range m.Modules {
		for _, e := range mod.Entries {
			text := plain(e.Text.Content...)
			if text == "" {
				gaps = append(gaps, e.FullName()+": there is nothing but the signature")
				continue
			}
			said := text + m.named(e, text)
			if mod.Chapter != nil {
				said += plain(mod.Chapter.Content...)
			}
			for _, o := range e.Options {
				if !saysWord(said, o.Name) {
					gaps = append(gaps, fmt.Sprintf("%s: nothing about the option %s", e.FullName(), o.Name))
				}
			}
		}
	}
	return gaps
}

// named returns the prose of the other entries that the prose of e names.
func (m *Manual) named(e Entry, text string) string {
	var b strings.Builder
	for _, at := range call().FindAllStringSubmatch(text, -1) {
		if other, ok := m.entry(at[1]); ok && other.FullName() != e.FullName() {
			b.WriteString("\n" + plain(other.Text.Content...))
		}
	}
	return b.String()
}

// saysWord tells whether a text has a word.
func saysWord(text, word string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(text)
}
