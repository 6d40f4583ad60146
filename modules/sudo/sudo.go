// Package sudo runs a command on a host as another user, by the host's sudo,
// and answers when that asks for a password: once, and never a second time, for
// three wrong ones lock some accounts.
//
// sudo takes the password from the same standard input that the command then
// reads, and asks only where its rules and its memory of the last time make it.
// A password that is sent unasked would end up in the command, and one line of
// the command's input too early would be tried as a password. So sudo is asked
// first to do without (sudo -n), which is all that a rule of NOPASSWD needs; if
// it cannot, it is made to ask (-k) with a prompt that nothing else says, and
// gets the password when that has come and not before.
package sudo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// Runner runs a command on a host. It has to be the login itself, not something
// that shows the operator what commands say: that belongs into Cmd.Stdout and
// Cmd.Stderr, which get it without sudo's prompt.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Options of Run. The zero value becomes root and has no password.
type Options struct {
	User string // whom to become; "" is root
	// Account names the password, "web" for example; "" is "sudo".
	Account string
	// Take is that of a secret.Keyring. It is called only when sudo wants a
	// password; nil has none.
	Take func(ctx context.Context, account string) (secret.Secret, secret.Report, error)
}

// The reasons for which sudo has run nothing.
var (
	ErrNotAllowed = errors.New("the user may not run this by sudo")
	ErrNoPassword = errors.New("sudo wants a password, and there is none")
	ErrNoSudo     = errors.New("there is no sudo on the host")
	ErrNoTTY      = errors.New("sudo wants a terminal")
)

// Error is a command that sudo did not run. It wraps one of the sentinels, or
// secret.ErrRejected, and the *remote.ExitError of sudo.
type Error struct {
	Cmd    string // what was to be run
	Reason error
	Said   string // sudo's own words, or ""
	Err    error  // the *remote.ExitError
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %v", e.Cmd, e.Reason)
	if e.Said != "" {
		text += ": " + e.Said
	}
	return text
}

// Unwrap returns the reason and the cause.
func (e *Error) Unwrap() []error { return []error{e.Reason, e.Err} }

// Kind is "login".
func (e *Error) Kind() string { return "login" }

// Hint says what to do next.
func (e *Error) Hint() string {
	switch e.Reason {
	case ErrNotAllowed:
		return "see what it may run by sudo -l on the host; a rule allows the words of a list as they are, and a line only as: sh -c LINE"
	case ErrNoPassword:
		return "allow the command with NOPASSWD, or run farmrun where it can ask you"
	case ErrNoSudo:
		return "install sudo on the host, or put it in the PATH of a login without a terminal"
	case ErrNoTTY:
		return "put Defaults:USER !requiretty into the host's sudoers"
	}
	return ""
}

// Run runs cmd as o.User. Words are run as they are, so that a rule which
// allows just them does; a line is run by sh -c. What is in cmd.Env is set by
// env, which a rule has to allow, and cmd.Dir is entered before sudo runs.
//
// The Result is the command's, without what sudo said to get its password; a
// command that fails is a Result, too. The error is an *Error when sudo has run
// nothing, that of Take, or that of the Runner.
func Run(ctx context.Context, r Runner, cmd remote.Cmd, o Options) (remote.Result, error) {
	if strings.TrimSpace(cmd.String()) == "" {
		return remote.Result{}, errors.New("sudo: the command is empty")
	}
	s := &run{ctx: ctx, r: r, cmd: cmd, user: o.User, input: newTape(cmd.Stdin)}
	s.key = &key{take: o.Take, account: cmp.Or(o.Account, "sudo")}
	defer s.input.close()
	defer s.key.tell(secret.Unknown) // where nothing else was told
	res, wanted, err := s.without()
	switch {
	case err != nil || !wanted:
		return res, err
	case o.Take == nil:
		return res, s.fail(ErrNoPassword, "", res)
	}
	return s.with()
}

// run is one call of Run.
type run struct {
	ctx   context.Context
	r     Runner
	cmd   remote.Cmd
	user  string
	input *tape
	key   *key
}

// words returns sudo with flags and the command.
func (s *run) words(flags ...string) []string {
	words := append([]string{"sudo"}, flags...)
	if s.user != "" {
		words = append(words, "-u", s.user)
	}
	words = append(words, "--")
	if len(s.cmd.Env) > 0 {
		words = append(words, "env")
		for _, name := range slices.Sorted(maps.Keys(s.cmd.Env)) {
			words = append(words, name+"="+s.cmd.Env[name])
		}
	}
	if s.cmd.Args == nil {
		return append(words, "sh", "-c", s.cmd.Line)
	}
	return append(words, s.cmd.Args...)
}

