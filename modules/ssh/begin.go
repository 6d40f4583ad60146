package ssh

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"farmrun/luahost/remote"
)

// opening has the shell of one command print a mark on each output before
// anything else, so that it is known to have run. Output before the mark is the
// login shell's: its startup files may print, or exit, or become another shell.
type opening struct{ out, err string }

// newOpening makes marks that nobody can guess. They differ, so that they are
// told from each other where a host has both outputs in one.
func newOpening() opening {
	nonce := "farmrun:" + rand.Text()[:16]
	return opening{out: nonce + ":1:", err: nonce + ":2:"}
}

// line returns the login shell's command line for a script. It becomes a POSIX
// shell at once, for it may be csh. The marks end with the process id of that
// shell: whoever has to end the command needs it, and no host that repeats the
// line can print it. The script comes to a shell of its own, since one with a
// syntax error would not print the marks.
//
// A script of several lines is handed over line by line, for csh has no
// newline within quotes, and put together again: ${IFS#??} is a newline.
func (o opening) line(script string) string {
	tell := "echo " + o.err + "$$ >&2;echo " + o.out + "$$;"
	if !strings.Contains(script, "\n") {
		return "exec /bin/sh -c " + quote(tell+`exec /bin/sh -c "$1" sh`) + " sh " + quote(script)
	}
	var b strings.Builder
	b.WriteString("exec /bin/sh -c " + quote(tell+`n=${IFS#??};s=;for l do s=$s$l$n;done;eval "unset n s l;shift $#;$s"`) + " sh")
	for line := range strings.SplitSeq(script, "\n") {
		b.WriteByte(' ')
		b.WriteString(quote(line))
	}
	return b.String()
}

// quote returns word so that every shell that anybody logs in with reads it
// back: within single quotes csh looks for "!" and fish for "\".
func quote(word string) string {
	return "'" + quoter.Replace(word) + "'"
}

var quoter = strings.NewReplacer(`'`, `'\''`, `!`, `'\!'`, `\`, `'\\'`)

// marker passes on one of a command's outputs, after its mark.
type marker struct {
	to    *stream
	mark  string        // "" is found
	found func(pid int) // called at the mark; may be nil
	noise remote.Output // what came before it
	held  []byte        // the end of that, which may be the beginning of the mark
}

// mostNoise is how much of the output before the mark is kept, for an error.
const mostNoise = 4 << 10

// mostPID is how long a process id may be, with its line end.
const mostPID = 20

func (m *marker) Write(p []byte) (int, error) {
	if m.mark == "" {
		return m.to.Write(p)
	}
	m.noise.Keep = mostNoise
	m.noise.Write(p)
	m.held = append(m.held, p...)
	for {
		at := bytes.Index(m.held, []byte(m.mark))
		if at < 0 {
			m.held = m.held[max(0, len(m.held)-len(m.mark)):]
			return len(p), nil
		}
		m.held = m.held[at:]
		id, rest, whole := bytes.Cut(m.held[len(m.mark):], []byte("\n"))
		pid, err := strconv.Atoi(string(id))
		switch {
		case whole && err == nil && pid > 1:
			m.pass(pid, rest)
			return len(p), nil
		case !whole && len(id) < mostPID:
			return len(p), nil // the rest is still to come
		}
		m.held = m.held[len(m.mark):]
	}
}

// pass ends the search.
func (m *marker) pass(pid int, rest []byte) {
	m.mark, m.held = "", nil
	if m.found != nil {
		m.found(pid)
	}
	m.to.Write(rest)
}

// feed gives the command its input, once it runs. Nobody waits for the
// goroutine: a reader may block although the command has long ended.
func (r *run) feed() {
	if r.cmd.Stdin == nil {
		r.ch.CloseWrite()
		return
	}
	go func() {
		select {
		case <-r.begun:
			io.Copy(struct{ io.Writer }{r.ch}, r.cmd.Stdin)
		case <-r.copied:
		}
		r.ch.CloseWrite()
	}()
}

// prove runs a command without input beside r, which has some. A login shell
// that has become another one waits for input, as farmrun does for the mark;
// without input it ends. r ends with the error of a host that runs no commands.
// The function that prove returns waits for all of this.
func (r *run) prove() (join func()) {
	outer, done := r.ctx, make(chan struct{})
	inner, cancel := context.WithCancelCause(outer)
	r.ctx = inner
	go func() {
		defer close(done)
		_, err := r.client.Run(outer, remote.Cmd{Line: ":"})
		if errors.Is(err, ErrNotRun) && !isDone(r.begun) {
			cancel(err)
		}
	}()
	return func() {
		<-done
		cancel(nil)
	}
}

// notRun is the error of a command that ended without its mark.
func (r *run) notRun() *Error {
	ended := fmt.Sprintf("exit status %d", r.code)
	if r.signal != "" {
		ended = "signal " + r.signal
	}
	e := r.fail(fmt.Errorf("the login shell of %s ended without running the command (%s)", r.client.User(), ended))
	e.Kind, e.Hint, e.Said = ErrNotRun, notRunHint, r.noise()
	return e
}

const notRunHint = "do its startup files exit or start another shell? a host that takes only certain commands needs shell = false in the site file"

// noise is the end of the host's output before the marks.
func (r *run) noise() string {
	said := append(r.err.noise.Bytes(), r.out.noise.Bytes()...)
	return remote.LastLines(bytes.TrimSpace(said), 10)
}
