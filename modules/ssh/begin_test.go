package ssh_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

// TestStartupFiles has login shells that do something else before the command, or
// instead of it.
func TestStartupFiles(t *testing.T) {
	const mark = "touch began; "
	for _, x := range []struct {
		name, before string // before is what the login shell does first
		said         string // in the error; "" is that the command is run
		input        string // in the error of a command with input, where only that is not run
	}{
		{name: "print", before: "echo Welcome; printf 'to noisy' >&2; printf 'no newline'; "},
		{name: "trace", before: "set -x; "},
		{name: "join the outputs", before: "exec 2>&1; "},
		{name: "drop the errors", before: "exec 2>/dev/null; "},
		{name: "read input", before: "read x </dev/null; set -e; "},
		{name: "read a line", before: "echo 'Which project?'; read x; ", input: "Which project?"},
		{name: "read all", before: "cat; ", input: "\n"},
		{name: "close the input", before: "exec </dev/null; ", input: "\n"},
		{name: "obey a line", before: `read x && exit 3; `, input: "\n"},
		{name: "read for a moment", before: "timeout 0.1 cat; "},
		{name: "exit well", before: "echo bye; exit 0; ", said: "bye"},
		{name: "fail", before: "echo no shell for you >&2; exit 1; ", said: "no shell for you"},
		{name: "die", before: "kill -9 $$; ", said: ""},
		{name: "become a shell", before: "echo hello; exec sh; ", said: "hello"},
		{name: "repeat the command", before: `show() { echo "not allowed: $*"; exit 0; }; show `, said: "not allowed: exec /bin/sh"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			home := t.TempDir()
			shell := sshserver.Shell(home, nil)
			w.serve("h", &sshserver.Server{Exec: func(ctx context.Context, e *sshserver.Exec) int {
				e.Command = x.before + e.Command
				return shell(ctx, e)
			}})
			runs := x.said == "" && x.name != "die"
			for _, cmd := range []remote.Cmd{
				{Line: mark + "cat; echo out", Stdin: strings.NewReader("touch typed\n")},
				{Line: mark + "echo out"},
			} {
				r, err := run(w.dial(w.dialer(), "h"), cmd)
				if x.input != "" && cmd.Stdin != nil {
					expect(t, err, ssh.StageRun, ssh.ErrNotRun, "take the command's input")
					if e, _ := errors.AsType[*ssh.Error](err); !strings.Contains(e.Said+"\n", x.input) {
						t.Errorf("the error has %q", e.Said)
					}
					if _, err := os.Stat(filepath.Join(home, "began")); err == nil {
						t.Error("it was run without its input")
					}
					continue
				}
				if !runs {
					expect(t, err, ssh.StageRun, ssh.ErrNotRun, "without running the command")
					if e, _ := errors.AsType[*ssh.Error](err); !strings.Contains(e.Said, x.said) || !strings.Contains(e.Hint, "needs shell = false in the site file") {
						t.Errorf("the error has %q and %q", e.Said, e.Hint)
					}
					continue
				}
				want := "out\n"
				if cmd.Stdin != nil {
					want = "touch typed\nout\n"
				}
				if check(t, err); string(r.Stdout) != want || len(r.Stderr) > 0 {
					t.Errorf("got %q and %q, want %q", r.Stdout, r.Stderr, want)
				}
			}
			for name, want := range map[string]bool{"began": runs, "typed": false} {
				if _, err := os.Stat(filepath.Join(home, name)); (err == nil) != want {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestNeedStderr has a login shell send standard error elsewhere. A command that
// needs it is not run, and one that does not is.
func TestNeedStderr(t *testing.T) {
	for _, before := range []string{"exec 2>&1; ", "exec 2>/dev/null; ", "exec 2> >(cat >errors); ", "read x; exec 2>/dev/null; "} {
		for _, inputs := range [][]bool{{false, true}, {true, false}} {
			t.Run(before, func(t *testing.T) {
				w := newWorld(t)
				home := t.TempDir()
				shell := sshserver.Shell(home, nil)
				w.serve("h", &sshserver.Server{Exec: func(ctx context.Context, e *sshserver.Exec) int {
					e.Command = "exec bash -c '" + before + `eval "$1"' sh ` + remote.Quote(e.Command)
					return shell(ctx, e)
				}})
				c := w.dial(w.dialer(), "h")
				for _, input := range inputs { // at first nothing is known of the login
					cmd := remote.Cmd{Line: "touch began", NeedStderr: true}
					if input {
						cmd.Stdin = strings.NewReader("x")
					}
					_, err := run(c, cmd)
					expect(t, err, ssh.StageRun, ssh.ErrNotRun, "send standard error elsewhere")
					if _, err := os.Stat(filepath.Join(home, "began")); err == nil {
						t.Fatal("it was run")
					}
				}
				r, err := run(c, remote.Cmd{Line: "touch began; echo out"})
				if check(t, err); string(r.Stdout) != "out\n" {
					t.Errorf("got %q", r.Stdout)
				}
			})
		}
	}
}
