package login

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"farmrun/luahost/remote/sweep"
	"farmrun/luahost/secret"
)

// The reasons for which there is no login, or none any more.
var (
	// ErrName: the host asked for the name again and for no password, as it
	// does while logins are forbidden there.
	ErrName = errors.New("the host does not take the user's name")
	// ErrExpired: the host wants the password changed before it lets the user in.
	ErrExpired = errors.New("the password has expired")
	// ErrNotHere is an ErrExpired of a host that does not let it be changed by this
	// login.
	ErrNotHere = fmt.Errorf("%w, and the host does not let it be changed by this login", ErrExpired)
	// ErrNewRejected: the host does not take the new password either.
	ErrNewRejected = errors.New("the password has expired, and the host does not take the new one")
	// ErrRefused: the host said that it lets the user in by no means.
	ErrRefused = errors.New("the host refuses the login")
	// ErrNotNow: the host has rejected the login, with a notice that is not about
	// the password, which may be right.
	ErrNotNow = errors.New("the host seems to let nobody in now")
	// ErrMore: it has rejected the login after it had the password, or not even
	// asked for that, and the operator's answer to another question.
	ErrMore = errors.New("the host rejects the login: the password or the other answer that it asked for is wrong")
	// ErrNoPrompt: nothing was said that any case knows.
	ErrNoPrompt = errors.New("the host says nothing that leads to a shell")
	// ErrNoShell: what followed the login does not obey as a shell does.
	ErrNoShell = errors.New("what the login leads to is no shell")
	// ErrNotRun: the shell could not begin a command.
	ErrNotRun = errors.New("the shell ended without running the command")
	// ErrLost: the terminal is gone, or says what nobody can read.
	ErrLost = errors.New("connection lost")
	// ErrClosed: the Client was closed by its owner.
	ErrClosed = errors.New("connection closed")

	errEnded   = fmt.Errorf("%w: the host ended it", ErrLost)
	errGarbled = errors.New("what the host says is garbled on its way")
)

// Error is what went wrong with a login. It wraps Reason. Its text does not name
// the host.
type Error struct {
	On     string // the host
	During string // "login" or "run"
	Reason error  // one of the sentinels, secret.ErrRejected, or a context's cause
	Said   string // the last lines that the host said, made printable
	// Left are the processes that a command left running on the host although
	// its time was over, because this user may not end them.
	Left []sweep.Process
	// Unsure is that the host has not said what became of a command: it may
	// still be running there.
	Unsure bool
}

func (e *Error) Error() string {
	text := e.Reason.Error()
	if e.During == duringLogin {
		text = duringLogin + ": " + text
	}
	return text + sweep.Left(e.Left)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

// Host returns the name of the host.
func (e *Error) Host() string { return e.On }

// Output returns the last lines that the host said.
func (e *Error) Output() string { return strings.TrimSpace(e.Said) }

// Kind is for scripts.
func (e *Error) Kind() string {
	switch {
	case errors.Is(e, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(e, context.Canceled):
		return "cancelled"
	case errors.Is(e, ErrLost), errors.Is(e, ErrClosed):
		return "unreachable"
	case e.During == duringRun && !errors.Is(e, ErrNotRun):
		return "failed"
	}
	return "login"
}

// Where an Error happens.
const (
	duringLogin = "login"
	duringRun   = "run"
)

// Hint says what to do next.
func (e *Error) Hint() string {
	switch {
	case errors.Is(e, ErrName):
		return "is the name right? while there is an /etc/nologin, hosts let nobody in"
	case errors.Is(e, ErrNotHere):
		return "another login may: farmrun passmass -login ssh -user USER " + e.On + "; or log in there by hand once"
	case errors.Is(e, ErrExpired):
		return "passmass changes it: farmrun passmass " + e.On + "; or log in there by hand once"
	case errors.Is(e, ErrNewRejected):
		return "the expired one is still good, for choosing another: farmrun passmass " + e.On
	case errors.Is(e, ErrNotNow):
		return "while there is an /etc/nologin, hosts let nobody in, whatever the password"
	case errors.Is(e, ErrNoPrompt):
		return `teach the site file what the host says: dialogue = { { "PATTERN$", "shell" } }; farmrun help teaching-farmrun-a-new-prompt`
	case errors.Is(e, ErrNoShell):
		return `if it is a menu, the site file can choose from it: dialogue = { { "PATTERN$", send = "…" } }; if there is no shell, write a script with host:session; farmrun help teaching-farmrun-a-new-prompt`
	case errors.Is(e, secret.ErrNoTerminal):
		return "run farmrun on a terminal, where it can ask"
	case len(e.Left) > 0:
		return sweep.LeftHint
	case e.Unsure:
		return "the command may still be running on the host"
	}
	return ""
}
