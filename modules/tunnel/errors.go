package tunnel

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The reasons for which there is no tunnel.
var (
	// ErrTaken means that the port is in use on the host. It comes as a
	// *TakenError.
	ErrTaken = errors.New("the port is taken")
	// ErrForbidden means that the port is free and the host will not open it.
	ErrForbidden = errors.New("the host opens no such port")
	// ErrStranger means that the host says it has opened the port, and that
	// connections to it end up elsewhere.
	ErrStranger = errors.New("the port leads to somebody else")
	// ErrFarEnd means that the address that the tunnel is to lead to cannot be
	// reached from here.
	ErrFarEnd = errors.New("the tunnel's far end cannot be reached")
	// ErrInUse means that the Set has a tunnel from that port to another address.
	ErrInUse = errors.New("a tunnel from that port leads elsewhere")
)

// Error is a tunnel that was not opened. It wraps Reason, one of the sentinels,
// and Err.
type Error struct {
	Listen, To string
	Reason     error
	Err        error // what happened, or nil
}

func (e *Error) Error() string {
	text := fmt.Sprintf("tunnel from %s to %s: %v", e.Listen, e.To, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the reason and what happened.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// Kind is "unreachable" for a far end that is, and else "refused".
func (e *Error) Kind() string {
	if e.Reason == ErrFarEnd {
		return "unreachable"
	}
	return "refused"
}

// Hint says what to do next.
func (e *Error) Hint() string {
	switch e.Reason {
	case ErrFarEnd:
		return fmt.Sprintf("see whether %s answers on this machine", e.To)
	case ErrForbidden:
		return "look at AllowTcpForwarding and PermitListen in the host's sshd_config; ports below 1024 are for root"
	}
	return "look on the host who listens there: ss -ltnp"
}

// TakenError is a port that somebody holds. It wraps ErrTaken.
type TakenError struct {
	Listen  string
	Holders []Holder
	// Stale are the ssh sessions on the host of the same user that may be the
	// holder: one of them belongs, as a rule, to a machine that lost power or
	// its line, whose listeners the host keeps for two hours.
	Stale []Holder
	// Said is what the host's tools say, where that could not be read.
	Said string
}

func (e *TakenError) Error() string {
	var who []string
	for _, h := range e.Holders {
		who = append(who, h.String())
	}
	text := fmt.Sprintf("%v on the host: %s is held by %s", ErrTaken, e.Listen, cmp.Or(strings.Join(who, " and "), e.Said, "an unknown process"))
	if len(e.Stale) > 0 {
		text += ", which is another ssh session of this login"
	}
	return text
}

// Unwrap returns ErrTaken.
func (e *TakenError) Unwrap() error { return ErrTaken }

// Kind is "refused".
func (e *TakenError) Kind() string { return "refused" }

// Hint says how to free the port, or to do without it.
func (e *TakenError) Hint() string {
	if len(e.Stale) == 0 {
		return "have it ended, or listen on port 0 and put the port that the host chooses into the address"
	}
	var pids []string
	for _, h := range e.Stale {
		pids = append(pids, strconv.Itoa(h.PID))
	}
	if len(pids) == 1 {
		return "if no farmrun is running there, yours or a colleague's, it is left from a machine that lost power or its line: end it on the host by kill " + pids[0]
	}
	return "it is one of the processes " + strings.Join(pids, ", ") +
		" on the host: if none of them is a farmrun's, yours or a colleague's, end them by kill; or listen on port 0"
}
