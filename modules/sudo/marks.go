package sudo

import (
	"bytes"
	"strings"

	"farmrun/luahost/remote"
)

// ear takes standard error apart: what is between marks goes to text, what a
// mark says to said. It holds back only what may be a part of a mark. One
// goroutine writes to it.
type ear struct {
	token token
	text  func(p []byte)
	said  func(what, about string)
	part  []byte
}

// longestMark bounds a mark, lest something that looks like one hold back all
// that follows.
const longestMark = 512

// Write never fails.
func (e *ear) Write(p []byte) (int, error) {
	e.part = append(e.part, p...)
	for e.next() {
	}
	return len(p), nil
}

// next takes a text or a mark from what has come, and tells whether it did.
func (e *ear) next() bool {
	start := []byte(e.token)
	at := bytes.Index(e.part, start)
	switch {
	case at > 0:
		e.pass(at)
		return true
	case at < 0:
		e.pass(len(e.part) - remote.Overlap(e.part, start))
		return false
	}
	mark, _, whole := bytes.Cut(e.part[len(start):], []byte{'>'})
	switch {
	case len(mark) > longestMark:
		e.pass(len(start))
		return true
	case !whole:
		return false
	}
	what, about, _ := strings.Cut(string(mark), " ")
	e.part = e.part[len(start)+len(mark)+1:]
	e.said(what, about)
	return true
}

func (e *ear) pass(n int) {
	if n > 0 {
		e.text(e.part[:n])
		e.part = e.part[n:]
	}
}

// flush passes on what was held back, when nothing will follow.
func (e *ear) flush() { e.pass(len(e.part)) }
