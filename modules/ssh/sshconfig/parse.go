package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// parser turns a file and those it includes into blocks.
type parser struct {
	config  *Config
	user    bool // below the user's configuration, not the system's
	guarded bool // the file must not be writable by others
	depth   int
}

const maxDepth = 16 // of Includes, as in ssh

func (p parser) parse(name string) (*file, error) {
	if p.depth > maxDepth {
		return nil, &Error{File: name, Text: "Too many recursive configuration includes"}
	}
	if p.guarded {
		if err := checkOwner(name); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	f := &file{name: name, user: p.user, blocks: []block{{all: true}}}
	for no := 1; len(text) > 0; no++ {
		var raw []byte
		raw, text, _ = bytes.Cut(text, []byte("\n"))
		if err := p.parseLine(f, no, string(raw)); err != nil {
			return nil, err
		}
	}
	f.index()
	return f, nil
}

// checkOwner refuses a file that somebody else may have written.
func checkOwner(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	switch mode := info.Mode().Perm(); {
	case !ownerIsTrusted(info):
		return &Error{File: name, Text: "Bad owner or permissions: it belongs to another user"}
	case mode&0o002 != 0, mode&0o020 != 0 && !groupIsOwn(info):
		return &Error{File: name, Text: fmt.Sprintf("Bad owner or permissions: others may write to it (mode %04o); take that away with: chmod go-w %s", mode, name)}
	}
	return nil
}

func (p parser) parseLine(f *file, no int, text string) error {
	key, rest := cutKey(text)
	if key == "" {
		return nil
	}
	l := line{file: f, no: no, key: strings.ToLower(key), rest: rest}
	if err := l.split(); err != nil {
		return err
	}
	switch l.key {
	case "host":
		return f.startHost(&l)
	case "match":
		return f.startMatch(&l)
	case "include":
		if err := p.include(&l); err != nil {
			return err
		}
	default:
		if err := check(&l); err != nil {
			return err
		}
	}
	b := &f.blocks[len(f.blocks)-1]
	b.lines = append(b.lines, l)
	return nil
}

// parseOption parses an option as ssh -o takes it.
func parseOption(text string) (line, error) {
	key, rest := cutKey(text)
	l := line{file: &file{}, key: strings.ToLower(key), rest: rest}
	switch l.key {
	case "":
		return l, l.errorf("%q is no option: write NAME=VALUE", text)
	case "host", "match", "include":
		return l, l.errorf("%s cannot be set as an option", key)
	}
	if err := l.split(); err != nil {
		return l, err
	}
	return l, check(&l)
}

const blanks = " \t\r\n"

// cutKey cuts text into the keyword and the rest. Between them stand blanks
// and at most one "=". The keyword is "" for an empty line and a comment.
func cutKey(text string) (key, rest string) {
	text = strings.Trim(strings.TrimRight(text, blanks+"\f"), blanks)
	if text == "" || text[0] == '#' {
		return "", ""
	}
	if text[0] == '"' { // ssh lets even the keyword be quoted
		if end := strings.IndexByte(text[1:], '"'); end >= 0 {
			return text[1 : 1+end], afterKey(text[2+end:])
		}
	}
	end := strings.IndexAny(text, blanks+"=")
	if end < 0 {
		return text, ""
	}
	return text[:end], afterKey(text[end:])
}

func afterKey(rest string) string {
	rest = strings.TrimLeft(rest, blanks)
	return strings.TrimLeft(strings.TrimPrefix(rest, "="), blanks)
}

// split cuts the rest of the line into words.
func (l *line) split() error {
	if l.rest == "" {
		return l.errorf("no argument after keyword %q", l.key)
	}
	var ok bool
	if l.args, ok = splitWords(l.rest); !ok {
		return l.errorf("invalid quotes")
	}
	return nil
}

// splitWords cuts text at blanks, as a shell would: both quotes work, a
// backslash is needed only before a quote, a backslash or a space, and a "#"
// at the start of a word begins a comment. It fails on a quote left open.
func splitWords(text string) (words []string, ok bool) {
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" || text[0] == '#' {
			return words, true
		}
		var word string
		if word, text, ok = cutWord(text); !ok {
			return nil, false
		}
		words = append(words, word)
	}
}

