package ssh

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest/memnet"
)

// stuck is a connection that never answers the opening of a channel, not even
// when it ends, until it is closed.
type stuck struct {
	ssh.Conn
	freed chan struct{}
}

func (s stuck) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	<-s.freed
	return nil, nil, errors.New("freed")
}

// TestOpenWhenTheConnectionEnds has nothing wait for a channel that was opened
// just when the connection ended.
func TestOpenWhenTheConnectionEnds(t *testing.T) {
	for name, open := range map[string]func(context.Context, *Client) error{
		"run": func(ctx context.Context, c *Client) error {
			_, err := c.Run(ctx, remote.Cmd{Line: "true"})
			return err
		},
		"terminal": func(ctx context.Context, c *Client) error {
			_, err := c.Terminal(ctx, remote.TerminalOptions{})
			return err
		},
		"forward": func(ctx context.Context, c *Client) error {
			_, err := c.DialContext(ctx, "tcp", "127.0.0.1:1")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := memnet.Pipe(nil, nil)
				w := newWire(ours)
				m, _ := pairOver(t, w, theirs, func(ssh.NewChannel) {})
				s := stuck{m.Conn, make(chan struct{})}
				defer close(s.freed)
				m.Conn = mortal{s, w.done}
				c := newClient(&login{dialer: &Dialer{}, settings: &Settings{Host: "h"}}, m, w)
				defer c.Close()
				failed := make(chan error)
				go func() { failed <- open(t.Context(), c) }()
				synctest.Wait()
				theirs.Close()
				if err := <-failed; !errors.Is(err, ErrLost) {
					t.Errorf("got %v, want ErrLost", err)
				}
			})
		})
	}
}
