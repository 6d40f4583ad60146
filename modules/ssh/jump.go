package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"farmrun/modules/ssh/sshconfig"
)

// connect opens the connection below ssh: straight, through jump hosts or
// through a command. release gives up what it needed besides the connection.
func (l *login) connect() (c net.Conn, release func(), err error) {
	s := l.settings
	switch {
	case len(s.ProxyJump) > 0:
		return l.throughJump()
	case s.ProxyCommand != "":
		c, err = l.throughCommand()
		return c, func() {}, err
	}
	for try := 1; ; try++ {
		c, err = l.direct()
		var dns *net.DNSError
		if err == nil || try >= s.ConnectionAttempts || errors.As(err, &dns) {
			return c, func() {}, err
		}
		resume := l.patience.hold()
		select {
		case <-time.After(attemptsEvery):
		case <-l.ctx.Done():
		}
		resume()
		if l.ctx.Err() != nil {
			return nil, nil, err
		}
	}
}

// attemptsEvery lies between two of the ConnectionAttempts, as in ssh.
const attemptsEvery = time.Second

// direct connects from this machine.
func (l *login) direct() (c net.Conn, err error) {
	s := l.settings
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[s.AddressFamily]
	if network == "" {
		network = "tcp"
	}
	if s.BindAddress != "" {
		var d net.Dialer
		if d.LocalAddr, err = net.ResolveTCPAddr(network, net.JoinHostPort(s.BindAddress, "0")); err != nil {
			return nil, err
		}
		return d.DialContext(l.ctx, network, s.Addr())
	}
	return l.dialer.connection(l.ctx, network, s.Addr())
}

// mostJumps is how long a chain of jump hosts may be before it is taken for a
// circle in the configuration.
const mostJumps = 10

// throughJump connects through the last of the ProxyJump hosts, which itself
// is reached through those before it, or, if it is the only one, as the
// configuration says. All hosts behind one jump host share one connection to
// it: five hundred logins at once would be more than its sshd lets in.
func (l *login) throughJump() (net.Conn, func(), error) {
	s, opts, err := l.lastJump(*l.settings)
	if err != nil {
		return nil, nil, err
	}
	if err := l.noCircle(s); err != nil {
		return nil, nil, err
	}

	resume := l.patience.hold() // the jump host has a patience of its own
	gate, release, err := l.dialer.jumps.get(l.ctx, l.dialer, s, opts)
	resume()
	if err != nil {
		return nil, nil, err
	}
	c, err := gate.DialContext(l.ctx, "tcp", l.settings.Addr())
	if err != nil {
		release()
		return nil, nil, err
	}
	return c, release, nil
}

// lastJump returns what holds for the jump host that is nearest to the one
// with the settings s.
func (l *login) lastJump(s Settings) (Settings, Options, error) {
	hops := s.ProxyJump
	last := hops[len(hops)-1]
	opts := Options{User: last.User, Port: last.Port, Renewal: l.opts.Renewal}
	if len(hops) > 1 {
		opts.Set = []string{"ProxyJump=" + joinHops(hops[:len(hops)-1])}
	}
	jump, err := l.dialer.config.Settings(l.ctx, last.Host, sshconfig.Override{User: opts.User, Port: opts.Port, Set: opts.Set})
	return jump, opts, err
}

// noCircle follows the jump hosts before any is dialled: as hosts share the
// connections to them, two of a circle would wait for each other for ever.
func (l *login) noCircle(s Settings) (err error) {
	for range mostJumps {
		if len(s.ProxyJump) == 0 {
			return nil
		}
		if s, _, err = l.lastJump(s); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d jump hosts: does ProxyJump go in a circle?", mostJumps)
}

func joinHops(hops []sshconfig.Hop) string {
	names := make([]string, len(hops))
	for i, h := range hops {
		names[i] = h.String()
	}
	return strings.Join(names, ",")
}

// jumps are the connections to jump hosts, each held as long as some
// connection goes through it.
type jumps struct {
	mu   sync.Mutex
	open map[string]*jumpHost
}

// jumpHost is one of them. It is dialled once for all who wait for it, under a
// context that ends only when none does any more.
type jumpHost struct {
	ready  chan struct{}
	client *Client
	err    error
	users  int
	cancel context.CancelFunc
}

func (j *jumps) get(ctx context.Context, d *Dialer, s Settings, opts Options) (*Client, func(), error) {
	key := s.User + "@" + s.Addr() + " " + strings.Join(opts.Set, " ")
	j.mu.Lock()
	h := j.open[key]
	if h == nil || h.dead() {
		h = &jumpHost{ready: make(chan struct{})}
		if j.open == nil {
			j.open = map[string]*jumpHost{}
		}
		j.open[key] = h
		var own context.Context
		own, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			h.client, h.err = d.dial(own, s, opts, true)
			close(h.ready)
		}()
	}
	h.users++
	j.mu.Unlock()
	release := sync.OnceFunc(func() { j.release(key, h) })
	select {
	case <-h.ready:
	case <-ctx.Done():
		release()
		return nil, nil, context.Cause(ctx)
	}
	if h.err != nil {
		release()
		return nil, nil, h.err
	}
	return h.client, release, nil
}

