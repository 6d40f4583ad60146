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
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// opening has the shell of one command print a mark on each output before
// anything else, so that it is known to have run. Output before the mark is the
// login shell's: its startup files may print, or exit, or become another shell.
type opening struct{ out, err, fed string }

// newOpening makes marks that nobody can guess. They differ, so that they are
// told from each other where a host has both outputs in one.
func newOpening() opening {
	nonce := "farmrun:" + rand.Text()[:16]
	return opening{out: nonce + ":1:", err: nonce + ":2:", fed: nonce + ":3:"}
}

// line returns the login shell's command line for a script. It becomes a POSIX
// shell at once, for it may be csh. The marks end with the process id of that
// shell: whoever has to end the command needs it, and no host that repeats the
// line can print it. The script comes to a shell of its own, since one with a
// syntax error would not print the marks.
//
// With input the script is run once the shell has read a first line of it, the third
// mark, which is sent after the others, and has printed that. So a command that
// was given up before that is not run without its input, whenever its startup files
// let go of the login shell, nor one whose input they have taken.
//
// A script of several lines is handed over line by line, for csh has no
// newline within quotes, and put together again: ${IFS#??} is a newline.
func (o opening) line(script string, input bool) string {
	tell := "echo " + o.err + "$$ >&2;echo " + o.out + "$$;"
	if input {
		tell += `TMOUT=0 read farmrun;[ "$farmrun" = ` + o.fed + ` ]||exit;unset farmrun;echo ` + o.fed + "$$;"
	}
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
	to    *remote.Stream
	mark  string        // "" is found
	then  string        // the mark that is looked for next; "" is none
	found func(pid int) // called at the mark; may be nil
	held  []byte        // the end of what came before it, which may be the beginning of the mark

	mu    sync.Mutex
	noise remote.Output // what came before it
}

// before returns what came before the mark.
func (m *marker) before() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.noise.Bytes()
}

// mostNoise is how much of the output before the mark is kept, for an error.
const mostNoise = 4 << 10

// mostPID is how long a process id may be, with its line end.
const mostPID = 20

func (m *marker) Write(p []byte) (int, error) {
	if m.mark == "" {
		return m.to.Write(p)
	}
	m.mu.Lock()
	m.noise.Keep = mostNoise
	m.noise.Write(p)
	m.mu.Unlock()
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

// pass ends the search for a mark.
func (m *marker) pass(pid int, rest []byte) {
	m.mark, m.then, m.held = m.then, "", nil
	if m.found != nil {
		m.found(pid)
	}
	m.Write(rest)
}

// feed gives the command its input, once it runs. Nobody waits for the
// goroutine: a reader may block although the command has long ended.
func (r *run) feed() {
	if r.cmd.Stdin == nil {
		r.ch.CloseWrite()
		return
	}
	go func() {
		if r.early || r.mayBegin() {
			io.Copy(struct{ io.Writer }{r.ch}, io.MultiReader(strings.NewReader(r.goAhead), r.cmd.Stdin))
		}
		r.ch.CloseWrite()
	}()
}

// mayBegin waits until the command is known to run, or will not any more.
func (r *run) mayBegin() bool {
	select {
	case <-r.begun:
	case <-r.copied:
	}
	return isDone(r.begun)
}

// marked notes that a mark has come that the command cannot begin without.
func (r *run) marked() {
	if r.missing.Add(-1) == 0 {
		r.settled.Do(func() { close(r.begun) })
	}
}

// What is known of the standard error of a login's commands.
const (
	untried int32 = iota
	apart         // it comes as such
	astray        // it does not, though the command runs
)

// doubtful tells whether the command may wait for ever to begin, since none like it
// was seen to run.
func (r *run) doubtful() bool {
	c := r.client
	return !c.bare && !r.early && (r.cmd.Stdin != nil && !c.fed.Load() || r.cmd.NeedStderr && c.stderr.Load() == untried)
}

// prove finds out beside r whether it will begin. If not, r ends with the reason.
// The function that prove returns waits for all of this.
func (r *run) prove() (join func()) {
	outer, done := r.ctx, make(chan struct{})
	inner, cancel := context.WithCancelCause(outer)
	r.ctx = inner
	go func() {
		defer close(done)
		if r.client.proven.Load() && r.beginsWithin(outer, r.client.waits.doubt) {
			return
		}
		if err := r.obstacle(outer); err != nil && !isDone(r.started) {
			r.settled.Do(func() {})
			cancel(err)
		}
	}()
	return func() {
		<-done
		cancel(nil)
	}
}

// beginsWithin waits for the command to begin, or to end without. It tells whether
// either was in time.
func (r *run) beginsWithin(ctx context.Context, most time.Duration) bool {
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-r.started:
	case <-r.copied:
	case <-ctx.Done():
	case <-late.C:
		return false
	}
	return true
}

// obstacle returns why r does not begin, or nil if nothing is known to keep it from
// that. A login shell that has become another one waits for input, as farmrun does
// for the mark; a command without input ends there. Startup files that read input
// wait as well: without input they go on, but they take a line that is sent at once,
// which is then missing where it should arrive.
func (r *run) obstacle(ctx context.Context) error {
	_, err := r.client.Run(ctx, remote.Cmd{Line: ":"})
	switch {
	case errors.Is(err, ErrNotRun):
		return err
	case err != nil || isDone(r.started):
		return nil
	case r.cmd.NeedStderr && r.client.stderr.Load() == astray:
		return r.astray()
	}
	_, err = r.client.run(ctx, remote.Cmd{Line: ":", Stdin: strings.NewReader("")}, true)
	if !errors.Is(err, ErrNotRun) || r.beginsWithin(ctx, r.client.waits.doubt) { // they wait for a moment only
		return nil
	}
	return r.taken()
}

// taken is the error of a command whose input does not come to it.
func (r *run) taken() *Error {
	return r.refusal("take the command's input", "have them read in a terminal only: [ -t 0 ] && read …")
}

// hearsErrors returns why standard error, which the command needs, does not come. A
// command with input waits for its mark, and another for that of a command before it.
func (r *run) hearsErrors() error {
	if r.client.bare || !r.cmd.NeedStderr {
		return nil
	}
	if r.cmd.Stdin == nil && r.client.stderr.Load() == untried {
		if _, err := r.client.Run(r.ctx, remote.Cmd{Line: ":"}); err != nil {
			return err
		}
	}
	if r.client.stderr.Load() == astray {
		return r.astray()
	}
	return nil
}

// astray is the error of a command that needs its standard error.
func (r *run) astray() error {
	return r.refusal("send standard error elsewhere, and it is needed here", "have them do so in a terminal only: [ -t 2 ] && exec 2>…")
}

// refusal is the error of a command that is not run because of the startup files.
func (r *run) refusal(they, hint string) *Error {
	e := r.fail(fmt.Errorf("the startup files of %s on the host %s", r.client.User(), they))
	e.Kind, e.Hint = ErrNotRun, hint
	return e
}

// ran returns the error of a command that ended without its marks, or nil.
func (r *run) ran() error {
	switch {
	case !isDone(r.begun):
		return r.notRun()
	case !isDone(r.started):
		e := r.taken()
		e.Said = r.noise()
		return e
	}
	return nil
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
	said := append(r.err.before(), r.out.before()...)
	return remote.LastLines(bytes.TrimSpace(said), 10)
}
