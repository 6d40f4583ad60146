package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestUnreachable(t *testing.T) {
	why := errors.New("the turn is over")
	called, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	for _, x := range []struct {
		ctx    context.Context
		err    error
		want   string
		is     error
		advice bool
	}{
		{t.Context(), &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)},
			"telnet h:23: connect: no route to host", syscall.EHOSTUNREACH, false},
		{t.Context(), &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
			"telnet h:23: connection refused", nil, true},
		{t.Context(), &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "h", Server: "1.2.3.4"}},
			"telnet h:23: h: no such host", nil, false},
		{called, errors.New("operation was canceled"), "telnet h:23: the turn is over", why, false},
	} {
		u := NewUnreachable(x.ctx, "telnet", "h:23", x.err)
		if u.Error() != x.want || (u.Hint() != "") != x.advice || u.Kind() != "unreachable" || x.is != nil && !errors.Is(u, x.is) {
			t.Errorf("got %v, hint %q; want %s", u, u.Hint(), x.want)
		}
	}
}

// late is a context whose timer comes a moment after its deadline.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

// TestUnreachableLate has the connection's timer be faster than the context's.
func TestUnreachableLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if u := NewUnreachable(late{ctx}, "telnet", "h:23", os.ErrDeadlineExceeded); !errors.Is(u, context.DeadlineExceeded) {
			t.Errorf("got %v", u)
		}
	})
}
