// Package local runs commands on this machine as a login would run them on
// another.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"farmrun/luahost/remote"
)

// Shell is a runner whose host is this machine. The zero value runs commands
// where this process stands and with its environment. It may be shared
// between goroutines once its fields are set, and needs no closing.
type Shell struct {
	Dir string   // where commands start; "" is the current directory
	Env []string // instead of this process's environment, if not nil
	// Wrap are words put before "sh -c SCRIPT", such as "busybox" or
	// "unshare", "--mount"; nil is none.
	Wrap []string
}

// Close does nothing: there is no login to end.
func (s Shell) Close() error { return nil }

// DialContext connects from this machine.
func (s Shell) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// Run runs cmd with the shell of this machine. When ctx is done first, it
// kills the command's process group and returns an error that wraps
// context.Cause(ctx).
func (s Shell) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	script, err := cmd.Script()
	if err != nil {
		return remote.Result{}, err
	}
	words := slices.Concat(s.Wrap, []string{"sh", "-c", script})
	x := exec.CommandContext(ctx, words[0], words[1:]...)
	x.Dir = s.Dir
	x.Env = s.Env
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
	err = x.Run()
	if err != nil && ctx.Err() != nil {
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
