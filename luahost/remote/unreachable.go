package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// NewDialer returns what connects to a service that has no keepalives of its own:
// where nothing is under way, a host that loses its power is noticed in about a
// minute.
func NewDialer() *net.Dialer {
	const every = 15 * time.Second
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: 3}}
}

// Unreachable is an error of connecting to a service on a host.
type Unreachable struct {
	Service string // what was to be reached: "telnet"
	Addr    string // host:port
	Err     error  // never nil
	Advice  string // what to do next; may be ""
}

// NewUnreachable returns the error for what a dial of addr within ctx returned,
// without what its text repeats. It wraps context.Cause(ctx) if that is why.
func NewUnreachable(ctx context.Context, service, addr string, err error) *Unreachable {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done() // of two timers, that of the connection was the faster
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	u := &Unreachable{Service: service, Addr: addr, Err: err}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		u.Err = fmt.Errorf("%s: %s", dns.Name, dns.Err)
	} else if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		u.Err = op.Err
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		u.Err = errors.New("connection refused")
		u.Advice = "nothing listens there: is the service running, on this port?"
	}
	return u
}

func (u *Unreachable) Error() string { return fmt.Sprintf("%s %s: %v", u.Service, u.Addr, u.Err) }
func (u *Unreachable) Unwrap() error { return u.Err }

// Kind is luahost's word for it.
func (*Unreachable) Kind() string { return "unreachable" }

// Hint returns Advice.
func (u *Unreachable) Hint() string { return u.Advice }