// dead tells whether the host can be of no more use: dialling it failed, or
// its connection has ended.
func (h *jumpHost) dead() bool {
	select {
	case <-h.ready:
		return h.err != nil || h.client.Err() != nil
	default:
		return false
	}
}

func (j *jumps) release(key string, h *jumpHost) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if h.users--; h.users > 0 {
		return
	}
	if j.open[key] == h {
		delete(j.open, key)
	}
	h.cancel()
	go func() {
		<-h.ready
		if h.client != nil {
			h.client.Close()
		}
	}()
}

// throughCommand connects through ProxyCommand, which speaks on its standard
// input and output.
func (l *login) throughCommand() (net.Conn, error) {
	command, err := l.settings.Command()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(cmp.Or(os.Getenv("SHELL"), "/bin/sh"), "-c", "exec "+command)
	ownGroup(cmd)
	c := &commandConn{cmd: cmd, spoke: make(chan struct{}), said: tail{most: 500}, words: l.dialer.waits.withDefaults().words}
	cmd.Stderr = &c.said
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go c.lend(l.ctx, l.patience, l.dialer.Lend)
	return c, nil
}

// lookEvery is how often it is looked whether a command has been stopped.
const lookEvery = 50 * time.Millisecond

// lend gives the command the operator's terminal once it is stopped for want of that,
// until it speaks to farmrun: then it has asked what it wanted to know.
func (c *commandConn) lend(ctx context.Context, p *patience, lend func(context.Context, int) (func(), error)) {
	for !isStopped(c.cmd.Process.Pid) {
		select {
		case <-c.spoke:
			return
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
	defer p.hold()()
	if lend == nil {
		p.cancel(errImpatient)
		return
	}
	back, err := lend(ctx, c.cmd.Process.Pid)
	if err != nil {
		p.cancel(errImpatient)
		return
	}
	defer back()
	c.asked.Store(true)
	goOn(c.cmd)
	select {
	case <-c.spoke:
	case <-ctx.Done():
	}
}

// commandConn is a connection through a command. Close ends the command with
// its children.
type commandConn struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	said tail
	once sync.Once
	// spoke is closed when the command has said something, or is ended.
	spoke  chan struct{}
	asked  atomic.Bool // it has had the operator's terminal
	speaks sync.Once
	// stopped is that the command was, when it was ended.
	stopped atomic.Bool

	words time.Duration // see waits
}

func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	c.speaks.Do(func() { close(c.spoke) })
	if err != nil && n == 0 {
		err = c.explain(err)
	}
	return n, err
}

func (c *commandConn) Write(p []byte) (int, error) {
	n, err := c.in.Write(p)
	if err != nil {
		err = c.explain(err)
	}
	return n, err
}

// explain puts what the command said in the place of an error. A command that
// has nothing more to do has a while to say it.
func (c *commandConn) explain(err error) error {
	c.finish(c.words)
	if text := c.said.String(); text != "" {
		return &proxyError{text}
	}
	return err
}

// proxyError is what a ProxyCommand had to say.
type proxyError struct{ text string }

func (e *proxyError) Error() string { return "ProxyCommand: " + e.text }

func (c *commandConn) Close() error {
	c.finish(0)
	return nil
}

// finish waits for the command to end, and makes it.
func (c *commandConn) finish(grace time.Duration) {
	c.speaks.Do(func() { close(c.spoke) })
	c.once.Do(func() {
		c.stopped.Store(isStopped(c.cmd.Process.Pid))
		c.in.Close()
		end := time.AfterFunc(grace, func() { endGroup(c.cmd) })
		c.cmd.Process.Wait()
		end.Stop()
		endGroup(c.cmd) // its children
		c.cmd.Wait()
	})
}

type commandAddr struct{ text string }

func (commandAddr) Network() string  { return "command" }
func (a commandAddr) String() string { return a.text }

func (c *commandConn) LocalAddr() net.Addr  { return commandAddr{"local"} }
func (c *commandConn) RemoteAddr() net.Addr { return commandAddr{"ProxyCommand"} }

func (c *commandConn) SetDeadline(t time.Time) error      { return os.ErrNoDeadline }
func (c *commandConn) SetReadDeadline(t time.Time) error  { return os.ErrNoDeadline }
func (c *commandConn) SetWriteDeadline(t time.Time) error { return os.ErrNoDeadline }

// tail keeps the end of what a command says.
type tail struct {
	mu   sync.Mutex
	most int
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - t.most; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
