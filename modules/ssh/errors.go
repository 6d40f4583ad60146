package ssh

import (
	"context"
	"errors"
	"fmt"

	"farmrun/luahost/remote/sweep"
)

// The sentinels for decisions. Every error of a connection is an *Error that
// wraps at most one of them.
var (
	// ErrUnreachable: the host could not be connected to, or does not speak ssh.
	ErrUnreachable = errors.New("unreachable")
	// ErrHostKey: the host's key is unknown and was not accepted, has changed
	// or is revoked.
	ErrHostKey = errors.New("host key refused")
	// ErrAuth: the host let the user in by none of the ways there were.
	ErrAuth = errors.New("login refused")
	// ErrLost: the connection broke, or went silent, after the login.
	ErrLost = errors.New("connection lost")
	// ErrTimeout: a wait had its end. It is wrapped whether the end was
	// ConnectTimeout's or that of the caller's context.
	ErrTimeout = errors.New("timed out")
	// ErrClosed: the Client was closed by its owner.
	ErrClosed = errors.New("connection closed")
	// ErrNotRun: the program that the host ran ended without having begun the command.
	ErrNotRun = errors.New("not run")
	// ErrForwardRefused: the host did not open the port that was asked for,
	// because it is taken or because its sshd forbids it.
	ErrForwardRefused = errors.New("forward refused")
)

// The stages that an Error names.
const (
	StageConnect = "connect"
	StageHostKey = "host key"
	StageLogin   = "login"
	StageRun     = "run"
	StageForward = "forward"
)

// Error is what went wrong with one host.
type Error struct {
	Host  string // as it was asked for
	Stage string // StageConnect and so on
	Kind  error  // one of the sentinels, or nil
	Err   error  // what happened; never nil
	Hint  string // what to do next, if there is something to say
	Said  string // the last lines that the host printed instead of running a command
	// Left are the processes that a command left running on the host although
	// its time was over, because this user may not end them.
	Left []Process
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %v%s", e.Host, e.Stage, e.Err, sweep.Left(e.Left))
}

// Unwrap gives errors.Is the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// Process is one process on a host.
type Process = sweep.Process

// ended makes an error of a context that is done: a timeout, or else that
// somebody called the wait off.
func ended(ctx context.Context) (kind, err error) {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(cause, ErrTimeout) {
		return ErrTimeout, cause
	}
	return nil, cause
}
