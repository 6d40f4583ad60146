package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost/remote"
)

// endless are commands that do not end by themselves. They print something when
// they have begun. MARK is replaced by a text by which a process of theirs is
// found.
var endless = map[string]string{
	"sleep":       "echo; sleep 1MARK",
	"exec":        "echo; exec sleep 1MARK",
	"child":       "sh -c 'sleep 1MARK & echo; wait'",
	"deaf":        "trap '' TERM; echo; sleep 1MARK; sleep 2MARK",
	"chatty":      "yes 1MARK",
	"pipeline":    "sleep 1MARK | { echo; cat; } | cat",
	"own group":   "set -m; sleep 1MARK & echo; wait",
	"silent one":  "sleep 1MARK >/dev/null 2>&1 & echo; wait",
	"loop":        "echo; while :; do : 1MARK; done",
	"input":       "echo; cat 1MARK - ; sleep 1MARK",
	"two lines":   "echo; sleep 1MARK\necho",
	"stubborn":    "sh -c \"trap '' TERM HUP INT; echo; while :; do sleep 1MARK; done\"",
	"new session": "setsid sh -c 'echo; exec sleep 1MARK'; :",
}

// Endless are the names of the commands that Ender.Try knows, which do not end
// by themselves.
func Endless() []string { return slices.Sorted(maps.Keys(endless)) }

// Ender tries whether commands that do not end by themselves are ended when
// their time is over, and looks for processes that they leave behind.
type Ender struct {
	Run func(context.Context, remote.Cmd) (remote.Result, error)
	// Find returns the processes with a text among their arguments, "" if there
	// are none; nil is Running.
	Find func(mark string) string
	// Behind says that the end may go on behind a command that has returned.
	Behind bool
}

// TryDaemon has a command end by itself and leave a process that holds its output
// open: that is no part of it, and stays.
func (e Ender) TryDaemon(t *testing.T) {
	mark := Mark()
	result, err := e.Run(t.Context(), remote.Cmd{Line: "set -m; sleep 1" + mark + " & echo $!; exit 3"})
	if err != nil || result.Code != 3 {
		t.Errorf("got status %d, %v", result.Code, err)
	}
	find := Running
	if e.Find != nil {
		find = e.Find
	}
	if find(mark) == "" {
		t.Error("what the command left running was ended")
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(result.Stdout))); err == nil && pid > 1 && e.Find == nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

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
	mark := Mark()
	if _, err := e.end(name, mark, input); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a timeout", err)
	}
	left := e.find(mark)
	for e.Behind && left != "" {
		runtime.Gosched()
		left = e.find(mark)
	}
	if left != "" {
		t.Errorf("still running: %s", left)
	}
}

// Benchmark reports how long it takes to end each of Endless.
func (e Ender) Benchmark(b *testing.B) {
	for _, name := range Endless() {
		b.Run(name, func(b *testing.B) {
			var all time.Duration
			for b.Loop() {
				took, _ := e.end(name, Mark(), "")
				all += took
			}
			b.ReportMetric(float64(all.Milliseconds())/float64(b.N), "ms/end")
		})
	}
}

// end runs one of Endless, whose time is over when it has begun, and returns how
// long it took from then on.
func (e Ender) end(name, mark, input string) (took time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var over time.Time
	cmd := remote.Cmd{
		Line: strings.ReplaceAll(endless[name], "MARK", mark),
		Stdout: onWrite(sync.OnceFunc(func() {
			over = time.Now()
			cancel(context.DeadlineExceeded)
		})),
	}
	if input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	_, err = e.Run(ctx, cmd)
	return time.Since(over), err
}

func (e Ender) find(mark string) string {
	if e.Find != nil {
		return e.Find(mark)
	}
	return Running(mark)
}

// Running returns the processes of this machine with a text among their
// arguments, "" if there are none.
func Running(mark string) string {
	out, _ := exec.Command("pgrep", "-af", mark).Output()
	return string(out)
}

// marks counts the marks that Mark has given.
var marks atomic.Int64

// Mark returns digits that no other test on this machine has as its mark.
func Mark() string { return fmt.Sprint(os.Getpid()*1000 + int(marks.Add(1))) }

// onWrite is a writer that calls a function when something is written.
type onWrite func()

func (w onWrite) Write(p []byte) (int, error) {
	w()
	return len(p), nil
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
