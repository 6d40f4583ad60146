package patch

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// Hunk is a piece of a patch.
type Hunk struct {
	File   string
	Number int    // from 1 within the file
	Text   string // from its "@@" line on
	// Why is patch(1)'s reason why it does not fit, such as "different line endings";
	// "" is that its lines are not there.
	Why string
}

// section is the part of a patch that stands under one header. Which of its names
// patch(1) takes depends on the files that are there.
type section struct {
	old, new, index string // "" where the header has none, or /dev/null
	git             bool   // it begins with "diff --git"
	extended        bool   // git's header says more, so hunks may be missing
	starred         bool   // of a context diff, whose old name stands after "***"
	timed           bool   // the old name has a time beside it
	moved           string // of a rename or a copy, the name that it is from, as git's header has it
	hunks           []Hunk
}

// names returns the names among which patch(1) chooses, the likeliest first: with
// the fewest directories, then with the shortest last part, then the shortest.
func (s *section) names() []string {
	names := []string{s.old, s.new}
	if s.old == "" && s.new == "" {
		names = []string{s.index}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")),
			cmp.Compare(len(path.Base(a)), len(path.Base(b))), cmp.Compare(len(a), len(b)))
	})
	return names
}

// Files returns the files that a patch is of, each once, with strip leading
// directories taken off their names as patch -p does. A strip of 0 takes off git's
// a/ and b/ where all names have them.
func Files(text string, strip int) []string {
	var files []string
	sections, _ := read(text, strip)
	for _, s := range sections {
		names := s.names()
		if s.moved == "" {
			names = names[:1]
		}
		files = append(files, names...)
	}
	return unique(files)
}

// candidates returns all names that patch(1) may take.
func candidates(sections []*section) []string {
	var files []string
	for _, s := range sections {
		files = append(files, s.names()...)
	}
	return unique(files)
}

// unique returns each of the names once, without those that lead out of their
// directory, which patch(1) does not take.
func unique(names []string) []string {
	var all []string
	for _, name := range names {
		out := path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), "..")
		if clean := path.Clean(name); !out && !slices.Contains(all, clean) {
			all = append(all, clean)
		}
	}
	return all
}

// read returns the sections of a patch that have a name, and how many directories
// were taken off. strip is as Files has it.
func read(text string, strip int) ([]*section, int) {
	var r reader
	for line := range strings.Lines(text) {
		r.line(line)
	}
	all := slices.DeleteFunc(r.all, func(s *section) bool { return len(s.hunks) == 0 && !s.extended })
	strip = cmp.Or(strip, prefixed(all))
	for _, s := range all {
		s.old, s.new, s.index = stripped(s.old, strip), stripped(s.new, strip), stripped(s.index, strip)
		for i := range s.hunks {
			if names := s.names(); len(names) > 0 {
				s.hunks[i].File = path.Clean(names[0])
			}
			s.hunks[i].Number = i + 1
		}
	}
	return slices.DeleteFunc(all, func(s *section) bool { return len(s.names()) == 0 }), strip
}

// stripped takes leading directories off a name, "" if there are too few.
func stripped(name string, strip int) string {
	for range strip {
		_, name, _ = strings.Cut(name, "/")
		name = strings.TrimLeft(name, "/")
	}
	return name
}

// prefixed returns 1 where the names of all sections begin with two different
// letters, as git's a/ and b/, and 0 elsewhere.
func prefixed(all []*section) int {
	found := 0
	for _, s := range all {
		switch a, b := prefix(s.old), prefix(s.new); {
		case s.old == "" || s.new == "": // the others tell
		case a == "" || b == "" || a == b || s.moved == s.old || s.moved == "" && strings.TrimRight(s.old[2:], " ") != strings.TrimRight(s.new[2:], " "):
			return 0
		default:
			found = 1
		}
	}
	return found
}

// prefix returns the letter before the first "/" of a name, "" if there is more.
func prefix(name string) string {
	if len(name) > 2 && name[1] == '/' {
		return name[:1]
	}
	return ""
}

// unsaid tells whether a section adds to nothing, without a word whether that is a
// file that is empty, or none.
func (s *section) unsaid() bool {
	return !s.git && !s.timed && s.old != "" && len(s.hunks) == 1 && nothing().MatchString(s.hunks[0].Text)
}

