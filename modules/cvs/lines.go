package cvs

import (
	"bytes"

	"farmrun/luahost/remote"
)

// lines is a writer that gives each line it gets to each, without its end. A
// line without an end comes with flush. Lines are cut at longest, and after
// mostLines there are no more: the part of them that is kept has to be bounded.
type lines struct {
	each func(line string)
	part []byte
	n    int
}

const (
	longest   = 64 << 10
	mostLines = 10 * remote.MostLines // cvs status has so many of a file
)

// err returns remote.ErrTooMuch if there were more lines.
func (l *lines) err() error {
	if l.n > mostLines {
		return remote.ErrTooMuch
	}
	return nil
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte{'\n'})
		if room := longest - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(room, len(line))]...)
		}
		if !found {
			return n, nil
		}
		l.flush()
		p = rest
	}
}

func (l *lines) flush() {
	if line := bytes.TrimSuffix(l.part, []byte{'\r'}); len(line) > 0 {
		if l.n++; l.n <= mostLines {
			l.each(string(line))
		}
	}
	l.part = l.part[:0]
}
