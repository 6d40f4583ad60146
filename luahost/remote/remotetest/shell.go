// Package remotetest has a host for tests: Shell runs commands on this machine
// as a login would run them on another, in a home directory of their own. It
// lets whatever takes a runner be tested against real commands without a
// server.
package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost/remote"
)

// Shell is a runner whose host is this machine. Dir must be set; New sets it.
// It may be shared between goroutines once its fields are.
type Shell struct {
	Dir string   // the home, where commands start
	Env []string // added to an environment of PATH, HOME and LC_ALL=C only
	// Wrap are words put before "sh -c SCRIPT", such as "busybox" or
	// "unshare", "--mount"; nil is none.
	Wrap []string
	// Dry makes a command that is no query a Result with Dry set.
	Dry bool

	mu  sync.Mutex
	ran []remote.Cmd
}

// New returns a Shell in a fresh directory that goes when the test ends.
func New(t testing.TB) *Shell {
	t.Helper()
	return &Shell{Dir: t.TempDir()}
}

// Ran returns the commands that were really run, in order.
func (s *Shell) Ran() []remote.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ran)
}

// Run runs cmd with the shell of this machine. When ctx is done first, it
// kills the command's process group and returns an error that wraps
// context.Cause(ctx).
func (s *Shell) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if s.Dry && !cmd.Query {
		return remote.Result{Dry: true}, nil
	}
	script, err := cmd.Script()
	if err != nil {
		return remote.Result{}, err
	}
	s.mu.Lock()
	s.ran = append(s.ran, cmd)
	s.mu.Unlock()
	return s.run(ctx, cmd, script)
}

func (s *Shell) run(ctx context.Context, cmd remote.Cmd, script string) (remote.Result, error) {
	words := slices.Concat(s.Wrap, []string{"sh", "-c", script})
	x := exec.CommandContext(ctx, words[0], words[1:]...)
	x.Dir = s.Dir
	x.Env = s.environ()
	x.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	x.Cancel = func() error { return syscall.Kill(-x.Process.Pid, syscall.SIGKILL) }
	x.WaitDelay = time.Second

	stdout, stderr := &remote.Output{Keep: cmd.Keep}, &remote.Output{Keep: cmd.Keep}
	x.Stdout, x.Stderr = tee(stdout, cmd.Stdout), tee(stderr, cmd.Stderr)
	if cmd.Stdin != nil {
		in, err := x.StdinPipe()
		if err != nil {
			return remote.Result{}, err
		}
		// Not x.Stdin: a reader that never ends must not keep Run from
		// returning, and one that fails must be seen as an end by the command.
		go func() { io.Copy(in, cmd.Stdin); in.Close() }()
	}
	began := time.Now()
	err := x.Run()
	if ctx.Err() != nil {
		return remote.Result{}, fmt.Errorf("%s: %w", cmd.Name(), context.Cause(ctx))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return remote.Result{}, err
	}
	r := remote.Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Duration: time.Since(began)}
	r.Code = x.ProcessState.ExitCode()
	if w := x.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() {
		r.Signal = signalName(w.Signal())
	}
	return r, nil
}

func (s *Shell) environ() []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "LC_ALL=C"}, s.Env...)
}

func tee(keep *remote.Output, live io.Writer) io.Writer {
	if live == nil {
		return keep
	}
	return io.MultiWriter(keep, live)
}

func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL", syscall.SIGINT: "INT",
		syscall.SIGPIPE: "PIPE", syscall.SIGHUP: "HUP",
	}
	if name := names[s]; name != "" {
		return name
	}
	return strings.ToUpper(s.String())
}
