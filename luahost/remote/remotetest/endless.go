package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farmrun/luahost/remote"
)

// endless are commands that do not end by themselves. MARK is replaced by a
// text by which a process of theirs is found.
var endless = map[string]string{
	"sleep":       "sleep 1MARK",
	"exec":        "exec sleep 1MARK",
	"child":       "sh -c 'sleep 1MARK & wait'",
	"deaf":        "trap '' TERM; sleep 1MARK; sleep 2MARK",
	"chatty":      "yes 1MARK",
	"pipeline":    "sleep 1MARK | cat | cat",
	"own group":   "set -m; sleep 1MARK & wait",
	"orphan":      "set -m; sleep 1MARK & exit 0",
	"silent one":  "sleep 1MARK >/dev/null 2>&1 & wait",
	"loop":        "while :; do : 1MARK; done",
	"input":       "cat 1MARK - ; sleep 1MARK",
	"two lines":   "sleep 1MARK\necho",
	"stubborn":    "sh -c \"trap '' TERM HUP INT; while :; do sleep 1MARK; done\"",
	"new session": "setsid sleep 1MARK; :",
}

// Endless are the names of the commands that Ender.Try knows, which do not end
// by themselves.
func Endless() []string { return slices.Sorted(maps.Keys(endless)) }

// Ender tries whether commands that do not end by themselves are ended when
// their time is over, and looks what they leave behind.
type Ender struct {
	Run func(context.Context, remote.Cmd) (remote.Result, error)
	// Find returns the processes with a text among their arguments, "" if there
	// are none; nil is for those of this machine.
	Find func(mark string) string
	// Within is how long after its time a command may return on a host that is
	// quick; one that takes long even for "true" has more, and the best of
	// three tries counts.
	Within time.Duration
	// Behind is how long the end may go on behind a command that has returned,
	// since its host is slow; that too is not so in the best of three tries.
	Behind time.Duration
}

// endlessTime is the time that a command has.
const endlessTime = 300 * time.Millisecond

// TryAll tries all of Endless, a subtest for each.
func (e Ender) TryAll(t *testing.T) {
	for _, name := range Endless() {
		t.Run(name, func(t *testing.T) { e.Try(t, name, "") })
	}
}

// Try tries one of Endless, with an input that it does not read unless that is
// empty.
func (e Ender) Try(t *testing.T, name, input string) {
	t.Helper()
	for try := 1; ; try++ {
		may := endlessTime + e.Within + 20*max(0, e.idle(t)-20*time.Millisecond)
		took, behind := e.once(t, endless[name], input)
		t.Logf("it took %v of %v, and %v behind that", took, may, behind)
		if took <= may && behind == 0 {
			return
		}
		if try == 3 {
			t.Errorf("it took %v and %v behind that, want at most %v", took, behind, may)
			return
		}
	}
}

// marks counts what was tried, for marks that no other test on this machine has.
var marks atomic.Int64

// once returns how long the command took, and how long it was there after that.
func (e Ender) once(t *testing.T, line, input string) (took, behind time.Duration) {
	t.Helper()
	mark := fmt.Sprint(os.Getpid()*1000 + int(marks.Add(1)))
	cmd := remote.Cmd{Line: strings.ReplaceAll(line, "MARK", mark)}
	if input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	began := time.Now()
	_, err := e.run(cmd, endlessTime)
	took = time.Since(began)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a timeout", err)
	}
	ended := time.Now()
	for left := e.find(mark); left != ""; left = e.find(mark) {
		if behind = time.Since(ended); behind > e.Behind {
			t.Errorf("still running: %s", left)
			break
		}
	}
	return took, behind
}

func (e Ender) run(cmd remote.Cmd, within time.Duration) (remote.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return e.Run(ctx, cmd)
}

func (e Ender) find(mark string) string {
	if e.Find != nil {
		return e.Find(mark)
	}
	out, _ := exec.Command("pgrep", "-af", mark).Output()
	return string(out)
}

// idle returns how long a command takes that does nothing.
func (e Ender) idle(t *testing.T) time.Duration {
	t.Helper()
	r, err := e.run(remote.Cmd{Line: "true"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return r.Duration
}

// NoInput is a reader that has nothing, and ends when it is closed.
type NoInput chan struct{}

// Read waits for the end.
func (n NoInput) Read([]byte) (int, error) { <-n; return 0, io.EOF }

// Signal is a writer that tells when something was written: there is a value
// in it then. It must have room for one.
type Signal chan struct{}

// Write returns at once.
func (s Signal) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}
