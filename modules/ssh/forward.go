package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// DialContext connects to addr as seen from the host: network is "tcp", with a
// name that the host looks up, or "unix", with the path of a socket. ctx bounds
// the connecting, not the connection.
func (c *Client) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, inTime, err := await(ctx, func() (net.Conn, error) { return c.conn.forwarder().Dial(network, addr) })
	switch {
	case !inTime:
		return nil, c.fail(StageForward, fmt.Errorf("connecting to %s from the host: %w", addr, err))
	case err != nil:
		return nil, c.dialError(ctx, network, addr, err)
	}
	return newHostConn(conn), nil
}

func (c *Client) dialError(ctx context.Context, network, addr string, err error) error {
	var refused *ssh.OpenChannelError
	if !errors.As(err, &refused) {
		if why := c.broken(ctx); why != nil {
			err = why
		}
		return c.fail(StageForward, err)
	}
	e := c.fail(StageForward, fmt.Errorf("the host cannot connect to %s: %s", addr, refused.Message))
	e.Kind = ErrUnreachable
	switch {
	case refused.Reason == ssh.Prohibited:
		e.Kind = ErrForwardRefused
		e.Hint = "its sshd may have AllowTcpForwarding or PermitOpen set against this"
	case network == "unix": // sshd gives no reason
		e.Hint = "see whether a program listens there and the login may use it; its sshd may have AllowStreamLocalForwarding set against this"
	}
	return e
}

// Listen has the host listen on addr, network "tcp" or "unix", as -R of ssh
// does. Port 0 lets the host choose one: the listener's Addr has it. An
// address of "localhost" or none takes both families; 127.0.0.1 is the safer
// one, for of two families one may be somebody else's. The error wraps
// ErrForwardRefused if the host will not; over the wire sshd does not tell
// whether the port is taken or the forward forbidden.
//
// The caller closes the listener, which frees the port at once, and serves it
// until then: a connection that nobody accepts holds up all others of this
// login.
func (c *Client) Listen(ctx context.Context, network, addr string) (net.Listener, error) {
	l, inTime, err := await(ctx, func() (net.Listener, error) { return c.conn.forwarder().Listen(network, addr) })
	switch {
	case !inTime:
		return nil, c.fail(StageForward, fmt.Errorf("listening on %s: %w", addr, err))
	case err != nil:
		return nil, c.listenError(ctx, addr, err)
	}
	return hostListener{l}, nil
}

func (c *Client) listenError(ctx context.Context, addr string, err error) error {
	if !strings.Contains(err.Error(), "denied by peer") {
		if why := c.broken(ctx); why != nil {
			err = why
		}
		return c.fail(StageForward, err)
	}
	e := c.fail(StageForward, fmt.Errorf("the host does not listen on %s: the port is taken, or its sshd forbids it", addr))
	e.Kind = ErrForwardRefused
	return e
}
