package ssh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/secret"
)

// attempt is how far one login has come with its ways to log in.
type attempt struct {
	tried    []string      // methods that are used up
	report   secret.Report // of the password that was shown last, if its outcome is open
	partial  int           // how many methods the host had accepted when it was shown
	rejected bool          // the host has rejected the password: it does not see it again
	changing bool          // the host wants another password
	waited   time.Duration // for the password
	notes    []string      // why some way was not open
}

// settle tells the keyring what became of the password that was shown last.
func (a *attempt) settle(o secret.Outcome) {
	if a.report == nil {
		return
	}
	a.report(o)
	a.report = nil
	a.rejected = a.rejected || o == secret.Rejected
}

// finish is told how the handshake ended: nil is well. sshd says of a wrong
// password that it was one too many.
func (a *attempt) finish(err error) {
	switch {
	case err == nil:
		a.settle(secret.Accepted)
	case tooMany(err):
		a.settle(secret.Rejected)
	default:
		a.settle(secret.Unknown)
	}
}

// tooMany tells whether the host has had enough of failures.
func tooMany(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "too many authentication failures")
}

// usual is the order of the methods unless PreferredAuthentications has another.
var usual = []string{"publickey", "keyboard-interactive", "password"}

// next picks the method to log in by, when x/crypto asks for one: at the start,
// after a failure, and after a success that the host thinks is not enough.
func (l *login) next(at *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a := &l.auth
	if err := l.wire.failed(); err != nil { // x/crypto takes a broken connection for a failed method
		a.settle(secret.Unknown)
		return nil, err
	}
	if len(at.PartialSuccessMethods) > a.partial {
		a.settle(secret.Accepted)
	} else {
		a.settle(secret.Rejected)
	}
	l.endRenewal(len(at.PartialSuccessMethods) > a.partial)
	a.partial = len(at.PartialSuccessMethods)
	if l.refused != nil {
		return nil, l.refused
	}
	order := l.settings.PreferredAuthentications
	if order == nil {
		order = usual
	}
	for _, name := range order {
		if !slices.Contains(at.AllowedMethods, name) || slices.Contains(a.tried, name) {
			continue
		}
		a.tried = append(a.tried, name)
		method, err := l.method(name)
		if err != nil {
			l.refused = err
			return nil, err
		}
		if method != nil {
			return method, nil
		}
	}
	if l.ctx.Err() != nil { // for which a method was given up, the agent's for example
		return nil, context.Cause(l.ctx)
	}
	l.refused = l.noWayIn(at)
	return nil, l.refused
}

// method returns the way in that name stands for, nil if it is not open.
func (l *login) method(name string) (ssh.AuthMethod, error) {
	s := l.settings
	switch {
	case name == "publickey" && s.PubkeyAuthentication:
		signers, err := l.signers()
		if err != nil || len(signers) == 0 {
			return nil, err
		}
		return ssh.PublicKeys(signers...), nil
	case name == "keyboard-interactive" && s.KbdInteractiveAuthentication && l.mayAsk():
		return ssh.KeyboardInteractive(l.answer), nil
	case name == "password" && s.PasswordAuthentication && l.mayAsk():
		return ssh.PasswordCallback(l.password), nil
	}
	return nil, nil
}

// mayAsk tells whether there is a password to show, as far as is known.
func (l *login) mayAsk() bool {
	return l.dialer.Passwords != nil && !l.auth.rejected && !l.settings.BatchMode && l.settings.NumberOfPasswordPrompts > 0
}

// password takes the password. Whatever becomes of it is reported by next, when
// x/crypto asks for another method, or by finish.
func (l *login) password() (string, error) {
	account := l.opts.Account
	if account == "" || l.jump {
		account = l.settings.User
	}
	resume := l.patience.hold()
	word, report, err := l.dialer.Passwords.Take(secret.OnHost(l.ctx, l.settings.Host), account)
	l.auth.waited = resume()
	if err != nil {
		if l.ctx.Err() == nil {
			l.refused = l.loginError(err)
		}
		return "", err
	}
	l.auth.report = report
	return word.Reveal(), nil
}

