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
	}{
		{name: "print", before: "echo Welcome; printf 'to noisy' >&2; printf 'no newline'; "},
		{name: "trace", before: "set -x; "},
		{name: "join the outputs", before: "exec 2>&1; "},
		{name: "drop the errors", before: "exec 2>/dev/null; "},
		{name: "read input", before: "read x </dev/null; set -e; "},
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
				if !runs {
					expect(t, err, ssh.StageRun, ssh.ErrNotRun, "without running the command")
					if e, _ := errors.AsType[*ssh.Error](err); !strings.Contains(e.Said, x.said) {
						t.Errorf("the error has %q", e.Said)
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