func cutWord(text string) (word, rest string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && escapable(text[i+1], quote):
			i++
			b.WriteByte(text[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), text[i:], true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", quote == 0
}

func escapable(c, quote byte) bool {
	return c == '\'' || c == '"' || c == '\\' || quote == 0 && c == ' '
}

func (f *file) startHost(l *line) error {
	for _, arg := range l.args {
		if arg == "" {
			return l.errorf("keyword host empty argument")
		}
	}
	f.blocks = append(f.blocks, block{hosts: l.args})
	return nil
}

func (f *file) startMatch(l *line) error {
	criteria, err := parseMatch(l)
	f.blocks = append(f.blocks, block{match: criteria})
	return err
}

// index notes which blocks a host has to look at: with ten thousand Host
// blocks for ten thousand hosts, nobody should walk through all of them.
func (f *file) index() {
	f.exact = map[string][]int{}
	for i := range f.blocks {
		b := &f.blocks[i]
		if b.always() {
			f.open = append(f.open, i)
			continue
		}
		for _, name := range b.hosts {
			if named := f.exact[name]; len(named) == 0 || named[len(named)-1] != i {
				f.exact[name] = append(named, i)
			}
		}
	}
}

// always tells whether every host has to look at b: it may hold for any, or
// has an unknown option in it, which is an error for all.
func (b *block) always() bool {
	if b.hosts == nil {
		return true
	}
	for _, pattern := range b.hosts {
		if strings.ContainsAny(pattern, "*?!") {
			return true
		}
	}
	return b.doubtful()
}

func (b *block) doubtful() bool {
	for _, l := range b.lines {
		if !known(l.key) {
			return true
		}
		for _, f := range l.incl {
			for i := range f.blocks {
				if f.blocks[i].doubtful() {
					return true
				}
			}
		}
	}
	return false
}

// include parses the files that l names.
func (p parser) include(l *line) error {
	for _, arg := range l.args {
		if arg == "" {
			return l.errorf("keyword include empty argument")
		}
		names, err := p.glob(l, arg)
		if err != nil {
			return err
		}
		for _, name := range names {
			inner := parser{config: p.config, user: p.user, guarded: true, depth: p.depth + 1}
			f, err := inner.parse(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			l.incl = append(l.incl, f)
		}
	}
	return nil
}

// glob returns the files that an argument of Include stands for.
func (p parser) glob(l *line, arg string) ([]string, error) {
	switch {
	case arg[0] == '~' && !p.user:
		return nil, l.errorf("bad include path %s", arg)
	case arg[0] == '~':
		arg = p.config.tilde(arg)
	case filepath.IsAbs(arg):
	case p.user:
		arg = filepath.Join(p.config.home, ".ssh", arg)
	default:
		arg = filepath.Join("/etc/ssh", arg)
	}
	names, err := filepath.Glob(arg)
	if err != nil {
		return nil, l.errorf("glob failed for %s", arg)
	}
	return withoutHidden(arg, names), nil
}

// withoutHidden drops what a shell's wildcard would not have matched: a name
// that begins with a dot where the pattern does not.
func withoutHidden(pattern string, names []string) []string {
	elements := strings.Split(filepath.Clean(pattern), "/")
	kept := names[:0]
	for _, name := range names {
		hidden := false
		for i, e := range strings.Split(name, "/") {
			hidden = hidden || i < len(elements) && strings.HasPrefix(e, ".") && !strings.HasPrefix(elements[i], ".")
		}
		if !hidden {
			kept = append(kept, name)
		}
	}
	return kept
}