// start runs words, which begin with sudo, with its messages in English.
func (s *run) start(words []string, stdin io.Reader, stderr io.Writer) (remote.Result, error) {
	c := s.cmd
	c.Title = s.title()
	c.Line, c.Args = "", words
	c.Env = map[string]string{"LANGUAGE": "en"}
	c.Stdin, c.Stderr = stdin, stderr
	return s.r.Run(s.ctx, c)
}

func (s *run) title() string { return title(s.cmd, s.user) }

// title is the command in an operator's words.
func title(cmd remote.Cmd, user string) string {
	switch {
	case cmd.Title != "":
		return cmd.Title
	case user != "":
		return "sudo -u " + remote.Quote(user) + " " + cmd.Name()
	}
	return "sudo " + cmd.Name()
}

// required is how sudo -n says that it wants a password; the second is sudo-rs.
var required = regexp.MustCompile(`^sudo: (sorry, )?(a password is required|interactive authentication is required)`)

// without runs the command if sudo asks for no password, and tells whether it
// wants one.
func (s *run) without() (res remote.Result, wanted bool, err error) {
	input, err := s.input.reader()
	if err != nil {
		return res, false, err
	}
	said := &stderr{live: s.cmd.Stderr, keep: s.cmd.Keep, hold: required}
	res, err = s.start(s.words("-n"), input, said)
	if err != nil || res.Dry {
		return res, false, err
	}
	res.Stderr = said.bytes()
	first, held := said.firstLine()
	switch silent := len(res.Stdout)+len(res.Stderr) == 0; {
	case held && silent && res.Code == 1:
		return res, true, nil
	case held: // a sudo that the command has called said it
		said.pass([]byte(first))
		res.Stderr = slices.Concat([]byte(first), res.Stderr)
	}
	return res, false, s.refused(res, strings.TrimSpace(first))
}

// with runs the command with the password. Where the command has input, the
// password is made sure of before: the lines behind a wrong one would be taken
// for further tries.
func (s *run) with() (remote.Result, error) {
	if s.input != nil {
		mute := *s
		mute.cmd.Stdout, mute.cmd.Stderr = nil, nil
		check := newAsker(&mute, nil)
		res, err := mute.answer(check, []string{"sudo", "-S", "-p", check.prompt, "-v"})
		if err == nil {
			err = res.Err(remote.Cmd{Title: s.title()})
		}
		if err != nil {
			return res, err
		}
	}
	input, err := s.input.reader()
	if err != nil {
		return remote.Result{}, err
	}
	a := newAsker(s, input)
	return s.answer(a, s.words("-k", "-S", "-p", a.prompt))
}

// wrong is how sudo ends after a wrong password, however many it takes.
var wrong = regexp.MustCompile(`(?m)^sudo: \d+ incorrect password attempt`)

// answer runs words, which make sudo ask, and answers once.
func (s *run) answer(a *asker, words []string) (remote.Result, error) {
	res, err := s.start(words, a, a)
	said, prompts := a.finish()
	if failed := a.key.failure(); failed != nil {
		return res, failed
	}
	if err != nil || res.Dry {
		return res, err
	}
	res.Stderr = said
	if prompts > 1 || prompts == 1 && res.Code == 1 && wrong.Match(said) {
		a.key.tell(secret.Rejected)
		return res, s.fail(secret.ErrRejected, "", res)
	}
	if prompts > 0 {
		a.key.tell(secret.Accepted)
	}
	return res, s.refused(res, remote.LastLines(said, 1))
}

func (s *run) fail(reason error, said string, res remote.Result) error {
	return &Error{Cmd: s.title(), Reason: reason, Said: said, Err: res.Err(remote.Cmd{Title: s.title()})}
}

// refusals are sudo's words for what it does not do.
var refusals = []struct {
	text   *regexp.Regexp
	reason error
}{
	{regexp.MustCompile(`^Sorry, user .* (is not allowed to execute|may not run sudo)|is not in the sudoers file|^sudo: I'm sorry .* I'm afraid I can't do that`), ErrNotAllowed},
	{regexp.MustCompile(`^sudo: sorry, you must have a tty|^sudo: a terminal is required`), ErrNoTTY},
	{regexp.MustCompile(`\bsudo: (command )?not found`), ErrNoSudo},
}

// refused returns why sudo ran nothing, if line says so.
func (s *run) refused(res remote.Result, line string) error {
	if res.Code != 1 && res.Code != 127 {
		return nil
	}
	for _, r := range refusals {
		if r.text.MatchString(line) {
			return s.fail(r.reason, line, res)
		}
	}
	return nil
}

// newPrompt returns what nothing else says. sudo expands "%" in a prompt.
func newPrompt() string { return "farmrun:sudo:" + rand.Text() + ":" }