// answer answers the questions of keyboard-interactive (RFC 4256): the first
// that hides what is typed gets the password, and what has an expired one
// changed is the Renewal's. A host that has nothing to ask gets nothing; one
// that asks for more cannot be helped.
func (l *login) answer(_, instruction string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, 0, len(questions))
	for i, q := range questions {
		if r := l.renewing(); r != nil && !echos[i] && r.Concerns(instruction+"\n"+q) {
			word, err := l.renew(r, instruction+"\n"+q)
			if err != nil {
				return nil, err
			}
			answers = append(answers, word)
			continue
		}
		if echos[i] || l.auth.report != nil || l.auth.rejected || l.auth.changing {
			l.auth.settle(secret.Unknown)
			l.refused = &Error{
				Host: l.settings.Host, Stage: StageLogin, Kind: ErrAuth,
				Err:  fmt.Errorf("the host asks %q, which nobody can answer here", strings.TrimSpace(instruction+" "+strings.TrimSpace(q))),
				Hint: fmt.Sprintf("log in by hand once: ssh %s", l.settings.Host),
			}
			return nil, l.refused
		}
		word, err := l.password()
		if err != nil {
			return nil, err
		}
		answers = append(answers, word)
	}
	return answers, nil
}

// renewing returns the Renewal of this login, nil if it has none.
func (l *login) renewing() Renewal {
	if l.renewal == nil && l.opts.Renewal != nil {
		l.renewal = l.opts.Renewal(l.settings.Host, l.settings.User)
	}
	return l.renewal
}

// renew answers by r: a host that asks such a thing has accepted the password.
func (l *login) renew(r Renewal, question string) (string, error) {
	l.auth.settle(secret.Accepted)
	l.auth.changing = true
	defer l.patience.hold()()
	word, err := r.Answer(l.ctx, question)
	if err != nil {
		l.refuse(r, err)
	}
	return word, err
}

// endRenewal tells the Renewal how the method ended that it was asked in.
func (l *login) endRenewal(in bool) {
	r := l.renewal
	if r == nil {
		return
	}
	l.renewal = nil
	if err := r.End(l.ctx, in); err != nil && l.refused == nil {
		l.refuse(r, err)
	}
}

func (l *login) refuse(r Renewal, err error) {
	if l.ctx.Err() == nil {
		l.refused, l.again = l.loginError(err), r.Again()
	}
}

func (l *login) loginError(err error) error {
	return &Error{Host: l.settings.Host, Stage: StageLogin, Kind: ErrAuth, Err: err}
}

// noWayIn says what was tried and what the host would have taken.
func (l *login) noWayIn(at *ssh.ClientAuthContext) error {
	e := &Error{Host: l.settings.Host, Stage: StageLogin, Kind: ErrAuth}
	tried := slices.DeleteFunc(slices.Clone(at.TriedMethods), func(m string) bool { return m == "none" })
	text := fmt.Sprintf("%s is not let in; the host takes %s, tried: %s",
		l.settings.User, strings.Join(at.AllowedMethods, ", "), strings.Join(unique(tried), ", "))
	if len(tried) == 0 {
		text = fmt.Sprintf("%s is not let in; the host takes %s, and there was nothing to try", l.settings.User, strings.Join(at.AllowedMethods, ", "))
	}
	for _, note := range l.auth.notes {
		text += "; " + note
	}
	e.Err = errors.New(text)
	if l.auth.rejected {
		e.Err = fmt.Errorf("%w; %s", secret.ErrRejected, text)
	} else if slices.Contains(at.AllowedMethods, "publickey") && len(at.AllowedMethods) == 1 && len(tried) == 0 {
		e.Hint = "is ssh-agent running, and does it have the key? ssh-add -l tells"
	}
	return e
}

// note keeps something for the error if the login fails.
func (l *login) note(format string, args ...any) {
	l.auth.notes = append(l.auth.notes, fmt.Sprintf(format, args...))
}

// ask takes the passphrase for a key.
func (l *login) ask(ctx context.Context, path string) (secret.Secret, secret.Report, error) {
	if l.dialer.Passwords == nil || l.settings.BatchMode {
		return secret.Secret{}, nil, fmt.Errorf("%s needs a passphrase, and there is nobody to ask", path)
	}
	defer l.patience.hold()()
	return l.dialer.Passwords.Passphrase(ctx, path)
}
