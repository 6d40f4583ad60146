package rlogin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"strings"
	"syscall"
	"time"

	"farmrun/luahost/remote"
)

// Dial connects to the rlogin server at addr, host:port, from a reserved port,
// and returns when the host has taken note of who logs in. ctx bounds that, not
// the connection. The error is a *remote.Unreachable, which may wrap ErrPort,
// ErrRefused or context.Cause(ctx).
func Dial(ctx context.Context, network, addr string, o Options) (*Conn, error) {
	c, err := dial(ctx, network, addr, o)
	if err == nil {
		return c, nil
	}
	u := remote.NewUnreachable(ctx, "rlogin", addr, err)
	switch {
	case errors.Is(err, ErrPort):
		u.Advice = "hosts believe rlogin only from a port below 1024: be root, give farmrun the capability CAP_NET_BIND_SERVICE, or run the system's rlogin in a terminal, which may"
	case errors.Is(err, ErrRefused):
		u.Advice = "a host says nothing where it will not talk to this machine: its log tells why"
	}
	return nil, u
}

func dial(ctx context.Context, network, addr string, o Options) (*Conn, error) {
	// Not always the same first, for the one used last may be taken at the host.
	conn, err := dialReserved(ctx, network, addr, leastPort+rand.IntN(ports))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	c, err := New(conn, o)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// The reserved ports from which a client may come (RFC 1282).
const (
	leastPort = 512
	ports     = 512
)

// dialReserved tries the reserved ports, from first on.
func dialReserved(ctx context.Context, network, addr string, first int) (net.Conn, error) {
	for n := range ports {
		d := remote.NewDialer()
		d.LocalAddr, d.Control = &net.TCPAddr{Port: leastPort + (first-leastPort+n)%ports}, reuse
		conn, err := d.DialContext(ctx, network, addr)
		switch {
		case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL):
			continue
		case errors.Is(err, fs.ErrPermission) && isBind(err):
			return nil, fmt.Errorf("%w: this process may not use one", ErrPort)
		}
		return conn, err
	}
	return nil, fmt.Errorf("%w: all are taken", ErrPort)
}

// reuse lets connections to many hosts share a port.
func reuse(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) })
}

// isBind tells whether err is of this end, and not of a firewall.
func isBind(err error) bool {
	s, ok := errors.AsType[*os.SyscallError](err)
	return ok && s.Syscall == "bind"
}

// hello returns what a client begins with.
func (o Options) hello() ([]byte, error) {
	if o.LocalUser == "" {
		me, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("who asks: %w", err)
		}
		o.LocalUser = me.Username
	}
	kind := fmt.Sprintf("%s/%d", o.Terminal.WithDefaults().Term, cmp.Or(o.Speed, 38400))
	words := []string{"", o.LocalUser, cmp.Or(o.User, o.LocalUser), kind}
	for _, w := range words {
		if strings.ContainsRune(w, 0) {
			return nil, fmt.Errorf("%q has a NUL in it", w)
		}
	}
	return []byte(strings.Join(words, "\x00") + "\x00"), nil
}

// refusal is what a host says in place of a dialogue.
type refusal struct{ text string }

func (r *refusal) Error() string { return fmt.Sprintf("%v: it says %q", ErrRefused, r.text) }
func (r *refusal) Unwrap() error { return ErrRefused }
