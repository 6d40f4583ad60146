package farm

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	"farmrun/luahost/console"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// Host is one machine of the farm. It logs in when it is first needed and
// again when the login was lost. There is one Host for each name in a Farm; it
// may be used by several goroutines at once.
type Host struct {
	farm     *Farm
	name     string
	settings Settings
	fixed    Conn // the login of farm.here, which needs no dialling; nil for others

	mu    sync.Mutex
	users int      // functions and commands at work on the host, and what they opened
	login *attempt // the login, under way or done; nil when there is none

	resting *list.Element // of farm.resting, guarded by farm.mu; nil if it is not there
}

// attempt is a login that several may wait for.
type attempt struct {
	done chan struct{} // closed when the other fields are set
	conn Conn
	err  error
	late bool // err is because the time of whoever dialled was up
}

// mortal is a Conn that tells when it was lost.
type mortal interface{ Done() <-chan struct{} }

// lost tells whether the login was made and is of no use any more.
func (a *attempt) lost() bool {
	select {
	case <-a.done:
	default:
		return false
	}
	m, tells := a.conn.(mortal)
	if !tells {
		return false
	}
	select {
	case <-m.Done():
		return true
	default:
		return false
	}
}

// Name returns the name by which the site knows the host.
func (h *Host) Name() string { return h.name }

// String returns the name.
func (h *Host) String() string { return h.name }

// Settings returns what the site says about the host. Do not change its maps.
func (h *Host) Settings() Settings { return h.settings }

// IsBare tells whether the host takes commands only as they are.
func (h *Host) IsBare() bool { return h.settings.Shell != nil && !*h.settings.Shell }

// needShell is the error of a call that cannot be done on a host without a shell.
func (h *Host) needShell(what string) error {
	if h.IsBare() {
		return fmt.Errorf("%s: %w", what, ErrNoShell)
	}
	return nil
}

// Run runs cmd on the host. What the command says is shown live unless it is
// quiet. In a dry run a command that is no query is printed and not run. See
// package remote for errors.
func (h *Host) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if err := h.needShell(cmd.Name()); err != nil {
		return remote.Result{}, err
	}
	cmd.NeedStderr = true // which modules read
	return h.runAsIs(ctx, cmd)
}

// runAsIs is Run for a command in the operator's own words, which a host without
// a shell takes as well, though not with a directory or an environment.
func (h *Host) runAsIs(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if cmd.Dir != "" || len(cmd.Env) > 0 {
		if err := h.needShell("a directory or an environment for " + cmd.Name()); err != nil {
			return remote.Result{}, err
		}
	}
	return h.runBy(ctx, cmd, func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error) {
		return login.Run(ctx, cmd)
	})
}

// RunBy is Run for a command that is not given to the login as it is: how gets
// the login and runs by it what cmd comes to, such as a sudo that has to be
// answered. What how writes to the Stdout and Stderr of its cmd is shown.
func (h *Host) RunBy(ctx context.Context, cmd remote.Cmd,
	how func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error)) (remote.Result, error) {
	if err := h.needShell(cmd.Name()); err != nil {
		return remote.Result{}, err
	}
	return h.runBy(ctx, cmd, how)
}

func (h *Host) runBy(ctx context.Context, cmd remote.Cmd,
	how func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error)) (remote.Result, error) {
	if h.farm.config.DryRun && !cmd.Query {
		h.wouldRun(cmd)
		return remote.Result{Dry: true}, nil
	}
	login, release, err := h.borrow(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	defer release()
	if !cmd.Quiet {
		out := h.farm.config.Console.Host(h.name, console.Stdout).Until(ctx)
		complaints := h.farm.config.Console.Host(h.name, console.Stderr).Until(ctx)
		defer out.Close()
		defer complaints.Close()
		cmd.Stdout, cmd.Stderr = both(out, cmd.Stdout), both(complaints, cmd.Stderr)
	}
	return how(secret.OnHost(ctx, h.name), lent{h, login}, cmd)
}

// lent is a login in the hands of somebody else: it is given up when it fails.
type lent struct {
	host *Host
	*attempt
}

func (l lent) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	ended, err := turnOf(ctx).guard(ctx, l.host, &cmd)
	if err != nil {
		return remote.Result{}, err
	}
	result, err := l.conn.Run(ctx, cmd)
	err = ended(result, err)
	if _, tells := l.conn.(mortal); err != nil && ctx.Err() == nil && !tells {
		l.host.forget(l.attempt) // those that tell are looked at when they are next wanted
	}
	return result, err
}

// User returns who is logged in, "" if the login cannot tell.
func (l lent) User() string {
	if u, ok := l.conn.(user); ok {
		return u.User()
	}
	return ""
}

// SudoAccount returns whose password the host's sudo asks for, as far as the
// site says it.
func (l lent) SudoAccount() string { return l.host.settings.SudoAccount }

func both(a, b io.Writer) io.Writer {
	if b == nil {
		return a
	}
	return io.MultiWriter(a, b)
}

func (h *Host) wouldRun(cmd remote.Cmd) {
	in := ""
	if cmd.Dir != "" && cmd.Title == "" { // a title says where by itself
		in = " (in " + cmd.Dir + ")"
	}
	h.farm.config.Console.Note(h.name, "would run: %s%s", cmd.Name(), in)
}

