package ssh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// attempt is how far one login has come with its ways to log in.
type attempt struct {
	tried    []string      // methods that are used up, since the host last accepted one
	keys     []*candidate  // still to try; nil is not looked for yet
	used     []*candidate  // keys that the host has accepted
	now      *candidate    // the key that is tried
	method   string        // the method that is tried
	report   secret.Report // of the password that was shown last, if its outcome is open
	partial  int           // how many methods the host has accepted
	rejected bool          // the host has rejected the password: it does not see it again
	spent    bool          // neither does it where it has rejected something beside it
	changing bool          // the host wants another password
	more     bool          // the host has asked something else after the password
	waited   time.Duration // for the operator
	notes    []string      // why some way was not open
}

// settle tells the keyring what became of the password that was shown last. One
// that was not all that the host asked for may be right although it fails.
func (a *attempt) settle(o secret.Outcome) {
	if a.report == nil {
		return
	}
	if a.more && o == secret.Rejected {
		a.spent, o = true, secret.Unknown
	}
	a.rejected = a.rejected || o == secret.Rejected
	a.report(o)
	a.report = nil
}

// finish is told how the handshake ended: nil is well. sshd says of a wrong
// password that it was one too many.
func (l *login) finish(err error) {
	switch a := &l.auth; {
	case err == nil:
		l.outcome("accepted")
		a.settle(secret.Accepted)
	case tooMany(err):
		l.outcome("rejected, and the host ends the login")
		a.settle(secret.Rejected)
	default:
		l.outcome("no answer")
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
// after a failure, and after a success that the host thinks is not enough. After
// that all methods are open again, and so are all keys but those it has accepted.
func (l *login) next(at *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a := &l.auth
	if err := l.wire.failed(); err != nil { // x/crypto takes a broken connection for a failed method
		a.settle(secret.Unknown)
		return nil, err
	}
	accepted := len(at.PartialSuccessMethods) > a.partial
	if accepted {
		l.outcome("accepted, and the host wants more")
		a.settle(secret.Accepted)
		a.partial, a.tried, a.keys, a.more = len(at.PartialSuccessMethods), nil, nil, false
		if a.now != nil {
			a.used = append(a.used, a.now)
		}
	} else {
		l.outcome("rejected")
		a.settle(secret.Rejected)
	}
	a.now = nil
	l.endRenewal(accepted)
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
		method := l.method(name)
		if name != "publickey" || method == nil {
			a.tried = append(a.tried, name)
		}
		if method != nil {
			a.method = name
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
func (l *login) method(name string) ssh.AuthMethod {
	s := l.settings
	switch {
	case name == "publickey" && s.PubkeyAuthentication:
		return l.nextKey()
	case name == "keyboard-interactive" && s.KbdInteractiveAuthentication && l.mayAsk():
		return ssh.KeyboardInteractive(l.answer)
	case name == "password" && s.PasswordAuthentication && l.mayAsk():
		return ssh.PasswordCallback(func() (string, error) { return l.password("") })
	}
	return nil
}

// outcome tells what became of the method that was tried.
func (l *login) outcome(text string) {
	a := &l.auth
	if a.method == "" {
		return
	}
	what := a.method
	if a.now != nil {
		what += " " + a.now.String()
	}
	l.trace("%s: %s", what, text)
	a.method = ""
}

// trace tells whoever follows logins closely how this one goes.
func (l *login) trace(format string, args ...any) {
	if l.dialer.Trace != nil {
		l.dialer.Trace(l.settings.Host, fmt.Sprintf(format, args...))
	}
}

// mayAsk tells whether there is a password to show, as far as is known.
func (l *login) mayAsk() bool {
	return l.dialer.Passwords != nil && !l.auth.rejected && !l.auth.spent && !l.settings.BatchMode && l.settings.NumberOfPasswordPrompts > 0
}

// account is the name under which the password is known.
func (l *login) account() string {
	if l.opts.Account == "" || l.jump {
		return l.settings.User
	}
	return l.opts.Account
}

// password takes the password, for a question of the host's if it has one.
// Whatever becomes of it is reported by next, when x/crypto asks for another
// method, or by finish.
func (l *login) password(question string) (string, error) {
	l.tellNotes()
	resume := l.patience.hold()
	word, report, err := l.dialer.Passwords.Take(secret.Asking(secret.OnHost(l.ctx, l.settings.Host), question), l.account())
	l.auth.waited += resume()
	if err != nil {
		if l.ctx.Err() == nil {
			l.refused = l.loginError(err)
		}
		return "", err
	}
	l.auth.report = report
	return word.Reveal(), nil
}

// answer answers the questions of keyboard-interactive (RFC 4256). Those that have an
// expired password changed are the Renewal's, some the site has taught, and the first for
// a password gets it; any other is the operator's. Of a host that asks nothing, the
// operator sees its words.
func (l *login) answer(name, instruction string, questions []string, echos []bool) ([]string, error) {
	if len(questions) == 0 {
		l.dialer.warn(l.settings.Host, strings.TrimSpace(name+"\n"+instruction))
	}
	answers := make([]string, 0, len(questions))
	for i, q := range questions {
		word, err := l.answerOne(instruction+"\n"+q, echos[i])
		if err != nil {
			return nil, err
		}
		answers = append(answers, word)
	}
	return answers, nil
}

func (l *login) answerOne(question string, echo bool) (string, error) {
	if r := l.renewing(); r != nil && !echo && r.Concerns(question) {
		return l.renew(r, question)
	}
	is, answer := l.taught(question)
	if is == Answered {
		l.auth.more = true
		return answer, nil
	}
	q := secret.ReadQuestion(question)
	q.Password = is == AsksPassword || is != AsksOperator && q.Password
	if echo || !q.Password || l.auth.report != nil || l.auth.changing {
		return l.askOperator(question, echo)
	}
	if err := q.Check(l.account(), l.settings.Host, l.settings.HostName); err != nil {
		l.refused = l.loginError(err)
		return "", l.refused
	}
	return l.password(question)
}

// taught returns what the site knows of a question.
func (l *login) taught(question string) (is Meaning, answer string) {
	if l.opts.Taught == nil || l.jump {
		return NotKnown, ""
	}
	return l.opts.Taught(question)
}

// askOperator has the operator answer, for this host alone.
func (l *login) askOperator(question string, echo bool) (string, error) {
	l.auth.more = true
	l.tellNotes()
	resume := l.patience.hold()
	word, err := l.dialer.Passwords.Answer(secret.OnHost(l.ctx, l.settings.Host), question, echo)
	l.auth.waited += resume()
	if err == nil {
		return word.Reveal(), nil
	}
	l.auth.settle(secret.Unknown)
	if l.ctx.Err() == nil {
		if errors.Is(err, secret.ErrNoTerminal) {
			err = secret.ErrNoTerminal // the rest of it says once more what the host asks
		}
		asked := strings.Join(strings.Fields(question), " ")
		l.refused = &Error{
			Host: l.settings.Host, Stage: StageLogin, Kind: ErrAuth,
			Err:  remote.Quoting(asked, fmt.Errorf("the host asks %q, and there is no answer: %w", asked, err)),
			Hint: fmt.Sprintf("run farmrun on a terminal, or let %s in without that question", l.settings.Host),
		}
	}
	return "", err
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
	text := l.settings.User + " is not let in; "
	if len(at.PartialSuccessMethods) > 0 {
		text += fmt.Sprintf("%s was accepted, but ", strings.Join(at.PartialSuccessMethods, ", "))
	}
	text += "the host takes " + strings.Join(at.AllowedMethods, ", ")
	switch {
	case len(tried) > 0:
		text += ", tried: " + strings.Join(unique(tried), ", ")
	case len(at.PartialSuccessMethods) > 0:
		text += " as well, and there was nothing more to try"
	default:
		text += ", and there was nothing to try"
	}
	for _, note := range l.auth.notes {
		text += "; " + note
	}
	if names := l.settings.LoginOptions(); names != nil {
		text += "; farmrun does not support " + strings.Join(names, ", ")
	}
	e.Err = errors.New(text)
	if l.auth.rejected {
		e.Err = fmt.Errorf("%w; %s", secret.ErrRejected, text)
	} else if slices.Equal(at.AllowedMethods, []string{"publickey"}) && len(tried) == 0 && len(l.auth.used) == 0 {
		e.Hint = "is ssh-agent running, and does it have the key? ssh-add -l tells"
	}
	return e
}

// note keeps something for the error if the login fails, and for the operator if
// there is a question instead.
func (l *login) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(l.auth.notes, text) {
		l.auth.notes = append(l.auth.notes, text)
		l.trace("%s", text)
	}
}

// tellNotes shows why some way in was not open, once for all hosts: whoever is
// asked for a password should know why no key served.
func (l *login) tellNotes() {
	for _, note := range l.auth.notes {
		if _, told := l.dialer.told.LoadOrStore(note, true); !told {
			l.dialer.warn(l.settings.Host, note)
		}
	}
}

// ask takes the passphrase for a key.
func (l *login) ask(ctx context.Context, path string) (secret.Secret, secret.Report, error) {
	if l.dialer.Passwords == nil || l.settings.BatchMode {
		return secret.Secret{}, nil, fmt.Errorf("%s needs a passphrase, and there is nobody to ask", path)
	}
	defer l.patience.hold()()
	return l.dialer.Passwords.Passphrase(ctx, path)
}
