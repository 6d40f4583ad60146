package manual

import (
	"fmt"
	"go/doc/comment"
	"slices"
	"strings"
	"unicode"

	"farmrun/luahost/lazyregexp"
)

// Markdown returns the manual as one file.
func (m *Manual) Markdown() string {
	p := page{links: m.anchors()}
	p.say("# The manual for script authors")
	p.say("<!-- Made by go generate from the doc comments of modules/*/lua*.go and from\n" +
		"cmd/internal/manual/scripts.md. Edit those. -->")
	p.contents(m)
	p.say(strings.TrimSpace(scriptsChapter()))
	for _, mod := range m.Modules {
		if mod.Chapter != nil {
			p.module(mod)
		}
	}
	p.hosts(m)
	return strings.Join(p.blocks, "\n\n") + "\n"
}

// hostsTitle is the chapter of the methods of hosts, which many modules give.
const hostsTitle = "Methods of hosts"

// page is Markdown in the making.
type page struct {
	blocks []string
	links  map[string]string // the heading's anchor for each name to link
	self   string            // the entry in hand, which is not linked
}

// say adds a block.
func (p *page) say(block string) { p.blocks = append(p.blocks, block) }

// sayf adds a block.
func (p *page) sayf(format string, args ...any) { p.say(fmt.Sprintf(format, args...)) }

// anchors returns where to link the names of entries.
func (m *Manual) anchors() map[string]string {
	links := map[string]string{}
	for _, mod := range m.Modules {
		for _, e := range mod.Entries {
			links[e.FullName()] = anchor(e.FullName())
		}
	}
	return links
}

// anchor is what a heading is known by in links: as most that show Markdown
// have it, in small letters, without punctuation, and with "-" for spaces.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// contents lists the chapters.
func (p *page) contents(m *Manual) {
	var list []string
	add := func(depth int, title, about string) {
		item := fmt.Sprintf("%s- [%s](#%s)%s", strings.Repeat("  ", depth), title, anchor(title), about)
		list = append(list, item)
	}
	title, _, _ := strings.Cut(strings.TrimPrefix(scriptsChapter(), "## "), "\n")
	add(0, title, "")
	for _, t := range Topics() {
		add(1, t.Title, "")
	}
	for _, mod := range m.Modules {
		if mod.Chapter != nil {
			add(0, mod.Name, ": "+p.names(mod.own()))
		}
	}
	add(0, hostsTitle, ": "+p.names(m.methods("host")))
	p.say(strings.Join(list, "\n"))
}

// names links entries in a line.
func (p *page) names(entries []Entry) string {
	var list []string
	for _, e := range entries {
		list = append(list, fmt.Sprintf("[%s](#%s)", e.Name, anchor(e.FullName())))
	}
	return strings.Join(list, ", ")
}

// module is the chapter of a module; methods of hosts have one of their own.
func (p *page) module(mod Module) {
	p.sayf("## %s", mod.Name)
	p.text(mod.Chapter)
	p.entries(mod.own())
}

// own returns the module's entries that are no methods of hosts.
func (mod Module) own() []Entry {
	return slices.DeleteFunc(slices.Clone(mod.Entries), func(e Entry) bool { return e.Owner == "host" })
}

// hosts is the chapter of the methods of hosts.
func (p *page) hosts(m *Manual) {
	p.sayf("## %s", hostsTitle)
	p.say("Hosts come from [`farm.hosts`](#farmhosts), and as the argument of the functions\n" +
		"that are called for each host.")
	p.entries(m.methods("host"))
}

// entries are a table of contents and what it lists.
func (p *page) entries(entries []Entry) {
	var list []string
	for _, e := range entries {
		item := fmt.Sprintf("[`%s`](#%s): %s", e.FullName(), anchor(e.FullName()), p.inline(e.synopsis()))
		list = append(list, "- "+wrap(item, "  "))
	}
	if len(list) > 0 {
		p.say(strings.Join(list, "\n"))
	}
	defer func() { p.self = "" }()
	for _, e := range entries {
		p.self = e.FullName()
		p.sayf("### %s", p.self)
		p.say("```lua\n" + e.Line + "\n```")
		p.text(e.Text)
	}
}

// text adds the blocks of a doc comment.
func (p *page) text(doc *comment.Doc) {
	for _, block := range doc.Content {
		switch block := block.(type) {
		case *comment.Heading:
			p.sayf("#### %s", p.inline(plain(&comment.Paragraph{Text: block.Text})))
		case *comment.Code:
			p.say("```lua\n" + strings.TrimRight(block.Text, "\n") + "\n```")
		case *comment.List:
			p.list(block)
		default:
			p.say(wrap(p.inline(plain(block)), ""))
		}
	}
}

// list adds a list; its items are close together unless one of them has
// several paragraphs.
func (p *page) list(list *comment.List) {
	gap := "\n"
	var items []string
	for _, item := range list.Items {
		mark := "- "
		if item.Number != "" {
			mark = item.Number + ". "
		}
		indent := strings.Repeat(" ", len(mark))
		var paragraphs []string
		for _, block := range item.Content {
			paragraphs = append(paragraphs, wrap(p.item(plain(block)), indent))
		}
		if len(paragraphs) > 1 {
			gap = "\n\n"
		}
		items = append(items, mark+strings.Join(paragraphs, "\n\n"+indent))
	}
	p.say(strings.Join(items, gap))
}

var (
	// special are the characters that would mean something to Markdown.
	special = lazyregexp.New("[*<`\\\\]")
	// call matches what may be the name of an entry, with arguments or without.
	call = lazyregexp.New(`\b([a-z]\w*[.:][a-z]\w*)(\([^()]*\)|\{[^{}]*\})?`)
)

// inline makes Markdown of a line of plain text and links the names in it.
func (p *page) inline(text string) string {
	var b strings.Builder
	end := 0
	for _, at := range call().FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		link, known := p.links[name]
		if !known {
			continue
		}
		b.WriteString(special().ReplaceAllString(text[end:at[0]], `\$0`))
		if name == p.self {
			fmt.Fprintf(&b, "`%s`", text[at[0]:at[1]])
		} else {
			fmt.Fprintf(&b, "[`%s`](#%s)", text[at[0]:at[1]], link)
		}
		end = at[1]
	}
	return b.String() + special().ReplaceAllString(text[end:], `\$0`)
}

// subjects matches the names that an item of a list is about: those before its
// colon, or before what stands in parentheses there.
var subjects = lazyregexp.New(`^([a-z][\w.]*)((?:, [a-z][\w.]*)*)( \([^)]*\))?: `)

// item is inline for an item of a list.
func (p *page) item(text string) string {
	m := subjects().FindStringSubmatch(text)
	if m == nil {
		return p.inline(text)
	}
	names := strings.Split(m[1]+m[2], ", ")
	return "`" + strings.Join(names, "`, `") + "`" + p.inline(text[len(m[1]+m[2]):])
}

// markdownWidth is how wide the file is, in columns, links included.
const markdownWidth = 80

// starter matches a word that would begin a list or a heading at the start of
// a line.
var starter = lazyregexp.New(`^([-+#>]+|\d+[.)])$`)

// wrap breaks a line of words; indent begins the lines after the first.
func wrap(text, indent string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		width := len([]rune(word))
		switch {
		case i == 0:
		case column+1+width > markdownWidth && !starter().MatchString(word):
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}
