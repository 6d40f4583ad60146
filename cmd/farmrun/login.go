package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"strings"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/local"
	"farmrun/modules/expect"
	"farmrun/modules/farm"
	"farmrun/modules/login"
	"farmrun/modules/ssh"
)

// here is the login on this machine.
func (w *world) here() farm.Conn { return ownMachine{w: w} }

// ownMachine is the machine that farmrun runs on.
type ownMachine struct {
	local.Shell
	w *world
}

// User returns who runs farmrun, "" if the system does not know.
func (ownMachine) User() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// Terminal starts the operator's shell.
func (m ownMachine) Terminal(_ context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	t, err := expect.Start(expect.Program{Args: []string{cmp.Or(os.Getenv("SHELL"), "/bin/sh")}, Terminal: o})
	if err != nil {
		return nil, err
	}
	return m.w.recordProgram("here", t, o), nil
}

func newDialer(w *world) *ssh.Dialer {
	d := &ssh.Dialer{
		ConfigFile: w.flags.ssh,
		Set:        w.flags.options,
		Passwords:  w.keyring,
		Confirm:    w.operator.Confirm,
		Lend:       w.operator.Lend,
		Warn:       func(host, text string) { w.out.Note(host, "%s", w.out.Redact(text, text, host)) },
	}
	if w.flags.verbose {
		d.Trace = d.Warn
	}
	return d
}

// login logs in to a host as the site file says.
func (w *world) login(ctx context.Context, host string, l farm.Login) (farm.Conn, error) {
	if open := terminals(l); open != nil {
		return w.terminalLogin(ctx, host, l, open)
	}
	opts := w.sshOptions(l)
	opts.Taught = func(question string) (ssh.Meaning, string) { return taught(l, question) }
	opts.Renewal = func(at, user string) ssh.Renewal { return login.NewQuestions(w.renewal(at, user, l)) }
	client, err := w.ssh.Dial(ctx, host, opts)
	if err == nil && login.HasExpired(client.Banner()) {
		err = w.renew(ctx, host, l, client)
		client.Close()
		if err != nil {
			return nil, err
		}
		client, err = w.ssh.Dial(ctx, host, opts)
	}
	if err != nil {
		return nil, dialFailed(ctx, host, err)
	}
	return sshConn{client, host, w}, nil
}

// taught is the case of the site's dialogue for a question of sshd's.
func taught(l farm.Login, question string) (is ssh.Meaning, answer string) {
	cases, _ := l.Dialogue.([]login.Case)
	switch c, _ := login.Taught(cases, question); c.Do {
	case login.Password:
		return ssh.AsksPassword, ""
	case login.Ask:
		return ssh.AsksOperator, ""
	case login.Answer:
		return ssh.Answered, strings.TrimRight(c.Send, "\r\n")
	}
	return ssh.NotKnown, ""
}

// renew changes a password that has expired. sshd lets nobody run anything
// before, and has passwd on a terminal.
func (w *world) renew(ctx context.Context, host string, l farm.Login, client *ssh.Client) error {
	o := w.renewal(host, client.User(), l)
	o.Open = func(ctx context.Context, how remote.TerminalOptions) (remote.Terminal, error) {
		t, err := client.Terminal(ctx, how)
		return t, explain(err)
	}
	o.Converse = func(t remote.Terminal) login.Session { return w.converse(host, t) }
	return login.Renew(ctx, o)
}

// renewal are the words and passwords for a change, wherever it is asked for.
func (w *world) renewal(host, user string, l farm.Login) login.Options {
	cases, _ := l.Dialogue.([]login.Case)
	return login.Options{
		Host: host, User: user, Cases: cases,
		Passwords: w.keyring, Answer: w.keyring.Answer, NewPasswords: w.newPasswords(),
	}
}

