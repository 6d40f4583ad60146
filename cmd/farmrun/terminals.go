package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/modules/expect"
	"farmrun/modules/farm"
	"farmrun/modules/login"
	"farmrun/modules/rlogin"
	"farmrun/modules/telnet"
)

// opener opens a terminal on a host, whose port is 0 if the site does not say it.
type opener func(ctx context.Context, user, address string, port int, o remote.TerminalOptions) (remote.Terminal, error)

// terminals returns how to open terminals on a host that is not reached by ssh;
// nil is that it is.
func terminals(l farm.Login) opener {
	switch {
	case len(l.Program) > 0:
		return func(_ context.Context, user, address string, port int, o remote.TerminalOptions) (remote.Terminal, error) {
			tokens := strings.NewReplacer("%%", "%", "%h", address, "%r", user, "%p", strconv.Itoa(port))
			words := make([]string, len(l.Program))
			for i, w := range l.Program {
				words[i] = tokens.Replace(w)
			}
			return expect.Start(expect.Program{Args: words, Terminal: o})
		}
	case l.Login == "telnet":
		return func(ctx context.Context, _, address string, port int, o remote.TerminalOptions) (remote.Terminal, error) {
			return telnet.Dial(ctx, "tcp", hostPort(address, cmp.Or(port, 23)), o)
		}
	case l.Login == "rlogin":
		return openRlogin
	}
	return nil
}

func hostPort(address string, port int) string { return net.JoinHostPort(address, strconv.Itoa(port)) }

// openRlogin opens a terminal by rlogin. Who may not use a reserved port has the
// system's rlogin do it, which may.
func openRlogin(ctx context.Context, user, address string, port int, o remote.TerminalOptions) (remote.Terminal, error) {
	t, err := rlogin.Dial(ctx, "tcp", hostPort(address, cmp.Or(port, 513)), rlogin.Options{User: user, Terminal: o})
	if err == nil {
		return t, nil
	}
	if path, missing := exec.LookPath("rlogin"); errors.Is(err, rlogin.ErrPort) && missing == nil && port == 0 {
		return expect.Start(expect.Program{Args: []string{path, "-8", "-E", "-l", user, address}, Terminal: o})
	}
	return nil, err
}

// terminalLogin logs in by a terminal. Whose password it is and where the host
// is are told by ssh_config(5), where the site file does not say it: so it is
// the same whatever the login.
func (w *world) terminalLogin(ctx context.Context, host string, l farm.Login, open opener) (farm.Conn, error) {
	settings, err := w.ssh.Settings(ctx, host, w.sshOptions(l))
	if err != nil {
		return nil, dialFailed(ctx, host, err)
	}
	cases, _ := l.Dialogue.([]login.Case)
	client, err := login.Dial(ctx, login.Options{
		Host: host,
		User: settings.User,
		Open: func(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
			return open(ctx, settings.User, settings.HostName, l.Port, o)
		},
		Converse:  func(t remote.Terminal) login.Session { return w.converse(host, t) },
		Cases:     cases,
		Passwords: w.keyring, Answer: w.keyring.Answer, NewPasswords: w.newPasswords(),
	})
	if err != nil {
		return nil, err
	}
	return terminalConn{client, w}, nil
}

// terminalConn is a login by terminals, of which those for dialogues are
// recorded.
type terminalConn struct {
	*login.Client
	w *world
}

// Renewed is for farm.Host.
func (c terminalConn) Renewed() bool {
	_, is := c.w.keyring.Renewed(c.Host(), c.User())
	return is
}

func (c terminalConn) Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	t, err := c.Client.Terminal(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.w.recorder.Record(c.Host(), "", t, o), nil
}

// takeDialogue reads the setting dialogue of the site file.
func takeDialogue(c *luahost.Call, v lua.LValue) any { return login.TakeCases(c, v) }

// conversation is a dialogue for package login that scripts can hold, too.
type conversation struct {
	*expect.Session
	value luahost.Pusher
}

// converse begins a dialogue with a host. It is recorded until it has led to a
// shell: what that is told then is no dialogue.
func (w *world) converse(host string, t remote.Terminal) login.Session {
	t = w.recorder.Record(host, "login", t, remote.TerminalOptions{})
	config := dialogues(w)
	s := expect.New(t, expect.Options{Strip: expect.StripEscapes, Keep: 8 << 10, Mask: config.Mask})
	return conversation{s, config.Value(s, t, host)}
}

// Value is the session in scripts.
func (c conversation) Value() luahost.Pusher { return c.value }
