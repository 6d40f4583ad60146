package patch

import (
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
}

// Files returns the files that a unified diff is of, with strip leading
// directories taken off as patch -p does, each once.
func Files(text string, strip int) []string {
	var files []string
	for _, h := range hunks(text, strip) {
		if !slices.Contains(files, h.File) {
			files = append(files, h.File)
		}
	}
	return files
}

var hunkLine = lazyregexp.New(`^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@`)

// hunks reads a unified diff. A line of a hunk may look like a header, so they
// are counted.
func hunks(text string, strip int) []Hunk {
	var all []Hunk
	var from, to string
	old, added := 0, 0 // lines that the hunk still has of either side
	for line := range strings.Lines(text) {
		m := hunkLine().FindStringSubmatch(line)
		switch {
		case old > 0 || added > 0:
			last := &all[len(all)-1]
			last.Text += line
			if line[0] != '+' && line[0] != '\\' {
				old--
			}
			if line[0] != '-' && line[0] != '\\' {
				added--
			}
		case m != nil:
			file := name(from, to, strip)
			all = append(all, Hunk{File: file, Number: number(all, file), Text: line})
			old, added = count(m[1]), count(m[2])
		case strings.HasPrefix(line, "--- "):
			from = fileName(line)
		case strings.HasPrefix(line, "+++ "):
			to = fileName(line)
		case strings.HasPrefix(line, `\ `) && len(all) > 0:
			all[len(all)-1].Text += line
		}
	}
	return all
}

// fileName reads "--- htdocs/index.html	2000-09-19 …".
func fileName(line string) string {
	name, _, _ := strings.Cut(strings.TrimRight(line[4:], "\r\n"), "\t")
	return name
}

// name chooses between the two names of a file, of which one may be
// "/dev/null", and takes directories off.
func name(from, to string, strip int) string {
	file := to
	if to == "" || to == "/dev/null" {
		file = from
	}
	for range strip {
		_, rest, found := strings.Cut(file, "/")
		if !found {
			break
		}
		file = rest
	}
	return path.Clean(file)
}

func number(all []Hunk, file string) int {
	n := 1
	for _, h := range all {
		if h.File == file {
			n++
		}
	}
	return n
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
	checking = lazyregexp.New(`^(?:checking|patching) file (.*)$`)
	failed   = lazyregexp.New(`^Hunk #(\d+) FAILED`)
	missing  = lazyregexp.New(`^can't find file to patch|^No file to patch|which already exists`)
)

// rejected returns the hunks of which patch(1) says that they do not fit, or
// all of them if it names none.
func rejected(text, said string, strip int) []Hunk {
	all := hunks(text, strip)
	var out []Hunk
	file := ""
	for line := range strings.Lines(said) {
		if m := checking().FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			file = strings.Trim(m[1], "'")
		} else if m := failed().FindStringSubmatch(line); m != nil {
			i := slices.IndexFunc(all, func(h Hunk) bool { return h.File == path.Clean(file) && strconv.Itoa(h.Number) == m[1] })
			if i >= 0 {
				out = append(out, all[i])
			}
		} else if missing().MatchString(line) && len(out) == 0 {
			return nil // its own words say it better
		}
	}
	return out
}
