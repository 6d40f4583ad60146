package sudo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// standIn is a sudo for hosts that have none: it knows the flags that are used
// here, and its words are those of the real one, with which the tests on the
// farm compare it. $PASSWORD is what it wants, $TRIES how often, $DENY makes it
// refuse afterwards, $SAYS is what it says instead of anything else. Each line
// that it takes for a password goes into the file tries.
const standIn = `#!/bin/sh
[ -z "$SAYS" ] || { echo "$SAYS" >&2; exit 1; }
never= kill= prompt='[sudo] password: ' validate= user=root
while :; do
	case $1 in
	-n) never=yes ;;
	-k) kill=yes ;;
	-S) ;;
	-v) validate=yes ;;
	-p) prompt=$2; shift ;;
	-u) user=$2; shift ;;
	--) shift; break ;;
	*) break ;;
	esac
	shift
done
if [ -n "$PASSWORD" ] && { [ -n "$kill" ] || [ ! -e ticket ]; }; then
	[ -z "$never" ] || { echo 'sudo: a password is required' >&2; exit 1; }
	[ -z "$LECTURE" ] || printf '\nWe trust you.\n\n' >&2
	n=0
	while :; do
		printf %s "$prompt" >&2
		IFS= read -r try || { echo 'sudo: no password was provided' >&2; break; }
		echo "$try" >>tries
		n=$((n + 1))
		[ "$try" = "$PASSWORD" ] && break
		[ "$n" -lt "${TRIES:-3}" ] || break
		echo 'Sorry, try again.' >&2
	done
	if [ "$try" != "$PASSWORD" ]; then
		echo "sudo: $n incorrect password attempt" >&2
		exit 1
	fi
	[ -n "$kill" ] || : >ticket
fi
[ -z "$DENY" ] || { echo "Sorry, user web is not allowed to execute '$*' as root on here." >&2; exit 1; }
[ -z "$validate" ] || exit 0
SUDO_USER=$user exec "$@"
`

const password = `w3b "Secret' pw`