var nothing = lazyregexp.New(`^@@ -0,0 |^\*+\n\*\*\* 0 `)

// reader takes the lines of a patch one by one, and finds its sections as GNU
// patch's intuit_diff_type does. A line of a hunk may look like a header, so the
// lines of hunks are counted.
type reader struct {
	all    []*section
	indent int // letters before each line of the section

	old, added int  // lines that a unified hunk still has of either side
	stars      bool // a line of stars was the last one: a context diff's hunk begins
	context    bool // in a hunk of a context diff
	side       int  // lines that the side of it still has
}

var (
	unified  = lazyregexp.New(`^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@`)
	sideLine = lazyregexp.New(`^(?:\*\*\*|---) (\d+)(?:,(\d+))? (?:\*\*\*\*|----)`)
	clock    = lazyregexp.New(`\d\d:\d\d:\d\d`)
	normal   = lazyregexp.New(`^\d+(?:,\d+)?[acd]\d+(?:,\d+)?\s*$`)
)

func (r *reader) line(line string) {
	indent := len(line) - len(strings.TrimLeft(line, " \tX"))
	if bare := line[min(indent, r.indent):]; r.inUnified(bare) || r.inContext(bare) {
		r.hunk().Text += bare
		return
	}
	r.indent = indent
	line = line[indent:]
	s := r.last()
	switch m := unified().FindStringSubmatch(line); {
	case m != nil && s != nil:
		r.begin(line)
		r.old, r.added = count(m[1]), count(m[2])
	case strings.HasPrefix(line, "********") && s != nil:
		r.begin(line)
		r.stars = true
	case normal().MatchString(line) && s != nil && s.index != "":
		r.begin(line)
	case s != nil && len(s.hunks) > 0 && (line == "---\n" || strings.HasPrefix(line, "< ") || strings.HasPrefix(line, "> ") || line[:1] == `\`):
		r.hunk().Text += line
	default:
		r.header(line)
	}
}

// last returns the section that was begun last, or nil.
func (r *reader) last() *section {
	if len(r.all) == 0 {
		return nil
	}
	return r.all[len(r.all)-1]
}

// hunk returns the hunk that was begun last.
func (r *reader) hunk() *Hunk {
	s := r.last()
	return &s.hunks[len(s.hunks)-1]
}

func (r *reader) begin(line string) {
	s := r.last()
	s.hunks = append(s.hunks, Hunk{Text: line})
}

// inUnified tells whether a line belongs to a hunk of a unified diff.
func (r *reader) inUnified(line string) bool {
	if r.old <= 0 && r.added <= 0 {
		return false
	}
	if line[0] != '+' && line[0] != '\\' {
		r.old--
	}
	if line[0] != '-' && line[0] != '\\' {
		r.added--
	}
	return true
}

// inContext tells whether a line belongs to a hunk of a context diff: after the
// stars come the old side's numbers and lines, then the new side's. The lines of
// one side may be left out.
func (r *reader) inContext(line string) bool {
	m := sideLine().FindStringSubmatch(line)
	body := strings.TrimSpace(line) == "" || len(line) > 1 && strings.IndexByte(" +!-", line[0]) >= 0 && strings.IndexByte(" \t", line[1]) >= 0
	switch {
	case m != nil && (r.stars || r.context && line[0] == '-'):
		r.side = count(cmp.Or(m[2], m[1])) - count(m[1]) + 1
		if m[1] == "0" {
			r.side = 0
		}
		r.context = true
	case r.context && r.side > 0 && body:
		r.side--
	case !r.context || line[0] != '\\':
		r.context = false
	}
	r.stars = false
	return r.context
}

// header takes a line outside of hunks.
func (r *reader) header(line string) {
	s := r.last()
	open := s != nil && len(s.hunks) == 0 // its header is not over yet
	word, rest := line, ""
	if at := strings.IndexAny(line, " \t"); at >= 0 {
		word, rest = line[:at], line[at:]
	}
	git, isGit := strings.CutPrefix(line, "diff --git ")
	isName := word == "---" || word == "+++" || word == "***" || word == "Index:"
	if isGit || isName && !open {
		s = &section{git: isGit}
		r.all = append(r.all, s)
	}
	switch name := fileName(rest); {
	case isGit:
		s.old, s.new = gitNames(git)
	case isName && name == "/dev/null": // git's header has named it
	case word == "***":
		s.old, s.starred, s.timed = name, true, clock().MatchString(rest)
	case word == "+++" || word == "---" && s.starred:
		s.new = name
	case word == "---":
		s.old, s.timed = name, clock().MatchString(rest)
	case word == "Index:":
		s.index = name
	case open && s.git:
		s.extend(line)
	}
}

// extend takes a line of git's header.
func (s *section) extend(line string) {
	for _, what := range []string{"index ", "old mode ", "new mode ", "deleted file mode ", "new file mode ", "rename ", "copy ", "GIT binary patch"} {
		s.extended = s.extended || strings.HasPrefix(line, what)
	}
	for _, from := range []string{"rename from ", "copy from "} {
		if rest, ok := strings.CutPrefix(line, from); ok {
			s.moved, _ = quoted(strings.TrimRight(rest, "\r\n"))
		}
	}
}

// fileName reads a name in a header, such as "htdocs/index.html	2000-09-19 …": it
// ends at the first tab, or at the first blank if there is no tab.
func fileName(text string) string {
	text = strings.TrimLeft(strings.TrimRight(text, "\r\n"), " \t")
	if strings.HasPrefix(text, `"`) {
		name, _ := quoted(text)
		return name
	}
	name, _, tab := strings.Cut(text, "\t")
	if !tab {
		name, _, _ = strings.Cut(name, " ")
	}
	return strings.TrimRight(name, " ")
}

// gitNames reads the names after "diff --git". Those with blanks are not quoted:
// if they are the same, but for a prefix of a letter, they are the line's halves.
func gitNames(text string) (from, to string) {
	text = strings.TrimRight(text, " \t\r\n")
	from, rest := quoted(text)
	if to, rest = quoted(strings.TrimLeft(rest, " \t")); rest == "" {
		return from, to
	}
	if half := len(text) / 2; half > 2 && text[half] == ' ' && text[2:half] == text[half+3:] {
		return text[:half], text[half+1:]
	}
	return "", ""
}

// quoted reads a name with C's escapes in quotation marks, or one up to the first
// blank, and returns what comes after it. The name is "" if it is not well quoted.
func quoted(text string) (name, rest string) {
	if !strings.HasPrefix(text, `"`) {
		at := strings.IndexAny(text+" ", " \t")
		return text[:at], text[at:]
	}
	for rest = text[1:]; rest != "" && rest[0] != '"'; {
		c, _, after, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			return "", ""
		}
		if rest[0] == '\\' {
			name += string([]byte{byte(c)})
		} else {
			name += rest[:len(rest)-len(after)]
		}
		rest = after
	}
	return name, strings.TrimPrefix(rest, `"`)
}

// count reads how many lines a hunk has of a side; none given is one.
func count(digits string) int {
	if digits == "" {
		return 1
	}
	n, _ := strconv.Atoi(digits)
	return n
}

var (
	patching = lazyregexp.New(`^patching (?:file|symbolic link) (.*?)(?: \((?:renamed|copied) from .*\))?$`)
	failed   = lazyregexp.New(`^Hunk #(\d+) FAILED at \d+(?: \((.*)\))?`)
)

// rejected returns the hunks of which patch(1) says that they do not fit. It has
// the files in the order of the patch, and names them with C's quotes.
func rejected(sections []*section, said string) []Hunk {
	var out []Hunk
	at := -1
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		if m := patching().FindStringSubmatch(line); m != nil {
			name, _ := quoted(m[1])
			next := slices.IndexFunc(sections[at+1:], func(s *section) bool { return slices.Contains(s.names(), name) })
			at += next + 1
		} else if m := failed().FindStringSubmatch(line); m != nil && at >= 0 {
			n, _ := strconv.Atoi(m[1])
			if n >= 1 && n <= len(sections[at].hunks) {
				h := sections[at].hunks[n-1]
				h.Why = m[2]
				out = append(out, h)
			}
		}
	}
	return out
}
