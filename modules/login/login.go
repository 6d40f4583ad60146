// Package login gets commands run on hosts that are reached by a terminal only:
// by telnet, rlogin, or any program that leads to one. It knows neither Lua nor
// those protocols; whoever calls Dial opens the terminals.
//
//	client, err := login.Dial(ctx, login.Options{
//		Host: "webserv7", User: "web",
//		Open: func(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
//			return telnet.Dial(ctx, "tcp", "webserv7:23", o)
//		},
//		Converse:  converse, // expect.New, in the words of Session
//		Passwords: keyring,
//	})
//	defer client.Close()
//	result, err := client.Run(ctx, remote.Cmd{Line: "uptime"})
//
// A login has two parts. The first is the dialogue: the host asks for a name
// and a password, or chooses to ask something else, and a table of cases says
// what to answer, until there is a shell (dialogue.go, cases.go; renew.go for a
// password that has expired, questions.go where ssh asks for another). In the
// second, which waits for the first command, that shell becomes a driver, a script
// that knows how to run commands and to frame what they say, so that nothing that
// the terminal or the login adds gets mixed up with it (shell.go, driver.sh;
// orders.go is what it is told, frames.go what it says). A command's life is in
// run.go; client.go has the terminals of one host, of which each command has one
// to itself; relay.go connects from the host's side and listen.go listens there,
// by programs that relay over a terminal; terminal.go gives terminals to others,
// for dialogues of their own.
package login

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// Options say how to get at a host. Open and Converse are required.
type Options struct {
	Host string // its name, for errors
	User string // whom to log in as
	// Account is the name under which Passwords knows the password; "" is
	// the name of the user, so that one password serves the farm.
	Account string
	// Open opens a terminal on the host, which belongs to the Client. It is
	// called again when several commands run at once.
	Open func(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error)
	// Converse begins a dialogue over a terminal.
	Converse func(t remote.Terminal) Session
	// Cases are what the site knows of the host's dialogue. They are tried
	// before DefaultCases.
	Cases []Case
	// Passwords is asked when the host asks for a password; nil has none.
	Passwords Passwords
	// Answer has the operator answer the host's other questions, such as one for a
	// code, for this host alone: that of a secret.Keyring. nil has nobody.
	Answer func(ctx context.Context, question string, echo bool) (secret.Secret, error)
	// NewPasswords is asked when the host wants the password changed, because it
	// has expired; nil leaves that to somebody else, and the login fails.
	NewPasswords NewPasswords
	// Silence is for how long a host may say nothing that a case knows; 0 is
	// DefaultSilence.
	Silence time.Duration
	// Quiet is for how long nothing may follow the words of a question before it
	// is taken for one, and answered; 0 is DefaultQuiet.
	Quiet time.Duration
	// Calm is the same for text that looks like a shell's prompt before anything was
	// asked: a banner may have its last character, and pause. No more than Enter is pressed
	// then, which answers nothing, and only the same line once more is a prompt. 0 is
	// DefaultCalm. A prompt that Cases know is a shell's after Quiet.
	Calm time.Duration
}

const (
	// DefaultSilence is 30 seconds: some hosts look names up before they ask.
	DefaultSilence = 30 * time.Second
	// DefaultQuiet is 50 ms. A message that a host prints in pieces may have the
	// words of a question at the end of one, and each question costs so much.
	DefaultQuiet = 50 * time.Millisecond
	// DefaultCalm is 3 seconds.
	DefaultCalm = 3 * time.Second
)

// Passwords gives out passwords, and is told what became of them.
// *secret.Keyring is one.
type Passwords interface {
	Take(ctx context.Context, account string) (secret.Secret, secret.Report, error)
}

// NewPasswords gives out what to choose in place of a password that has
// expired. *secret.Keyring is one. Once it was told that a host has accepted a
// new password, Passwords gives that out for logins on Options.Host, which is
// what the context is about (secret.OnHost).
type NewPasswords interface {
	TakeNew(ctx context.Context, account string) (secret.Secret, secret.Report, error)
}

