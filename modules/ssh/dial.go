package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/secret"
)

var (
	errCut    = fmt.Errorf("%w: the host cut it", ErrLost)
	errSilent = fmt.Errorf("%w: the host has gone silent", ErrLost)
)

// Dial connects to host and logs in. It returns when that is done or has
// failed, or when ctx or ConnectTimeout is over; where none is configured, when
// the host has said nothing for 15 s, or after a minute. The time that an
// operator takes to answer a question is not counted. Its errors are
// of type *Error, but for those of the configuration.
func (d *Dialer) Dial(ctx context.Context, host string, opts Options) (*Client, error) {
	s, err := d.Settings(ctx, host, opts)
	if err != nil {
		return nil, err
	}
	return d.dial(ctx, s, opts, false)
}

// dial logs in, and once more where a second try can do better: the host hung
// up while it had to wait for somebody's password, or it is known by a key of
// another type than the one it showed.
func (d *Dialer) dial(ctx context.Context, s Settings, opts Options, jump bool) (*Client, error) {
	if err := ctx.Err(); err != nil {
		kind, err := ended(ctx)
		return nil, &Error{Host: s.Host, Stage: StageConnect, Kind: kind, Err: err}
	}
	first := &login{dialer: d, settings: s, opts: opts, jump: jump}
	client, err := first.do(ctx)
	if err == nil || !first.again {
		return client, err
	}
	return (&login{dialer: d, settings: s, opts: opts, jump: jump, types: first.types}).do(ctx)
}

// login is one try to log in to one host.
type login struct {
	dialer   *Dialer
	settings Settings
	opts     Options
	jump     bool // to a jump host
	ctx      context.Context
	patience *patience
	stage    string
	refused  error    // what the callbacks said, for x/crypto may hide it
	types    []string // of the host's known keys, where a first try found them
	again    bool     // a second try may succeed
	banners  int      // bytes of them
	wire     *wire

	auth attempt
}

func (l *login) do(ctx context.Context) (*Client, error) {
	l.patience = newPatience(ctx, l.settings.ConnectTimeout)
	defer l.patience.end()
	l.ctx, l.stage = l.patience.ctx, StageConnect
	nc, release, err := l.connect()
	if err != nil {
		return nil, l.fail(nil, err)
	}
	w := newWire(nc)
	l.wire = w
	l.patience.watch(w)
	client, err := l.handshake(w)
	if err != nil {
		w.Close()
		release()
		return nil, l.fail(w, err)
	}
	client.release = release
	return client, nil
}

// handshake makes a Client of a connection.
func (l *login) handshake(w *wire) (*Client, error) {
	config, err := l.clientConfig()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(l.ctx, func() { w.Close() })
	conn, channels, requests, err := ssh.NewClientConn(w, l.settings.Addr(), config)
	l.auth.finish(err)
	if !stop() && err == nil {
		err = context.Cause(l.ctx)
		conn.Close()
	}
	if err != nil {
		return nil, err
	}
	return newClient(l, ssh.NewClient(conn, channels, requests), w), nil
}

func newClient(l *login, conn *ssh.Client, w *wire) *Client {
	c := &Client{
		host:     l.settings.Host,
		settings: l.settings,
		bare:     l.opts.Bare,
		conn:     conn,
		wire:     w,
		closing:  make(chan struct{}),
	}
	c.alive = &keepalive{
		interval: aliveInterval(l.settings),
		most:     l.settings.ServerAliveCountMax,
		wire:     w,
		ask:      func() { conn.SendRequest("keepalive@openssh.com", true, nil) },
		dead:     func() { c.end(errSilent) },
	}
	c.alive.start()
	return c
}

// muxer is what is used of *ssh.Client.
type muxer interface {
	OpenChannel(name string, data []byte) (ssh.Channel, <-chan *ssh.Request, error)
	SendRequest(name string, wantReply bool, payload []byte) (bool, []byte, error)
	Listen(network, addr string) (net.Listener, error)
	Close() error
}

