package cvs

import "bytes"

// lines is a writer that gives each line it gets to each, without its end. A
// line without an end comes with flush. Lines are cut at longest.
type lines struct {
	each func(line string)
	part []byte
}

const longest = 64 << 10

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
		l.each(string(line))
	}
	l.part = l.part[:0]
}
