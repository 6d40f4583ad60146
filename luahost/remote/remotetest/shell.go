// Package remotetest has a host for tests: Shell runs commands on this machine
// as a login would run them on another, in a home directory of their own. It
// lets whatever takes a runner be tested against real commands without a
// server. Typist is somebody at a terminal, for tests of what gives one.
package remotetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/local"
	"farmrun/testdata/need"
)

// Shell is a runner whose host is this machine. Dir must be set; New sets it.
// It may be shared between goroutines once its fields are.
type Shell struct {
	Dir string   // the home, where commands start
	Env []string // added to an environment of PATH, HOME and LC_ALL=C only
	// Wrap are words put before "sh -c SCRIPT", such as "busybox" or
	// "unshare", "--mount"; nil is none.
	Wrap []string
	// Dry makes a command that is no query a Result with Dry set.
	Dry bool

	mu  sync.Mutex
	ran []remote.Cmd
}

// New returns a Shell in a fresh directory that goes when the test ends.
func New(t testing.TB) *Shell {
	t.Helper()
	return &Shell{Dir: t.TempDir()}
}

// UseBusybox gives s the programs of busybox and no others, but for those of POSIX
// that not every busybox has: cksum and comm.
func (s *Shell) UseBusybox(t testing.TB) {
	t.Helper()
	need.Program(t, "busybox")
	bin := t.TempDir()
	if out, err := exec.Command("busybox", "--install", "-s", bin).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"cksum", "comm"} {
		if path, err := exec.LookPath(name); err == nil {
			os.Symlink(path, filepath.Join(bin, name)) // fails where busybox has it
		}
	}
	s.Env = append(s.Env, "PATH="+bin)
	s.Wrap = []string{"busybox"}
}

// UseNoProc takes /proc away from s, and leaves a ps that knows only the fields of POSIX.
// It needs root.
func (s *Shell) UseNoProc(t testing.TB) {
	t.Helper()
	need.Root(t)
	bin := t.TempDir()
	ps := `#!/bin/sh
case "$*" in *lstart* | *sid* | *tpgid* | *stat*) exit 1 ;; esac
exec unshare --mount sh -c 'umount /proc; exec /bin/ps "$@"' ps "$@"
`
	if err := os.WriteFile(filepath.Join(bin, "ps"), []byte(ps), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Env = append(s.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	s.Wrap = []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /proc; exec "$@"`, "sh"}
}

// Ran returns the commands that were really run, in order.
func (s *Shell) Ran() []remote.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ran)
}

// Run runs cmd with the shell of this machine. When ctx is done first, it
// kills the command's process group and returns an error that wraps
// context.Cause(ctx).
func (s *Shell) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if s.Dry && !cmd.Query {
		return remote.Result{Dry: true}, nil
	}
	s.mu.Lock()
	s.ran = append(s.ran, cmd)
	s.mu.Unlock()
	return local.Shell{Dir: s.Dir, Env: s.environ(), Wrap: s.Wrap}.Run(ctx, cmd)
}

// Must runs a line, in a dry run as well, and returns what it printed. The
// first command of it that fails ends the test.
func (s *Shell) Must(t testing.TB, line string) string {
	t.Helper()
	cmd := remote.Cmd{Line: "set -e\n" + line, Query: true}
	res, err := remote.Succeed(t.Context(), s, cmd)
	if err != nil {
		t.Fatalf("%v: %s%s", err, res.Stdout, res.Stderr)
	}
	return string(res.Stdout)
}

func (s *Shell) environ() []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "LC_ALL=C"}, s.Env...)
}
