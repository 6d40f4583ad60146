// Package probe tells whether a host is well: HTTP and TCP ask a service until
// it answers as it should, and a Watch reads what a log gains.
//
// They take a function that connects, so that the question is asked from the
// host's side, through its ssh connection, where no firewall is in the way. A
// Watch needs only a runner of commands.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Dial connects to addr as net.Dialer.DialContext does, seen from wherever the
// question is to be asked.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Patience is how long and how often something is asked. The zero value asks
// once and takes the answer for final.
type Patience struct {
	// Times is how many good answers in a row are wanted; 0 is 1.
	Times int
	// Within is how long bad answers are borne with: the last of the good ones
	// must have come by then. 0 bears with none.
	Within time.Duration
	// Interval lies between an answer and the next question; 0 is DefaultInterval.
	Interval time.Duration
	// Timeout is how long one answer may take; 0 is DefaultTimeout.
	Timeout time.Duration
}

// The defaults of Patience.
const (
	DefaultInterval = time.Second
	DefaultTimeout  = 5 * time.Second
)

// ErrUnwell is wrapped by the error of a probe that got no good answers.
var ErrUnwell = errors.New("no good answer")

// Error is a probe that failed. It wraps ErrUnwell, the last bad answer and,
// if a context ended it, its cause.
type Error struct {
	What        string        // what was asked: "GET http://localhost/"
	Asked       int           // how often
	After       time.Duration // how long it took
	Good, Times int           // how many good answers came in a row at the end, and how many were wanted
	Last        error         // the last bad answer; nil if there was none
	Cause       error         // why it ended early; nil if it did not
	said        string
}

func (e *Error) Error() string {
	text := e.What + ": "
	switch {
	case e.Last != nil:
		text += e.Last.Error()
	case e.Cause != nil:
		text += e.Cause.Error()
	default:
		text += ErrUnwell.Error()
	}
	if e.Good > 0 {
		text += fmt.Sprintf(", then %d good answers of %d", e.Good, e.Times)
	}
	if e.Asked > 1 {
		text += fmt.Sprintf(" (asked %d times in %v)", e.Asked, e.After.Round(100*time.Millisecond))
	}
	return text
}

// Unwrap returns ErrUnwell, the last answer and the cause, as far as there are.
func (e *Error) Unwrap() []error {
	all := []error{ErrUnwell}
	for _, err := range []error{e.Last, e.Cause} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// Kind is "unreachable": a service that does not answer as it should.
func (e *Error) Kind() string { return "unreachable" }

// Output returns the beginning of the last bad answer, if it was one of HTTP.
func (e *Error) Output() string { return e.said }

// repeat asks until there are enough good answers in a row, or patience or ctx
// ends.
func (p Patience) repeat(ctx context.Context, what string, ask func(context.Context) error) error {
	e := &Error{What: what, Times: max(p.Times, 1)}
	began := time.Now()
	for {
		err := p.once(ctx, ask)
		e.Asked++
		e.After = time.Since(began)
		late := p.Within > 0 && e.After > p.Within
		if err == nil && !late {
			if e.Good++; e.Good == e.Times {
				return nil
			}
		} else if err != nil {
			e.Good, e.Last, e.said = 0, err, said(err)
		}
		switch pause := cmp.Or(p.Interval, DefaultInterval); {
		case ctx.Err() != nil:
			e.Cause = context.Cause(ctx)
			return e
		case p.Within == 0 && err != nil, p.Within > 0 && e.After+pause > p.Within:
			return e
		default:
			sleep(ctx, pause)
		}
	}
}

// once asks once. An answer that does not come in time is a bad one.
func (p Patience) once(ctx context.Context, ask func(context.Context) error) error {
	timeout := cmp.Or(p.Timeout, DefaultTimeout)
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := ask(asking)
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %v", timeout)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// TCP connects to addr and hangs up. It fails with an *Error.
func TCP(ctx context.Context, dial Dial, addr string, p Patience) error {
	return p.repeat(ctx, "connect to "+addr, func(ctx context.Context) error {
		conn, err := orLocal(dial)(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

func orLocal(dial Dial) Dial {
	if dial == nil {
		return new(net.Dialer).DialContext
	}
	return dial
}