// DialContext connects to addr as seen from the host; network is "tcp" or
// "unix". It fails with ErrUnsupported where the login cannot do it.
func (h *Host) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return opened(ctx, h, func(conn Conn) (net.Conn, error) {
		if d, ok := conn.(Dialer); ok {
			return d.DialContext(ctx, network, addr)
		}
		return nil, h.unsupported("open connections")
	}, func(c net.Conn, close func() error) net.Conn { return &heldConn{c, close} })
}

// Listen listens on addr on the host. It fails with ErrUnsupported where the
// login cannot do it.
func (h *Host) Listen(ctx context.Context, network, addr string) (net.Listener, error) {
	return opened(ctx, h, func(conn Conn) (net.Listener, error) {
		if l, ok := conn.(Listener); ok {
			return l.Listen(ctx, network, addr)
		}
		return nil, h.unsupported("forward ports")
	}, func(l net.Listener, close func() error) net.Listener { return &heldListener{l, close} })
}

// Terminal opens a terminal on the host, in which a shell runs; the caller
// closes it. It fails with ErrUnsupported where the login cannot do it.
func (h *Host) Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	return opened(ctx, h, func(conn Conn) (remote.Terminal, error) {
		terminals, ok := conn.(Terminals)
		if !ok {
			return nil, h.unsupported("open terminals")
		}
		t, err := terminals.Terminal(ctx, o)
		if err != nil {
			return nil, err
		}
		return turnOf(ctx).session(ctx, h, t)
	}, func(t remote.Terminal, close func() error) remote.Terminal { return &heldTerminal{t, close} })
}

// User returns who is logged in on the host, logging in first if need be. It
// fails with ErrUnsupported where the login cannot tell.
func (h *Host) User(ctx context.Context) (string, error) {
	a, release, err := h.borrow(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	if u, ok := a.conn.(user); ok && u.User() != "" {
		return u.User(), nil
	}
	return "", h.unsupported("tell who is logged in")
}

// Renewed tells whether the password of who is logged in was changed at login,
// since it had expired, logging in first if need be.
func (h *Host) Renewed(ctx context.Context) (bool, error) {
	a, release, err := h.borrow(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	r, tells := a.conn.(interface{ Renewed() bool })
	return tells && r.Renewed(), nil
}

// user is a Conn that knows who is logged in.
type user interface{ User() string }

// name returns the login's word, or its program.
func (l Login) name() string {
	if len(l.Program) > 0 {
		return l.Program[0]
	}
	return cmp.Or(l.Login, "ssh")
}

func (h *Host) unsupported(what string) error {
	return fmt.Errorf("%s: cannot %s: %w (%s)", h.name, what, ErrUnsupported, h.settings.Login.name())
}

// Conn returns the host's login, logging in first if need be, and again if the
// login was lost. One attempt serves all who wait for it; when the time of
// whoever made it is up, the others try again.
func (h *Host) Conn(ctx context.Context) (Conn, error) {
	a, err := h.attempt(ctx)
	if err != nil {
		return nil, err
	}
	return a.conn, nil
}

// LogIn logs in unless that has been done.
func (h *Host) LogIn(ctx context.Context) error {
	_, release, err := h.borrow(ctx)
	if err == nil {
		release()
	}
	return err
}

// attempt returns a login that was made.
func (h *Host) attempt(ctx context.Context) (*attempt, error) {
	if h.fixed != nil {
		return &attempt{conn: h.fixed}, nil
	}
	if a, ok := ctx.Value(newLogin{h}).(*attempt); ok {
		return a, nil
	}
	for {
		a, mine := h.current()
		if mine {
			h.dial(ctx, a)
			return a, a.err
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !a.late {
			return a, a.err
		}
	}
}

// current returns the login under way or done, or a new one that is the
// caller's to make.
func (h *Host) current() (a *attempt, mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.login != nil && h.login.lost() {
		h.drop()
	}
	if h.login != nil {
		return h.login, false
	}
	h.login = &attempt{done: make(chan struct{})}
	return h.login, true
}

func (h *Host) dial(ctx context.Context, a *attempt) {
	defer close(a.done)
	a.conn, a.err = h.farm.config.Dial(ctx, h.name, h.settings.Login)
	if a.err == nil {
		a.err = h.prepare(ctx, a)
	}
	if a.err == nil {
		h.farm.count(1)
		return
	}
	a.late = ctx.Err() != nil
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.login == a {
		h.login = nil
	}
}

// newLogin is the key under which a context holds a login that is not yet
// everybody's.
type newLogin struct{ host *Host }

// prepare does what is to be done on each new login before it is used.
func (h *Host) prepare(ctx context.Context, a *attempt) error {
	if h.farm.config.LoggedIn == nil {
		return nil
	}
	err := h.farm.config.LoggedIn(context.WithValue(ctx, newLogin{h}, a), h)
	if err != nil {
		a.conn.Close()
	}
	return err
}

// forget logs out if a, which just failed, is still the host's login.
func (h *Host) forget(a *attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.login == a {
		h.drop()
	}
}

// drop logs out from a login that was made. The caller holds h.mu.
func (h *Host) drop() {
	a := h.login
	h.login = nil
	h.farm.count(-1)
	go a.conn.Close()
}

// Close logs out. The host can be used again; it logs in anew.
func (h *Host) Close() error {
	h.mu.Lock()
	a := h.login
	h.login = nil
	h.mu.Unlock()
	return h.logOut(a)
}

// logOut ends a login that is the host's no more; nil is none.
func (h *Host) logOut(a *attempt) error {
	if a == nil {
		return nil
	}
	<-a.done
	if a.err != nil {
		return nil
	}
	h.farm.count(-1)
	return a.conn.Close()
}
