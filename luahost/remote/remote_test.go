package remote_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
)

func TestScript(t *testing.T) {
	for _, test := range []struct {
		name string
		cmd  remote.Cmd
		want string // the script, or the error behind "error: "
	}{
		{"a line", remote.Cmd{Line: "cvs -q up | tail"}, "cvs -q up | tail"},
		{"words", remote.Cmd{Args: []string{"echo", "a b"}}, "exec echo 'a b'"},
		{"a directory", remote.Cmd{Line: "ls", Dir: "my www"}, "cd -- 'my www' || exit\nls"},
		{"an environment, in order", remote.Cmd{Line: "env", Env: map[string]string{"B": "2", "A_1": "it's"}}, "export A_1='it'\\''s'\nexport B=2\nenv"},
		{"both", remote.Cmd{Args: []string{"pwd"}, Dir: "/", Env: map[string]string{"A": ""}}, "cd -- / || exit\nexport A=''\nexec pwd"},
		{"nothing", remote.Cmd{}, "error: remote: the command is empty"},
		{"blanks", remote.Cmd{Line: " \n\t"}, "error: remote: the command is empty"},
		{"no words", remote.Cmd{Args: []string{}}, "error: remote: the command is empty"},
		{"NUL in the line", remote.Cmd{Line: "echo \x00"}, "error: remote: the command has a NUL byte in it"},
		{"NUL in the directory", remote.Cmd{Line: "ls", Dir: "a\x00b"}, "error: remote: the command has a NUL byte in it"},
		{"a name that is none", remote.Cmd{Line: "ls", Env: map[string]string{"A;B": "x"}}, `error: remote: "A;B" cannot name an environment variable`},
		{"a name that begins with a digit", remote.Cmd{Line: "ls", Env: map[string]string{"1A": "x"}}, `error: remote: "1A" cannot name an environment variable`},
		{"a name that is empty", remote.Cmd{Line: "ls", Env: map[string]string{"": "x"}}, `error: remote: "" cannot name an environment variable`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.cmd.Script()
			if err != nil {
				got = "error: " + err.Error()
			}
			got = strings.TrimPrefix(got, "set +aefuvxC;unset CDPATH TMOUT;unset -f cd;")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestScriptRuns gives scripts to a shell, in an environment that would change
// their meaning.
func TestScriptRuns(t *testing.T) {
	for name, test := range map[string]struct {
		cmd  remote.Cmd
		want string
		fail bool
	}{
		"directory and environment":       {cmd: remote.Cmd{Line: `echo "$PWD $A"`, Dir: "/", Env: map[string]string{"A": "a 'b'"}}, want: "/ a 'b'\n"},
		"no such directory":               {cmd: remote.Cmd{Line: "echo reached", Dir: "/nonexistent"}, fail: true},
		"a directory like an option":      {cmd: remote.Cmd{Line: "echo reached", Dir: "-P"}, fail: true},
		"a comment at the end":            {cmd: remote.Cmd{Line: "echo x # and no more"}, want: "x\n"},
		"words are no shell":              {cmd: remote.Cmd{Args: []string{"printf", "%s", "$HOME;id"}}, want: "$HOME;id"},
		"the status is the command's":     {cmd: remote.Cmd{Line: "true; false"}, fail: true},
		"the one directory that is meant": {cmd: remote.Cmd{Line: "pwd", Dir: "bin"}, want: "/usr/bin\n"},
		"cd in the line":                  {cmd: remote.Cmd{Line: "cd bin && pwd"}, want: "/usr/bin\n"},
		"options":                         {cmd: remote.Cmd{Line: "false; echo $-$unset"}, want: "hBc\n"},
	} {
		t.Run(name, func(t *testing.T) {
			script, err := test.cmd.Script()
			if err != nil {
				t.Fatal(err)
			}
			sh := exec.Command("bash", "--posix", "-c", script)
			sh.Dir, sh.Env = "/usr", append(os.Environ(), "CDPATH=/:.", "TMOUT=1", "BASH_FUNC_cd%%=() { echo wrong; }", "SHELLOPTS=errexit:nounset:noclobber")
			out, err := sh.Output()
			if string(out) != test.want || (err != nil) != test.fail {
				t.Errorf("got %q, %v; want %q, failure %v", out, err, test.want, test.fail)
			}
		})
	}
}

func TestExitError(t *testing.T) {
	for _, test := range []struct {
		cmd    remote.Cmd
		result remote.Result
		want   string
	}{
		{remote.Cmd{Line: "true"}, remote.Result{}, ""},
		{remote.Cmd{Line: "false"}, remote.Result{Code: 1}, "false: exit status 1"},
		{remote.Cmd{Args: []string{"ls", "a b"}}, remote.Result{Code: 2}, "ls 'a b': exit status 2"},
		{remote.Cmd{Line: "x"}, remote.Result{Code: -1, Signal: "KILL"}, "x: ended by signal KILL"},
		{remote.Cmd{Line: "one\ntwo"}, remote.Result{Code: 1}, "one …: exit status 1"},
		{remote.Cmd{Line: "#!/bin/sh\n" + strings.Repeat("x", 500), Title: "checkout"}, remote.Result{Code: 1}, "checkout: exit status 1"},
		{remote.Cmd{Line: strings.Repeat("é", 500)}, remote.Result{Code: 1}, strings.Repeat("é", 120) + "…: exit status 1"},
	} {
		got := ""
		if err := test.result.Err(test.cmd); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