func newHost(t *testing.T, env ...string) *remotetest.Shell {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	sh := remotetest.New(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	sh.Env = append(env, "PATH="+bin+":"+os.Getenv("PATH"))
	return sh
}

// tries returns what the stand-in took for passwords.
func tries(sh *remotetest.Shell) string {
	text, _ := os.ReadFile(sh.Dir + "/tries")
	return string(text)
}

// ring is a keyring for one test: it has one password, and notes what became
// of it.
type ring struct {
	pass     string
	err      error
	accounts []string
	outcomes []secret.Outcome
}

func (r *ring) take(_ context.Context, account string) (secret.Secret, secret.Report, error) {
	r.accounts = append(r.accounts, account)
	if r.err != nil {
		return secret.Secret{}, nil, r.err
	}
	return secret.New(r.pass), func(o secret.Outcome) { r.outcomes = append(r.outcomes, o) }, nil
}

var (
	accepted = []secret.Outcome{secret.Accepted}
	rejected = []secret.Outcome{secret.Rejected}
)

func TestRun(t *testing.T) {
	all := strings.Repeat("a line of input\n", 20_000)
	for _, tc := range []struct {
		name     string
		env      []string
		cmd      remote.Cmd
		user     string
		pass     string
		stdout   string
		stderr   string
		code     int
		err      error
		outcomes []secret.Outcome
		tries    string
	}{
		{name: "no password", cmd: remote.Cmd{Line: `echo "$SUDO_USER"; echo err >&2; exit 3`}, stdout: "root\n", stderr: "err\n", code: 3},
		{name: "words", cmd: remote.Cmd{Args: []string{"printf", "%s|", "a b", "it's"}}, stdout: "a b|it's|"},
		{name: "user", cmd: remote.Cmd{Line: `echo "$SUDO_USER"`}, user: "web", stdout: "web\n"},
		{name: "env and dir", cmd: remote.Cmd{Line: `echo "$A $PWD"`, Dir: "/", Env: map[string]string{"A": "x y"}}, stdout: "x y /\n"},
		{name: "input", cmd: remote.Cmd{Line: "cat", Stdin: strings.NewReader(all)}, stdout: all},
		{name: "password", env: []string{"PASSWORD=" + password}, pass: password, cmd: remote.Cmd{Line: "echo out; echo err >&2; exit 3"},
			stdout: "out\n", stderr: "err\n", code: 3, outcomes: accepted, tries: password + "\n"},
		{name: "password and no input", env: []string{"PASSWORD=" + password}, pass: password, cmd: remote.Cmd{Line: "cat; echo end"},
			stdout: "end\n", outcomes: accepted, tries: password + "\n"},
		{name: "password and input", env: []string{"PASSWORD=" + password, "LECTURE=1"}, pass: password, cmd: remote.Cmd{Line: "cat; echo err >&2", Stdin: strings.NewReader(all)},
			stdout: all, stderr: "err\n", outcomes: accepted, tries: password + "\n" + password + "\n"},
		{name: "lecture", env: []string{"PASSWORD=p", "LECTURE=1"}, pass: "p", cmd: remote.Cmd{Line: "echo err >&2"}, stderr: "err\n", outcomes: accepted, tries: "p\n"},
		{name: "a sudo in the command", cmd: remote.Cmd{Line: "echo x; echo 'sudo: a password is required' >&2; exit 1"}, pass: "p",
			stdout: "x\n", stderr: "sudo: a password is required\n", code: 1},
		{name: "wrong", env: []string{"PASSWORD=p"}, pass: "q", cmd: remote.Cmd{Line: "echo"}, err: secret.ErrRejected, code: 1, outcomes: rejected, tries: "q\n"},
		{name: "wrong with input", env: []string{"PASSWORD=p"}, pass: "q", cmd: remote.Cmd{Line: "cat", Stdin: strings.NewReader(all)}, err: secret.ErrRejected, code: 1, outcomes: rejected, tries: "q\n"},
		{name: "wrong, only one try", env: []string{"PASSWORD=p", "TRIES=1"}, pass: "q", cmd: remote.Cmd{Line: "echo"}, err: secret.ErrRejected, code: 1, outcomes: rejected, tries: "q\n"},
		{name: "not allowed", env: []string{"DENY=1"}, cmd: remote.Cmd{Line: "echo"}, err: ErrNotAllowed, code: 1},
		{name: "password, then not allowed", env: []string{"PASSWORD=p", "DENY=1"}, pass: "p", cmd: remote.Cmd{Line: "echo"}, err: ErrNotAllowed, code: 1, outcomes: accepted, tries: "p\n"},
		{name: "tty", env: []string{"SAYS=sudo: sorry, you must have a tty to run sudo"}, cmd: remote.Cmd{Line: "echo"}, err: ErrNoTTY, code: 1},
		{name: "not in sudoers", env: []string{"SAYS=web is not in the sudoers file.  This incident will be reported."}, cmd: remote.Cmd{Line: "echo"}, err: ErrNotAllowed, code: 1},
		{name: "sudo-rs", env: []string{"SAYS=sudo: interactive authentication is required"}, cmd: remote.Cmd{Line: "echo"}, err: ErrNoPassword, code: 1},
		{name: "no sudo", env: nil, cmd: remote.Cmd{Line: "echo"}, err: ErrNoSudo, code: 127},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := newHost(t, tc.env...)
			if tc.err == ErrNoSudo {
				bin := t.TempDir()
				os.Symlink("/bin/sh", bin+"/sh")
				sh.Env = []string{"PATH=" + bin}
			}
			keys := &ring{pass: tc.pass}
			o := Options{User: tc.user, Account: "web"}
			if tc.pass != "" {
				o.Take = keys.take
			}
			var liveOut, liveErr bytes.Buffer
			tc.cmd.Stdout, tc.cmd.Stderr = &liveOut, &liveErr
			res, err := Run(t.Context(), sh, tc.cmd, o)
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Errorf("got error %v, want %v", err, tc.err)
			}
			if err == nil {
				want := []string{tc.stdout, tc.stderr, tc.stdout, tc.stderr}
				got := []string{string(res.Stdout), string(res.Stderr), liveOut.String(), liveErr.String()}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error("-want +got\n" + diff)
				}
			}
			if res.Code != tc.code {
				t.Errorf("exit status %d, want %d", res.Code, tc.code)
			}
			if diff := cmp.Diff(tc.outcomes, keys.outcomes); diff != "" {
				t.Error("-want +got\n" + diff)
			}
			if got := tries(sh); got != tc.tries {
				t.Errorf("sudo took for passwords %q, want %q", got, tc.tries)
			}
			if err != nil {
				t.Log(err)
			}
		})
	}
}

