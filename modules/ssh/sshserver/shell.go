package sshserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// signals are those of RFC 4254, 6.10, that every Unix has.
var signals = map[ssh.Signal]syscall.Signal{
	ssh.SIGABRT: syscall.SIGABRT,
	ssh.SIGALRM: syscall.SIGALRM,
	ssh.SIGFPE:  syscall.SIGFPE,
	ssh.SIGHUP:  syscall.SIGHUP,
	ssh.SIGILL:  syscall.SIGILL,
	ssh.SIGINT:  syscall.SIGINT,
	ssh.SIGKILL: syscall.SIGKILL,
	ssh.SIGPIPE: syscall.SIGPIPE,
	ssh.SIGQUIT: syscall.SIGQUIT,
	ssh.SIGSEGV: syscall.SIGSEGV,
	ssh.SIGTERM: syscall.SIGTERM,
	ssh.SIGUSR1: syscall.SIGUSR1,
	ssh.SIGUSR2: syscall.SIGUSR2,
}

// nameOf returns ssh's name of a signal; KILL where it has none.
func nameOf(s syscall.Signal) ssh.Signal {
	for name, number := range signals {
		if number == s {
			return name
		}
	}
	return ssh.SIGKILL
}

// Shell returns an Exec that really runs commands, with sh -c in dir, as the
// user of this process. env is the whole environment ("NAME=value"), to which
// that of the client is added; nil is this process's own. A command is a
// session of its own, as under sshd: signals go to its process group, and when
// the client goes, the group gets TERM and soon KILL. What a command leaves in
// the background with its output closed lives on. In a terminal it runs where
// the client wants one.
func Shell(dir string, env []string) func(context.Context, *Exec) int {
	return func(ctx context.Context, x *Exec) int {
		code, err := x.runShell(ctx, dir, env)
		if err != nil {
			fmt.Fprintf(x.Stderr, "sshserver: %v\n", err)
			return 127
		}
		return code
	}
}

func (x *Exec) runShell(ctx context.Context, dir string, env []string) (int, error) {
	args := []string{"sh"}
	if x.Command != "" {
		args = append(args, "-c", x.Command)
	}
	if env == nil {
		env = os.Environ()
	}
	cmd := exec.Command("/bin/sh")
	cmd.Args, cmd.Dir = args, dir
	cmd.Env = slices.Concat(env, []string{"PWD=" + dir}, x.Env)
	if x.Terminal != nil {
		return x.runInTerminal(ctx, cmd)
	}
	cmd.Stdout, cmd.Stderr = x.Stdout, x.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	// This read ends with the channel, which may be later than the command.
	x.conn.busy.Go(func() {
		io.Copy(stdin, x.Stdin)
		stdin.Close()
	})
	ended := make(chan struct{})
	x.conn.busy.Go(func() { x.forwardSignals(ctx, cmd.Process.Pid, ended) })
	err = cmd.Wait()
	close(ended)
	return status(cmd, err)
}

// forwardSignals gives the group what the client sends it, and ends it when
// the client has gone.
func (x *Exec) forwardSignals(ctx context.Context, group int, ended <-chan struct{}) {
	for {
		select {
		case s := <-x.Signals:
			if number, ok := signals[s]; ok {
				syscall.Kill(-group, number)
			}
		case <-ctx.Done():
			x.conn.endGroup(group, syscall.SIGTERM, ended)
			return
		case <-ended:
			return
		}
	}
}

func (c *conn) endGroup(group int, first syscall.Signal, ended <-chan struct{}) {
	syscall.Kill(-group, first)
	select {
	case <-ended:
	case <-time.After(c.server.grace()):
	}
	syscall.Kill(-group, syscall.SIGKILL)
}

// status returns how cmd ended, in the terms of Server.Exec. That its output
// could not be delivered is no error: the client has gone then.
func status(cmd *exec.Cmd, err error) (int, error) {
	var exit *exec.ExitError
	if cmd.ProcessState == nil && !errors.As(err, &exit) {
		return 0, err
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return -int(ws.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