// sshOptions are what the command line and the site file say over ssh_config.
func (w *world) sshOptions(l farm.Login) ssh.Options {
	opts := ssh.Options{User: cmp.Or(w.flags.user, l.User), Port: l.Port, Bare: l.Shell != nil && !*l.Shell}
	for name, value := range l.Options {
		opts.Set = append(opts.Set, name+"="+value)
	}
	if l.Address != "" { // which has no tokens, but an IPv6 address may have a zone
		opts.Set = append(opts.Set, "HostName="+strings.ReplaceAll(l.Address, "%", "%%"))
	}
	return opts
}

// dialFailed words why there is no login. What package ssh does not call an
// error of the host's is one of the operator's configuration; a password that has
// expired has the same words on all logins.
func dialFailed(ctx context.Context, host string, err error) error {
	if e, is := errors.AsType[*login.Error](err); is {
		return e
	}
	if _, met := errors.AsType[*ssh.Error](err); met || ctx.Err() != nil {
		return explain(err)
	}
	return &luahost.Error{Kind: luahost.Usage, Host: host, Message: strings.TrimPrefix(err.Error(), host+": "), Err: err}
}

// sshConn is an ssh login whose errors say what luahost wants to know.
type sshConn struct {
	*ssh.Client
	host string
	w    *world
}

// Renewed is for farm.Host.
func (c sshConn) Renewed() bool {
	_, is := c.w.keyring.Renewed(c.host, c.User())
	return is
}

func (c sshConn) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	r, err := c.Client.Run(ctx, cmd)
	return r, explain(err)
}

func (c sshConn) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.Client.DialContext(ctx, network, addr)
	return conn, explain(err)
}

func (c sshConn) Listen(ctx context.Context, network, addr string) (net.Listener, error) {
	l, err := c.Client.Listen(ctx, network, addr)
	return l, explain(err)
}

func (c sshConn) Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	t, err := c.Client.Terminal(ctx, o)
	if err != nil {
		return nil, explain(err)
	}
	return c.w.recorder.Record(c.host, "", t, o), nil
}

// explain gives an error of package ssh the kind that a script can decide by.
func explain(err error) error {
	var e *ssh.Error
	if !errors.As(err, &e) {
		return err
	}
	message := strings.TrimPrefix(e.Error(), e.Host+": ")
	late, isLate := errors.AsType[*luahost.TimeoutError](err)
	stopped, isStopped := errors.AsType[*luahost.Error](err)
	switch {
	case len(e.Left) > 0 && e.Stage == ssh.StageRun: // which is more than that the wait ended
		message = strings.TrimPrefix(message, ssh.StageRun+": ")
	case isLate: // the wait that ended says what was run
		message = late.Error()
		if e.Stage != ssh.StageRun {
			message += "; it came no further than " + e.Stage
		}
	case isStopped: // by the operator
		message = stopped.Message
	case e.Stage == ssh.StageRun:
		message = strings.TrimPrefix(message, ssh.StageRun+": ")
	}
	return &luahost.Error{
		Kind:    sshKind(e),
		Host:    e.Host,
		Message: message,
		Hint:    e.Hint,
		Output:  e.Said,
		Err:     err,
	}
}

func sshKind(e *ssh.Error) luahost.Kind {
	for _, k := range []struct {
		is   error
		kind luahost.Kind
	}{
		{context.Canceled, luahost.Cancelled},
		{ssh.ErrHostKey, luahost.HostKey},
		{ssh.ErrAuth, luahost.Login},
		{ssh.ErrNotRun, luahost.Login},
		{ssh.ErrTimeout, luahost.Timeout},
		{ssh.ErrForwardRefused, luahost.Refused},
		{ssh.ErrUnreachable, luahost.Unreachable},
		{ssh.ErrLost, luahost.Unreachable},
	} {
		if errors.Is(e, k.is) {
			return k.kind
		}
	}
	if _, late := errors.AsType[*luahost.TimeoutError](e); late {
		return luahost.Timeout
	}
	if stopped, is := errors.AsType[*luahost.Error](e); is {
		return stopped.Kind
	}
	return luahost.Failed
}