// A password that cannot be had is asked for once, and nothing is tried.
func TestNoPassword(t *testing.T) {
	broken := errors.New("the operator has left")
	for _, stdin := range []io.Reader{nil, strings.NewReader("x\n")} {
		sh := newHost(t, "PASSWORD=p")
		keys := &ring{err: broken}
		_, err := Run(t.Context(), sh, remote.Cmd{Line: "cat", Stdin: stdin}, Options{Take: keys.take})
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		if got := tries(sh); got != "" || len(keys.accounts) != 1 || keys.accounts[0] != "sudo" {
			t.Errorf("tried %q, asked for %v", got, keys.accounts)
		}
	}
}

// Input that comes late, or never, keeps nobody waiting.
func TestSlowInput(t *testing.T) {
	sh := newHost(t, "PASSWORD=p")
	in, out := io.Pipe()
	go func() {
		io.WriteString(out, "first\n")
		time.Sleep(100 * time.Millisecond)
		io.WriteString(out, "second\n")
		out.Close()
	}()
	keys := &ring{pass: "p"}
	res, err := Run(t.Context(), sh, remote.Cmd{Line: "cat", Stdin: in}, Options{Take: keys.take})
	if err != nil || string(res.Stdout) != "first\nsecond\n" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
	in, out = io.Pipe()
	defer out.Close()
	res, err = Run(t.Context(), sh, remote.Cmd{Line: "echo done", Stdin: in}, Options{Take: keys.take})
	if err != nil || string(res.Stdout) != "done\n" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
}

func TestDeadline(t *testing.T) {
	sh := newHost(t, "PASSWORD=p")
	keys := &ring{pass: "p"}
	for _, cmd := range []remote.Cmd{
		{Line: "sleep 100"},
		{Line: "sleep 100", Stdin: strings.NewReader("x")},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := Run(ctx, sh, cmd, Options{Take: keys.take})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	if diff := cmp.Diff([]secret.Outcome{secret.Unknown, secret.Accepted}, keys.outcomes); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func TestDry(t *testing.T) {
	sh := newHost(t, "PASSWORD=p")
	sh.Dry = true
	res, err := Run(t.Context(), sh, remote.Cmd{Line: "echo"}, Options{})
	if err != nil || !res.Dry || len(sh.Ran()) > 0 {
		t.Errorf("got %+v, %v", res, err)
	}
	if _, err := Run(t.Context(), sh, remote.Cmd{Line: " "}, Options{}); err == nil {
		t.Error("an empty command was not refused")
	}
}

// The prompt is found however it is cut, and what only looks like it is not.
func TestAskerFindsPrompts(t *testing.T) {
	for size := 1; size < 40; size++ {
		s := &run{ctx: t.Context(), key: &key{}}
		a := newAsker(s, nil)
		text := "lecture" + a.prompt + "one" + a.prompt[:10] + a.prompt + a.prompt + "two" + a.prompt[:5]
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			a.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		said, prompts := a.finish()
		if want := "one" + a.prompt[:10] + "two" + a.prompt[:5]; string(said) != want || prompts != 3 {
			t.Errorf("by %d: got %q and %d prompts, want %q", size, said, prompts, want)
		}
	}
}

func TestTapeForgetsWhatIsTooMuch(t *testing.T) {
	tp := newTape(io.LimitReader(endless{}, 3*mostKept))
	first, err := tp.reader()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, first); err != nil || n != 3*mostKept {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if _, err := tp.reader(); !errors.Is(err, errInputLost) {
		t.Errorf("got %v", err)
	}
	if len(tp.kept) > 2*mostKept {
		t.Errorf("it keeps %d bytes", len(tp.kept))
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
