package fence

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/prompt"
)

// noter has the shell of a terminal read a script line by line, up to a ".", by a child
// that knows the shell as its parent. Before that and at the end it prints a mark, the
// second time with the exit status of the script. The marks are such that their echo is
// none.
const noter = ` /bin/sh -c 'n=${IFS#??};s=;t=$(stty -g);stty raw -echo icrnl;printf %%s @"%[1]s"A\;;` +
	`while IFS= read -r l;do case $l in .)break;;esac;s=$s$l$n;done;` +
	`(eval "$s");r=$?;stty "$t";printf %%s @"%[1]s"B$r\;'`

// obeysWithin is how long the shell may take to obey.
const obeysWithin = 9 * time.Second

// mostBefore bounds the text before the mark, a message of the day for the most part.
const mostBefore = 64 << 10

// ErrNoShell is that the other end of a terminal is no shell that obeys.
var ErrNoShell = errors.New("there is no shell that could leave its receipt")

// RefusedError is that a command or a session of the fence's former owner did not begin.
type RefusedError struct{ Said string }

func (e *RefusedError) Error() string { return e.Said }

// Session notes the shell of a terminal on the machine, of which nothing was read since it
// was about to show its prompt, as a command of me in that slot; see Guard. It returns the
// host's text until then, to which the terminal adds a new prompt. It fails with a
// *RefusedError, or with ErrNoShell; after any other error than a *RefusedError it may be
// noted all the same. Leave notes its end.
func (f Fence) Session(ctx context.Context, t remote.Terminal, me Owner, slot string, seq int, step string) (text []byte, err error) {
	nonce := rand.Text()[:12]
	s := &noting{Terminal: t, nonce: nonce}
	defer context.AfterFunc(ctx, func() { t.SetReadDeadline(time.Unix(1, 0)) })()
	if s.rest, err = prompt.Await(ctx, t, nil); err == nil {
		if _, err = fmt.Fprintf(t, noter+"\r", nonce); err == nil {
			err = s.until(ctx, "A", obeysWithin)
		}
	}
	if err == nil {
		text = s.before(noter[:len(" /bin/sh -c '")])
		script := f.note("_p=$PPID _u='??'", me, slot, seq, step)
		if _, err = fmt.Fprintf(t, "%s.\n", script); err == nil {
			err = s.until(ctx, "B", obeysWithin)
		}
	}
	t.SetReadDeadline(time.Time{})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ErrNoShell
	case errors.Is(err, prompt.ErrNone):
		return nil, fmt.Errorf("%w: %w", ErrNoShell, err)
	case err != nil:
		return nil, err
	case s.status != "0":
		return nil, &RefusedError{strings.TrimSpace(string(s.said))}
	}
	return slices.Concat(text, s.rest), nil
}

// noting reads the answers of a noter.
type noting struct {
	remote.Terminal
	nonce  string
	said   []byte // before the last mark
	status string // behind it
	rest   []byte
}

// until reads up to a mark.
func (s *noting) until(ctx context.Context, kind string, within time.Duration) error {
	deadline := time.Now().Add(within)
	mark := []byte("@" + s.nonce + kind)
	for {
		before, after, marked := bytes.Cut(s.rest, mark)
		if status, rest, whole := bytes.Cut(after, []byte(";")); marked && whole {
			s.said, s.status, s.rest = bytes.Clone(before), string(status), bytes.Clone(rest)
			return nil
		}
		if len(s.rest) > mostBefore {
			return ErrNoShell
		}
		if more, err := s.more(ctx, deadline); !more {
			return err
		}
	}
}

// more reads, and tells whether there may be more: err is nil then, or comes again.
func (s *noting) more(ctx context.Context, deadline time.Time) (bool, error) {
	s.SetReadDeadline(deadline)
	if ctx.Err() != nil { // later it ends the read by a deadline of its own
		return false, context.Cause(ctx)
	}
	buf := make([]byte, 4<<10)
	n, err := s.Read(buf)
	s.rest = append(s.rest, buf[:n]...)
	return n > 0 || err == nil, err
}

// before is the text before the prompt at which the noter was typed, whose echo begins so.
func (s *noting) before(typed string) []byte {
	text, _, echoed := bytes.Cut(s.said, []byte(typed))
	if !echoed {
		return nil
	}
	return text[:bytes.LastIndexByte(text, '\n')+1]
}

// Leave notes the end of the session in that slot, which is about to be closed. idle is
// false if its shell has a command in the foreground: that has not ended, and Settle ends
// it.
func (f Fence) Leave(ctx context.Context, me Owner, slot string) (idle bool, err error) {
	s, _, err := f.do(ctx, "leave", me, slot)
	return !slices.ContainsFunc(s.Open(), func(r Receipt) bool { return r.Slot == slot }), err
}
