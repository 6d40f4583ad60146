package login

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"farmrun/luahost/console"
	"farmrun/luahost/remote"
)

// relayScript and relayProgram connect from the host; see the files.
//
//go:embed relay.sh
var relayScript string

//go:embed relay.pl
var relayProgram string

// DialContext connects to addr as seen from the host; network is "tcp" or
// "unix". A terminal forwards nothing, so a program on the host relays: perl,
// or for tcp bash or nc. As long as the connection is open it takes one of the
// places for commands; its Close ends the program.
func (c *Client) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	cmd, err := relayCmd(network, addr)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	running, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	conn := &relayed{Conn: near, stop: stop}
	said := &relayWords{connected: make(chan struct{})}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, said
	ended := make(chan error, 1)
	go func() {
		defer far.Close()
		_, err := c.Run(running, cmd)
		ended <- err
	}()
	select {
	case <-said.connected:
		return conn, nil
	case err = <-ended:
		if err == nil {
			err = remote.Quoting(fmt.Sprint(said), fmt.Errorf("%s: %s", addr, said))
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	conn.Close()
	return nil, err
}

func relayCmd(network, addr string) (remote.Cmd, error) {
	host, port := addr, ""
	var err error
	switch network {
	case "tcp":
		host, port, err = net.SplitHostPort(addr)
	case "unix":
	default:
		err = net.UnknownNetworkError(network)
	}
	return remote.Cmd{
		Title: "connect to " + addr,
		Args:  []string{"sh", "-c", relayScript, "sh", network, host, port, relayProgram},
		Keep:  4096,
	}, err
}

// errHungUp is why a relay is ended.
var errHungUp = errors.New("the connection was closed")

// relayed is a connection through the host.
type relayed struct {
	net.Conn
	stop context.CancelCauseFunc
}

func (r *relayed) Close() error {
	r.stop(errHungUp)
	return r.Conn.Close()
}

// relayWords are what the relay says: whether it is connected, or else why not.
type relayWords struct {
	mu        sync.Mutex
	text      []byte
	connected chan struct{}
}

func (w *relayWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if room := mostNoise - len(w.text); room > 0 {
		w.text = append(w.text, p[:min(room, len(p))]...)
	}
	if bytes.HasPrefix(w.text, []byte("connected\n")) && !isClosed(w.connected) {
		close(w.connected)
	}
	return len(p), nil
}

func (w *relayWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.ToLower(strings.TrimSpace(string(console.Printable([]byte(remote.LastLines(w.text, 1))))))
}
