package sudo

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// The reasons for which sudo has run nothing, besides secret.ErrRejected and
// what Take returns.
var (
	ErrNotAllowed = errors.New("the user may not run this by sudo")
	ErrNoPassword = errors.New("sudo wants a password, and there is none")
	ErrNoSudo     = errors.New("there is no sudo on the host")
	ErrNoTTY      = errors.New("sudo wants a terminal")
	ErrNotRun     = errors.New("sudo did not run it")
	// ErrMore: sudo asks for something besides the password, and nobody answers.
	ErrMore = errors.New("sudo asks for something more than the password")
	// ErrMoreRejected: it does not take the password and the other answer.
	ErrMoreRejected = errors.New("sudo rejects the password or the other answer that it asked for")

	errWrong = errors.New("wrong password")
)

// Error is a command that sudo did not run. It wraps the reason.
type Error struct {
	Cmd     string // what was to be run
	Account string // whose password sudo gets
	Reason  error
	About   string // what sudo said of the reason, or ""
	Said    string // all that it said
}

func (e *Error) Error() string {
	text := e.Cmd + ": "
	if errors.Is(e.Reason, secret.ErrRejected) && !strings.Contains(e.Reason.Error(), e.Account) {
		text += "password for " + e.Account + ": "
	}
	text += e.Reason.Error()
	if e.About != "" {
		text += ": " + e.About
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

// Kind is "refused" if the command was refused and "login" if the user was.
func (e *Error) Kind() string {
	switch e.Reason {
	case ErrNotAllowed, ErrNoSudo, ErrNoTTY, ErrNotRun:
		return "refused"
	}
	return "login"
}

// Output returns the last that sudo said.
func (e *Error) Output() string {
	return strings.TrimSpace(remote.LastLines([]byte(e.Said), 10))
}

// Hint says what to do next.
func (e *Error) Hint() string {
	other, is := errors.AsType[*secret.OtherError](e.Reason)
	switch {
	case is && userName().MatchString(other.Asked):
		return fmt.Sprintf("if sudo there is to ask for that password (rootpw, targetpw or runaspw in sudoers), the site file has to say so: sudo_account = %q", other.Asked)
	case is:
		return "this is not how sudo asks: look at the sudo that the host has first in its PATH"
	case errors.Is(e.Reason, secret.ErrRejected):
		return fmt.Sprintf("is it the password of %s that sudo wants there? sudo -v on the host tells", e.Account)
	case e.Reason == ErrNotAllowed && strings.Contains(e.About, "environment"):
		return "let the rule in sudoers set it (SETENV), or give a line instead of a list of words"
	case e.Reason == ErrNotAllowed:
		return "sudo -l on the host tells what is allowed; a rule for a program fits a list of words that begins with its path, a line needs one for /bin/sh"
	case e.Reason == ErrMoreRejected:
		return "run it again; sudo -v on the host shows the questions that it asks"
	case e.Kind() == "login":
		return "run farmrun on a terminal, where it can ask, or allow the command with NOPASSWD in sudoers"
	case e.Reason == ErrNoSudo:
		return "install sudo there, or have it in the PATH of a login without a terminal"
	case e.Reason == ErrNoTTY:
		return "have script(1) on the host, or put Defaults:USER !requiretty into its sudoers"
	}
	return ""
}

// userName matches the name of a user.
var userName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// refusals are the words of sudo for what it does not do, and those of sudo-rs.
var refusals = []struct {
	line   func() *regexp.Regexp
	reason error
}{
	{lazyregexp.New(`^sudo: (\d+ incorrect password attempts?|Maximum \d+ incorrect authentication attempts.*)$`), errWrong},
	{lazyregexp.New(`^Sorry, user .* (is not allowed to execute|may not run sudo).*`), ErrNotAllowed},
	{lazyregexp.New(`^.* is not in the sudoers file\..*|^sudo: I'm sorry .*\. I'm afraid I can't do that$`), ErrNotAllowed},
	{lazyregexp.New(`^sudo: sorry, you are not allowed to .*`), ErrNotAllowed},
	{lazyregexp.New(`^sudo: sorry, you must have a tty.*|^sudo: a terminal is required.*`), ErrNoTTY},
	{lazyregexp.New(`^sudo: (a password is required|no password was provided|interactive authentication is required)$`), ErrNoPassword},
	{lazyregexp.New(`^sudo: (unknown user|account validation failure|.*: command not found).*`), ErrNotRun},
	{lazyregexp.New(`.*\bsudo: (command )?not found$`), ErrNoSudo},
}

// explain looks in what was said for a reason why nothing was run. about is
// the line that has it, unless the reason says it all.
func explain(res remote.Result, said string) (about string, reason error) {
	if res.Code != 1 && res.Code != 127 {
		return "", nil
	}
	for _, r := range refusals {
		for line := range strings.Lines(said) {
			line = strings.TrimSpace(line)
			if !r.line().MatchString(line) || (r.reason == ErrNoSudo) != (res.Code == 127) {
				continue
			}
			if r.reason == errWrong || r.reason == ErrNoPassword || r.reason == ErrNoSudo {
				line = ""
			}
			return line, r.reason
		}
	}
	return "", nil
}
