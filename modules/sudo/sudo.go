// Package sudo runs a command on a host as root, by the host's sudo, and
// answers when that asks for a password: once, and never a second time, for
// three wrong ones lock some accounts.
//
// sudo reads the password from the same standard input that the command reads
// after it, asks only where its rules and its memory of the last time make it,
// and does not say when it has done with asking. A password that is sent
// unasked would end up in the command, and a line of the command's input that
// comes too early would be tried as a password. So the input is held back
// until the host has told one of two things on standard error: that sudo asks,
// by a prompt that nobody can guess, or that the command runs.
//
//   - A line is run by root's shell, which tells that it runs before it does
//     anything else.
//   - Words are run by sudo itself, so that a rule which allows just them will
//     do. There a watcher on the host looks until sudo has become the command, or
//     has a child that is the command.
//
// The files: dialogue.go holds the talk with sudo, which launch.sh starts;
// marks.go finds in standard error what is meant for us, input.go gives out the
// standard input, errors.go words a refusal, and end.go ends what runs as root
// when its time is over.
package sudo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"maps"
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

// Take is that of a secret.Keyring.
type Take = func(ctx context.Context, account string) (secret.Secret, secret.Report, error)

// Answer is that of a secret.Keyring.
type Answer = func(ctx context.Context, question string, echo bool) (secret.Secret, error)

// Options of Run. The zero value becomes root and has no password.
type Options struct {
	User string // whom to become; "" is root
	// Account is whose password sudo gets. One that asks for another account's
	// gets nothing: the host has no say in which secret it is sent. "" is an
	// account "sudo" of its own, for a login that does not know its user.
	Account string
	// Take is called when sudo asks; nil has no password.
	Take Take
	// Answer is called when sudo asks for more than the password; nil has none.
	Answer Answer
	// Look runs nothing: it has sudo tell whether it would (sudo -l), which may
	// cost a password as well. The Error of one that would not is ErrNotAllowed.
	Look bool

	// For a Run that ends what another has left: it is not ended by a third,
	// and tells when the host has begun with it.
	last  bool
	begun func()

	patience patience
}

// Run runs cmd as o.User. Words are run by sudo itself: cmd.Dir is then entered
// before, and sudoers has to allow (SETENV) what is in cmd.Env. A line is run
// by root's shell, which has its directory and environment. A sudo that wants a
// terminal (requiretty) is run once more, with one, if the host has script(1).
//
// The Result is the command's, without what sudo said to get its password; a
// command that fails is a Result, too. The error is an *Error when sudo has run
// nothing, or else that of the Runner. When ctx is done first, what runs as
// root is ended as well as sudoers lets it be.
func Run(ctx context.Context, r Runner, cmd remote.Cmd, o Options) (remote.Result, error) {
	t := token("<" + rand.Text() + ":")
	cmd.Title = Title(cmd, o.User)
	flags := []string{"-S", "-p", t.mark(asks + " %p")}
	if o.Look {
		flags = append(flags, "-l")
	}
	sudo, err := t.command(cmd, o.User, flags...)
	if err != nil {
		return remote.Result{}, err
	}
	res, err := newDialogue(ctx, r, cmd, o, t).run(sudo)
	if e, refused := errors.AsType[*Error](err); !refused || e.Reason != ErrNoTTY {
		return res, err
	}
	d := newDialogue(ctx, r, cmd, o, t)
	if res, err := d.run(onTerminal(sudo)); d.pid > 0 { // it has come so far
		return res, err
	}
	return res, err
}

// Title is what the operator is told of cmd.
func Title(cmd remote.Cmd, user string) string {
	switch {
	case cmd.Title != "":
		return cmd.Title
	case user != "":
		return "sudo -u " + remote.Quote(user) + " " + cmd.Name()
	}
	return "sudo " + cmd.Name()
}

// token begins the marks in standard error that are for us.
type token string

// What the marks say.
const (
	shell = "shell" // and its process id, which becomes that of sudo
	asks  = "asks"  // and the user whose password it wants
	runs  = "runs"  // the command has begun
)

func (t token) mark(says string) string { return string(t) + says + ">" }

// preamble is what root's shell does before a line. The mark is in two parts,
// for sudo says what it is to run when it refuses to.
func (t token) preamble() string {
	return "printf %s%s '" + string(t) + "' '" + runs + ">' >&2; unset LANGUAGE\n"
}

// launcher becomes sudo; see the file.
//
//go:embed launch.sh
var launcher string

// command returns what the login runs: launcher, with the words of sudo.
func (t token) command(cmd remote.Cmd, user string, flags ...string) (remote.Cmd, error) {
	sudo := append([]string{"sudo"}, flags...)
	if user != "" {
		sudo = append(sudo, "-u", user)
	}
	c := cmd
	c.NeedStderr = true
	c.Line, c.Env = "", map[string]string{"LANGUAGE": "C"} // sudo's messages are read
	watch := ""
	if cmd.Args != nil {
		if len(cmd.Args) == 0 || cmd.Args[0] == "" {
			return c, errors.New("sudo: the command is empty")
		}
		for _, name := range slices.Sorted(maps.Keys(cmd.Env)) {
			sudo = append(sudo, name+"="+cmd.Env[name])
		}
		sudo = append(append(sudo, "--"), cmd.Args...)
		watch = t.mark(runs)
	} else {
		script, err := cmd.Script()
		if err != nil {
			return c, err
		}
		c.Dir = ""
		sudo = append(sudo, "--", "/bin/sh", "-c", t.preamble()+script)
	}
	c.Args = append([]string{"sh", "-c", strings.TrimSpace(launcher), "sh", string(t), watch}, sudo...)
	return c, nil
}
