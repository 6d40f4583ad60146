package remotetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote"
)

func TestShell(t *testing.T) {
	sh := New(t)
	type result struct {
		Stdout, Stderr string
		Code           int
		Signal         string
	}
	for _, tc := range []struct {
		name string
		cmd  remote.Cmd
		want result
	}{
		{"line", remote.Cmd{Line: "echo out; echo err >&2; exit 3"}, result{"out\n", "err\n", 3, ""}},
		{"words", remote.Cmd{Args: []string{"printf", "%s|", "a b", "it's", ""}}, result{Stdout: "a b|it's||"}},
		{"home", remote.Cmd{Line: `[ "$PWD" = "$HOME" ] && echo yes`}, result{Stdout: "yes\n"}},
		{"env and dir", remote.Cmd{Line: `echo "$X $PWD"`, Dir: "/", Env: map[string]string{"X": "1 2"}}, result{Stdout: "1 2 /\n"}},
		{"stdin", remote.Cmd{Line: "cat", Stdin: strings.NewReader("in")}, result{Stdout: "in"}},
		{"stdin unread", remote.Cmd{Line: "exit 0", Stdin: NoInput(nil)}, result{}},
		{"signal", remote.Cmd{Line: "kill -TERM $$"}, result{Code: -1, Signal: "TERM"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := sh.Run(t.Context(), tc.cmd)
			if err != nil {
				t.Fatal(err)
			}
			got := result{string(r.Stdout), string(r.Stderr), r.Code, r.Signal}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("-want +got\n" + diff)
			}
		})
	}
}

func TestShellEndsWithContext(t *testing.T) {
	cause := errors.New("the turn is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	begun := onWrite(func() { cancel(cause) })
	mark := Mark()
	line := strings.ReplaceAll("trap '' TERM; sleep 1MARK & echo; sleep 1MARK", "MARK", mark)
	_, err := New(t).Run(ctx, remote.Cmd{Line: line, Stdout: begun})
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want an error that wraps %v", err, cause)
	}
	if left := Running(mark); left != "" {
		t.Errorf("still running: %s", left)
	}
}

func TestShellDry(t *testing.T) {
	sh := New(t)
	sh.Dry = true
	act, err := sh.Run(t.Context(), remote.Cmd{Line: "touch x"})
	if diff := cmp.Diff(remote.Result{Dry: true}, act); diff != "" || err != nil {
		t.Error(err, diff)
	}
	look, err := sh.Run(t.Context(), remote.Cmd{Line: "ls", Query: true})
	if diff := cmp.Diff(remote.Result{}, look, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(remote.Result{}, "Duration")); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if n := len(sh.Ran()); n != 1 {
		t.Errorf("%d commands ran, want 1", n)
	}
}
