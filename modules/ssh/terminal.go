package ssh

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
)

// Terminal opens a terminal on the host and in it the login shell (RFC 4254,
// 6.2 and 6.5). ctx bounds the opening, not the terminal.
//
// A Read fails with io.EOF when the shell has ended, and with an *Error that
// wraps ErrLost when the connection broke. Close hangs the terminal up, so that
// the shell and what it runs get HUP; so does Client.Close. A Write that its
// deadline ends leaves open what the host got, so every later one fails too.
func (c *Client) Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	if err := c.begin(false); err != nil {
		return nil, c.fail(StageRun, err)
	}
	defer c.finish()
	t, inTime, err := await(ctx, func() (*terminal, error) { return c.openTerminal(o.WithDefaults()) })
	switch {
	case !inTime:
		return nil, c.fail(StageRun, err)
	case err != nil:
		return nil, c.fail(StageRun, c.openError(ctx, err))
	}
	return t, nil
}

// openTerminal takes three round trips, or two where there is a spare.
func (c *Client) openTerminal(o remote.TerminalOptions) (*terminal, error) {
	ch, err := c.openSession(true)
	if err != nil {
		return nil, err
	}
	t := &terminal{timed: newTimed(ch, ch, ch.Stderr()), client: c, channel: ch, told: make(chan struct{})}
	go t.follow(ch.requests)
	wish := ptyRequest{Term: o.Term, Columns: uint32(o.Columns), Rows: uint32(o.Rows), Modes: ttyOpEnd}
	err = t.request("pty-req", ssh.Marshal(wish), "the host gives no terminal")
	if err == nil {
		err = t.request("shell", nil, "the host refuses to start a shell")
	}
	if err != nil {
		ch.Close()
		return nil, err
	}
	return t, nil
}

// terminal is a session with a terminal.
type terminal struct {
	*timed
	client  *Client
	channel ssh.Channel
	told    chan struct{} // closed when the host will ask nothing more, and end and lost are set
	end     *ending       // how the shell has ended; nil if the host did not say that it has
	lost    error         // why the terminal ended, where the host did not say it
}

// ptyRequest is RFC 4254's, 6.2, and windowChange 6.7's. The size is in
// characters, and then in pixels, which nobody knows.
type (
	ptyRequest struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	windowChange struct{ Columns, Rows, Width, Height uint32 }
	breakRequest struct{ Milliseconds uint32 } // RFC 4335; 0 is the host's usual
)

// ttyOpEnd are no terminal modes (RFC 4254, 8): the host's own are kept.
const ttyOpEnd = "\x00"

// request asks the host for something that it may refuse.
func (t *terminal) request(name string, payload []byte, refusal string) error {
	ok, err := t.channel.SendRequest(name, true, payload)
	if err == nil && !ok {
		err = errors.New(refusal)
	}
	return err
}

// follow hears how the shell ends (RFC 4254, 6.10).
func (t *terminal) follow(requests <-chan *ssh.Request) {
	defer close(t.told)
	for r := range requests {
		if end := endingOf(r); end != nil {
			t.end = end
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
	if t.end == nil && !isDone(t.closed) {
		t.lost = t.client.fail(StageRun, t.client.lost(context.Background()))
	}
}

// Read tells the end of the shell from that of the connection, which x/crypto
// does not.
func (t *terminal) Read(p []byte) (int, error) {
	n, err := t.timed.Read(p)
	if err != io.EOF {
		return n, err
	}
	select {
	case <-t.told:
	case <-t.closed:
		return 0, net.ErrClosed
	case <-t.readEnd.wait():
		return 0, os.ErrDeadlineExceeded
	}
	switch {
	case isDone(t.closed): // which ends the rest
		return 0, net.ErrClosed
	case t.end != nil:
		return 0, io.EOF
	}
	return 0, t.lost
}

// Code returns the shell's exit status; -1 where the host has not told one by now.
func (t *terminal) Code() int {
	if isDone(t.told) && t.end != nil {
		return t.end.code
	}
	return -1
}

// Signal returns the signal that ended the shell, such as "TERM"; "" where the host has
// not told one by now.
func (t *terminal) Signal() string {
	if isDone(t.told) && t.end != nil {
		return t.end.signal
	}
	return ""
}

// Resize sends a window-change (RFC 4254, 6.7).
func (t *terminal) Resize(rows, columns int) error {
	_, err := t.channel.SendRequest("window-change", false, ssh.Marshal(windowChange{Columns: uint32(columns), Rows: uint32(rows)}))
	if err != io.EOF {
		return err
	}
	select {
	case <-t.told:
		return cmp.Or(t.lost, err)
	case <-t.closed:
		return net.ErrClosed
	}
}

// Break sends a break (RFC 4335), which a host may refuse.
func (t *terminal) Break() error {
	ok, err := t.channel.SendRequest("break", true, ssh.Marshal(breakRequest{}))
	if err == nil && !ok {
		err = errors.ErrUnsupported
	}
	return err
}