// end closes the connection for a reason that Err then tells.
func (c *Client) end(why error) {
	c.mu.Lock()
	if c.why == nil {
		c.why = why
	}
	c.mu.Unlock()
	c.alive.stop()
	c.wire.Close()
}

// closeWithin is how long Close waits for commands to end.
const closeWithin = 2 * time.Second

// Close ends the commands that are running on the host as if their time were
// over, and then the connection. It takes two seconds at most, on a host that is
// slow. Further calls do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.closing)
	var idle chan struct{}
	if c.active > 0 {
		idle = make(chan struct{})
		c.idle = idle
	}
	c.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-c.wire.done:
		case <-time.After(closeWithin):
		}
	}
	c.end(ErrClosed)
	if c.release != nil {
		c.release()
	}
	return nil
}

func (l *login) clientConfig() (*ssh.ClientConfig, error) {
	algorithms, err := l.hostKeyAlgorithms()
	if err != nil {
		return nil, err
	}
	config := &ssh.ClientConfig{
		User:              l.settings.User,
		HostKeyAlgorithms: algorithms,
		HostKeyCallback:   l.checkHostKey,
		AuthCallback:      l.next,
		BannerCallback:    l.banner,
		ClientVersion:     "SSH-2.0-farmrun",
	}
	return config, l.setAlgorithms(&config.Config)
}

// mostBanner is how much of a banner is read before it is taken for malice.
const mostBanner = 1 << 20

func (l *login) banner(text string) error {
	if l.banners += len(text) + 1; l.banners > mostBanner {
		l.refused = &Error{Host: l.settings.Host, Stage: l.stage, Kind: ErrUnreachable, Err: errors.New("the host sends banners without end")}
		return l.refused
	}
	if l.banners <= 1<<16 {
		l.dialer.warn(l.settings.Host, strings.TrimRight(text, "\r\n"))
	}
	return nil
}

// fail makes an *Error of what NewClientConn or a connect returned.
func (l *login) fail(w *wire, err error) error {
	var done *Error
	if errors.As(err, &done) && done.Host != l.settings.Host { // of a jump host: it says all there is to say
		kind := done.Kind
		if kind == ErrForwardRefused {
			kind = ErrUnreachable
		}
		return &Error{Host: l.settings.Host, Stage: l.stage, Kind: kind, Err: done, Hint: done.Hint}
	}
	e := &Error{Host: l.settings.Host, Stage: l.stage, Kind: ErrUnreachable, Err: err}
	switch {
	case l.refused != nil:
		if errors.As(l.refused, &done) {
			return done
		}
		e.Err = l.refused
		if l.stage == StageLogin {
			e.Kind = ErrAuth
		}
	case l.ctx.Err() != nil:
		e.Kind, e.Err = ended(l.ctx)
		l.explainTimeout(e, w)
	case w == nil:
		e.Err, e.Hint = explainConnect(err)
	case l.stage == StageLogin:
		l.explainLogin(e, err)
	default:
		l.explainHandshake(e, w, err)
	}
	return e
}

func (l *login) explainTimeout(e *Error, w *wire) {
	if !errors.Is(e.Err, errImpatient) {
		return
	}
	switch {
	case w == nil:
		e.Err = fmt.Errorf("no answer from %s within %v", l.settings.Addr(), l.patience.most)
	case w.heard.Load() == 0:
		e.Err = fmt.Errorf("%s accepts the connection and then says nothing, for %v", l.settings.Addr(), l.patience.most)
	default:
		e.Err = fmt.Errorf("%s did not get on within %v", l.settings.Addr(), l.patience.most)
	}
	e.Kind = ErrTimeout
}

// explainConnect takes the part of a dial error that tells something.
func explainConnect(err error) (error, string) {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Errorf("%s: %s", dns.Name, dns.Err), "is the name right? a HostName in ~/.ssh/config can give it an address"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return err, "is sshd running there, on this port?"
	}
	return err, ""
}

