package ssh

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// fail makes an *Error of what NewClientConn or a connect returned.
func (l *login) fail(w *wire, err error) error {
	var done *Error
	if errors.As(err, &done) { // which says all there is to say
		if done.Host == l.settings.Host {
			return done
		}
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
		e.Hint, e.Err = explainConnect(err)
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
	case l.stage == StageLogin:
		e.Err = fmt.Errorf("%s did not end the login within %v", l.settings.Addr(), l.patience.most)
	case w == nil:
		e.Err = fmt.Errorf("no answer from %s within %v", l.settings.Addr(), l.patience.most)
	case wantsTerminal(w.Conn):
		e.Err = errors.New("its ProxyCommand wants the terminal, which it cannot have")
		e.Hint = fmt.Sprintf("have the command take its answer from elsewhere: ssh -G %s | grep -i proxycommand shows it", l.settings.Host)
	case w.heard.Load() == 0:
		e.Err = fmt.Errorf("%s accepts the connection and then says nothing, for %v", l.settings.Addr(), l.patience.most)
	default:
		e.Err = fmt.Errorf("%s did not get on within %v", l.settings.Addr(), l.patience.most)
	}
	e.Kind = ErrTimeout
}

// wantsTerminal tells whether the connection goes through a command that was
// stopped when it read from the terminal.
func wantsTerminal(c net.Conn) bool {
	command, is := c.(*commandConn)
	return is && command.stopped.Load()
}

// hasAsked tells whether it goes through a command that has had the terminal.
func hasAsked(c net.Conn) bool {
	command, is := c.(*commandConn)
	return is && command.asked.Load()
}

// explainConnect takes the part of a dial error that tells something, and says
// what may help.
func explainConnect(err error) (hint string, why error) {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "is the name right? a HostName in ~/.ssh/config can give it an address", fmt.Errorf("%s: %s", dns.Name, dns.Err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "is sshd running there, on this port?", err
	}
	return "", err
}

func (l *login) explainHandshake(e *Error, w *wire, err error) {
	var said *proxyError
	switch {
	case errors.As(err, &said):
		e.Err = said
	case hungUp(err), errors.Is(err, net.ErrClosed):
		e.Err = fmt.Errorf("%s closed the connection at once", l.settings.Addr())
		if w.heard.Load() != 0 {
			e.Err = fmt.Errorf("%s closed the connection before the login", l.settings.Addr())
		}
		if said := w.greet.said; said != "" && !w.greet.over {
			e.Err = remote.Quoting(said, fmt.Errorf("%w: %q", e.Err, said))
		}
		l.dropped = !w.greet.over && !hasAsked(w.Conn) // nobody is asked the same again
	case errors.Is(err, errNoSSH), strings.Contains(err.Error(), "overflow reading version string"):
		e.Err = fmt.Errorf("what answers at %s does not speak ssh", l.settings.Addr())
	default:
		_, said, _ := strings.Cut(err.Error(), "disconnect, reason ")
		e.Err = remote.Quoting(strings.TrimLeft(said, "0123456789: "), tidy(err))
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
		if !hungUp(err) {
			e.Err = tidy(err)
		}
	}
}

// hungUp tells whether err is that the host closed the connection: it depends on
// who was faster which of the three it is.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
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
