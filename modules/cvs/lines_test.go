package cvs

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"farmrun/luahost/remote"
)

// TestLines: lines are cut, and after so many there are no more, however they come.
func TestLines(t *testing.T) {
	var got []string
	l := &lines{each: func(line string) { got = append(got, line) }}
	for _, part := range []string{"one\r\n\ntw", "o\n", strings.Repeat("x", longest), "more", "\n", "end"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	l.flush()
	if len(got) != 4 || got[0] != "one" || got[1] != "two" || got[2] != strings.Repeat("x", longest) || got[3] != "end" || l.err() != nil {
		t.Errorf("%d lines, %v", len(got), l.err())
	}

	count := 0
	l = &lines{each: func(string) { count++ }}
	most := bytes.Repeat([]byte("x\n"), mostLines)
	l.Write(most)
	if count != mostLines || l.err() != nil {
		t.Errorf("%d lines, %v", count, l.err())
	}
	l.Write([]byte("x\n"))
	if count != mostLines {
		t.Errorf("%d lines", count)
	}
	wantError(t, l.err(), remote.ErrTooMuch)
}

// much is a host that gives an answer to all that is asked of it.
type much []byte

func (m much) Run(_ context.Context, cmd remote.Cmd) (remote.Result, error) {
	if cmd.Stdout != nil {
		cmd.Stdout.Write(m)
	}
	out := remote.Output{Keep: cmd.Keep}
	out.Write(m)
	return remote.Result{Stdout: out.Bytes()}, nil
}

// TestTooMuch: a list that has no end is an error, and not kept.
func TestTooMuch(t *testing.T) {
	c := &Client{Runner: much(bytes.Repeat([]byte("x\n"), mostLines+1)), Root: "/cvsroot"}
	_, err := c.Tags(t.Context(), "site", "")
	wantError(t, err, remote.ErrTooMuch)
	for _, answer := range []string{strings.Repeat("x", mostListed+1), strings.Repeat("x\n", remote.MostLines+1)} {
		c.Runner = much(answer)
		_, err = c.Behind(t.Context(), "site", nil)
		wantError(t, err, remote.ErrTooMuch)
	}
	c.Runner = much("file a\n")
	if _, err = c.Behind(t.Context(), "site", nil); err != nil {
		t.Error(err)
	}
}