// Session is a dialogue over a terminal.
type Session interface {
	// Await waits until one of the patterns matches what was said since the
	// last match, and tells which, what its groups matched and, as groups[0],
	// all of it. What was said before the match is gone, what came after stays,
	// and so does everything when it fails: with os.ErrDeadlineExceeded after
	// within, and io.EOF where the other end is gone; groups[0] is then all
	// that was said.
	Await(ctx context.Context, patterns []*regexp.Regexp, within time.Duration) (which int, groups []string, err error)
	// Send types text.
	Send(ctx context.Context, text string) error
	// SendSecret types a secret and Enter.
	SendSecret(ctx context.Context, secret string) error
	// Said returns the last lines that were said, made printable.
	Said() string
	// Close ends the dialogue, and closes the terminal.
	Close() error
}

// Dial logs in to a host. What the login leads to is not touched: the first who
// wants a terminal of the Client finds whether it is a shell. The errors are of
// type *Error, or those of Options.Open. The caller closes the Client.
func Dial(ctx context.Context, o Options) (*Client, error) {
	first, err := o.logIn(ctx, remote.TerminalOptions{})
	if err != nil {
		return nil, err
	}
	return newClient(o, first), nil
}

// arrival is a terminal where the dialogue has come to a shell.
type arrival struct {
	terminal remote.Terminal
	prompt   string // the shell's last line
	known    bool   // which a case of the site's names, or Enter repeats
	said     string // the last lines of the dialogue, made printable
	unasked  bool   // the host had neither a name nor a password
}

// logIn opens a terminal and holds the dialogue: once, but where a password has
// expired, and the host hangs up for that.
func (o Options) logIn(ctx context.Context, how remote.TerminalOptions) (arrival, error) {
	ctx = secret.OnHost(ctx, o.Host)
	a, err := o.once(ctx, how)
	for range 2 {
		if !errors.Is(err, errRenewed) && !errors.Is(err, errLate) {
			break
		}
		a, err = o.once(ctx, how)
	}
	return a, err
}

// once is one try of logIn.
func (o Options) once(ctx context.Context, how remote.TerminalOptions) (arrival, error) {
	t, err := o.Open(ctx, how)
	if err != nil {
		return arrival{}, err
	}
	return o.arrive(ctx, t)
}

// arrive holds the dialogue. When it fails, the terminal is closed.
func (o Options) arrive(ctx context.Context, t remote.Terminal) (arrival, error) {
	lent := lend(t)
	d := o.dialogue(o.Converse(lent))
	prompt, known, err := d.hold(ctx)
	said := d.session.Said()
	if err == nil {
		lent.Close()
		prompt = lent.printed(prompt + d.rest(ctx))
	}
	d.session.Close()
	if err != nil {
		t.Close()
		return arrival{}, &Error{On: o.Host, During: duringLogin, Reason: err, Said: said}
	}
	return arrival{t, prompt, known, said, !d.asked()}, nil
}

// HasExpired tells whether what a host has said on the way is that the password
// has to be changed, and not what to do if it had.
func HasExpired(said string) bool {
	for line := range strings.Lines(said) {
		for _, c := range usual() {
			if c.Do != Expired {
				continue
			}
			if at := c.Pattern.FindStringIndex(line); at != nil && !supposes(line[:at[0]]) {
				return true
			}
		}
	}
	return false
}

// supposes tells whether a sentence goes on with what need not be so.
func supposes(begun string) bool {
	return slices.ContainsFunc(strings.Fields(strings.ToLower(begun)), func(word string) bool {
		return word == "if" || word == "when" || word == "once"
	})
}

// Renew changes a password that has expired, where a login by other means, such
// as a key, leads to a terminal that wants no more than that: what sshd does.
// o.Open opens it. The errors are those of Dial; nil is that the password was
// changed, or that there was no need to.
func Renew(ctx context.Context, o Options) error {
	ctx = secret.OnHost(ctx, o.Host)
	a, err := o.once(ctx, remote.TerminalOptions{})
	if errors.Is(err, errLate) {
		a, err = o.once(ctx, remote.TerminalOptions{})
	}
	if errors.Is(err, errRenewed) {
		return nil
	}
	if err == nil {
		a.terminal.Close()
	}
	return err
}