func (l *login) explainHandshake(e *Error, w *wire, err error) {
	var said *proxyError
	switch {
	case errors.As(err, &said):
		e.Err = said
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		e.Err = fmt.Errorf("%s closed the connection at once", l.settings.Addr())
		if w.heard.Load() != 0 {
			e.Err = fmt.Errorf("%s closed the connection before the login", l.settings.Addr())
		}
	case strings.Contains(err.Error(), "overflow reading version string"):
		e.Err = fmt.Errorf("what answers at %s does not speak ssh", l.settings.Addr())
	default:
		e.Err = tidy(err)
	}
}

// explainLogin tells a refusal from a connection that broke.
func (l *login) explainLogin(e *Error, err error) {
	text := err.Error()
	switch {
	case strings.Contains(text, "disconnect, reason"):
		e.Kind, e.Err = ErrAuth, tidy(err)
		if l.auth.rejected {
			e.Err = fmt.Errorf("%w; %w", secret.ErrRejected, tidy(err))
		} else if tooMany(err) {
			e.Hint = "too many keys were tried: IdentitiesOnly yes in ~/.ssh/config keeps to those that IdentityFile names"
		}
	case l.auth.waited > tooLongForHost && !l.again:
		l.again = true
	default:
		e.Err = fmt.Errorf("%s closed the connection during the login", l.settings.Addr())
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			e.Err = tidy(err)
		}
	}
}

// tooLongForHost is how long a host may have been kept waiting for a password
// before a broken connection is no wonder. (sshd waits for two minutes.)
const tooLongForHost = 20 * time.Second

// tidy drops x/crypto's prefixes, which say nothing to an operator.
func tidy(err error) error {
	text := strings.TrimPrefix(err.Error(), "ssh: handshake failed: ")
	return &tidied{strings.TrimPrefix(text, "ssh: "), err}
}

type tidied struct {
	text string
	err  error
}

func (t *tidied) Error() string { return t.text }
func (t *tidied) Unwrap() error { return t.err }

// errImpatient is the cause of a context that patience ended.
var errImpatient = fmt.Errorf("%w: %w", ErrTimeout, os.ErrDeadlineExceeded)

// patience is the time limit of a login. It stands still while an operator is
// asked. A ConnectTimeout is for the whole of it, as in ssh. Where there is
// none, only silence counts, up to a point: if ten thousand hosts are dialled
// at once, it is this machine that is slow and not the host.
type patience struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	most   time.Duration

	mu    sync.Mutex
	timer *time.Timer
	held  int
	wire  *wire     // whose silence counts; nil if that does not matter
	last  time.Time // when it is over even if the host talks
	quiet bool      // only silence counts
}

func newPatience(ctx context.Context, most time.Duration) *patience {
	p := &patience{most: most, quiet: most == 0}
	if p.quiet {
		p.most = defaultConnectTimeout
	}
	p.last = time.Now().Add(4 * p.most)
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(p.most, p.fire)
	return p
}

// watch makes the silence on w count.
func (p *patience) watch(w *wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		p.wire = w
	}
}

func (p *patience) fire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held > 0 {
		return
	}
	if p.wire != nil {
		if wait := min(p.most-p.wire.silence(), time.Until(p.last)); wait > 0 {
			p.timer.Reset(wait)
			return
		}
	}
	p.cancel(errImpatient)
}

// hold stops the clock until the function that it returns is called, which
// starts it anew and returns for how long it stood still.
func (p *patience) hold() func() time.Duration {
	began := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held++
	p.timer.Stop()
	return func() time.Duration {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.held--; p.held == 0 {
			p.last = time.Now().Add(4 * p.most)
			p.timer.Reset(p.most)
		}
		return time.Since(began)
	}
}

func (p *patience) end() {
	p.timer.Stop()
	p.cancel(context.Canceled)
}
