// Package remote has the words for a command on a host, as os/exec has them
// for a command on this machine: Cmd says what to run, Result what came of it.
// It knows neither Lua nor any login; whoever can run a Cmd (an ssh client, a
// telnet session, a test double) is a runner, and each package that needs one
// declares the interface itself, as Runner.
//
// A runner returns an error only when it cannot tell how the command ended:
// the connection broke, or ctx was done first. In the latter case it ends the
// remote process before it returns, and its error wraps context.Cause(ctx). A
// command that ran and failed is a Result whose Code is not 0; Result.Err
// makes an error of it.
package remote

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Runner runs commands on a host. It is for signatures that two packages have
// to share; whoever only needs one declares the interface itself.
type Runner interface {
	Run(ctx context.Context, cmd Cmd) (Result, error)
}

// Cmd is one command for a host. The zero value is not useful: either Line or
// Args must be set. A Cmd is read, never changed, by those who run it, so one
// may be given to many hosts at once if its readers and writers allow that.
type Cmd struct {
	Line string   // a line for the POSIX shell
	Args []string // instead of Line: words, which are quoted for the shell

	// Title is the command in an operator's words, where the command itself is
	// a script too long to show; "" is the command itself.
	Title string

	Dir string            // where to run; "" is the directory the login starts in
	Env map[string]string // added to the environment; never put a secret here

	// Guard is a script for the POSIX shell that runs the command's own, which is its
	// $1, and has its exit status; "" runs it as it is. See package fence.
	Guard string

	Stdin          io.Reader // nil is /dev/null
	Stdout, Stderr io.Writer // what is said, as it is said, besides what Result keeps; nil is nowhere

	// NeedStderr says that standard error is read by a program, not only by people.
	// The command is not run where startup files send it elsewhere.
	NeedStderr bool

	// Query says that the command only looks. A dry run runs queries and
	// prints everything else.
	Query bool
	// Quiet says that what the command says is not shown to the operator.
	Quiet bool
	// Keep is how many bytes of each of stdout and stderr the Result keeps;
	// 0 is DefaultKeep. Of what is longer the middle is cut.
	Keep int
}

// DefaultKeep is how much of each stream a Result keeps when Cmd.Keep is 0: 1 MiB.
const DefaultKeep = 1 << 20

// String returns the command as an operator would type it, without directory
// and environment.
func (c Cmd) String() string {
	if c.Args == nil {
		return c.Line
	}
	return QuoteAll(c.Args)
}

// Name returns the words by which people are told of the command: its Title,
// or else what String returns.
func (c Cmd) Name() string {
	if c.Title != "" {
		return c.Title
	}
	return c.String()
}

// Script returns the command as a script for a POSIX shell that changes to
// Dir, sets Env and becomes the command. It fails for a command that is empty
// or has a NUL in it, and for an environment name that no shell takes. All logins
// run commands by it; it begins with plain.
func (c Cmd) Script() (string, error) {
	body := c.String()
	if strings.TrimSpace(body) == "" {
		return "", fmt.Errorf("remote: the command is empty")
	}
	var b strings.Builder
	b.WriteString(plain)
	if c.Dir != "" {
		fmt.Fprintf(&b, "cd -- %s || exit\n", Quote(c.Dir))
	}
	for _, name := range sortedNames(c.Env) {
		if !isName(name) {
			return "", fmt.Errorf("remote: %q cannot name an environment variable", name)
		}
		fmt.Fprintf(&b, "export %s=%s\n", name, Quote(c.Env[name]))
	}
	if c.Args != nil {
		b.WriteString("exec ")
	}
	b.WriteString(body)
	script := b.String()
	if c.Guard != "" {
		script = "set -- " + Quote(script) + "\n" + c.Guard
	}
	if !strings.Contains(script, "\x00") {
		return script, nil
	}
	return "", fmt.Errorf("remote: the command has a NUL byte in it")
}

// plain has a shell forget the parts of its environment that change the meaning of
// a script: options in an exported SHELLOPTS, an exported function cd, CDPATH, by
// which cd prints and goes elsewhere, and TMOUT, which ends read.
const plain = "set +aefuvxC;unset CDPATH TMOUT;unset -f cd;"

func sortedNames(env map[string]string) []string {
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// isName tells whether s is a name in the sense of POSIX 3.235.
func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// Result is how a command ended. The zero value is a success that said nothing.
type Result struct {
	Stdout, Stderr []byte        // at most Cmd.Keep bytes each and a note of what was cut
	Code           int           // exit status; -1 when a signal ended it
	Signal         string        // "TERM", "KILL", …; "" when none did
	Duration       time.Duration // from asking to the end
	// Dry says that nothing was run, because this is a dry run and the command
	// was no query. Whoever would look at its effects must not.
	Dry bool
}

// Err returns nil for a command that succeeded and otherwise an *ExitError.
func (r Result) Err(cmd Cmd) error {
	if r.Code == 0 && r.Signal == "" {
		return nil
	}
	return &ExitError{Cmd: cmd.Name(), Result: r}
}

// Succeed has r run a command that has to succeed: where it does not, the error
// is an *ExitError, and what it said is in the Result as well.
func Succeed(ctx context.Context, r Runner, cmd Cmd) (Result, error) {
	res, err := r.Run(ctx, cmd)
	if err == nil {
		err = res.Err(cmd)
	}
	return res, err
}

// LastSaid returns at most n of the last lines of Stderr, or of Stdout where
// that has none.
func (r Result) LastSaid(n int) string {
	if text := LastLines(r.Stderr, n); strings.TrimSpace(text) != "" {
		return text
	}
	return LastLines(r.Stdout, n)
}

// ExitError is a command that ran and failed.
type ExitError struct {
	Cmd string // Cmd.Name: as the operator would say it
	Result
}

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return fmt.Sprintf("%s: ended by signal %s", brief(e.Cmd), e.Signal)
	}
	return fmt.Sprintf("%s: exit status %d", brief(e.Cmd), e.Code)
}

// brief returns the first line of cmd, cut where it is too long for a message.
func brief(cmd string) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(cmd), "\n")
	const most = 120
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	if rest != "" {
		return line + " …"
	}
	return line
}
