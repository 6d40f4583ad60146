package sudo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"
)

// standIn is a sudo for hosts that have none: it knows the flags that are used
// here, and its words are those of the real one, with which the tests on the
// farm compare it. $PASSWORD is the password that it wants, $TRIES how often, $DENY
// makes it refuse afterwards, $MORE is the code that it wants besides, $WHO whose
// password it says that it wants, $SAYS is its output instead of anything else,
// $PROMPT its prompt. Whoever becomes the user locked is rejected, denied nobody
// may become. It becomes the command, or with $FORK runs it as a child.
// Each line that it takes for a password goes into the file tries. It has no child
// before the command, which root could not tell from that.
const standIn = `#!/bin/sh
[ -z "$SAYS" ] || { echo "$SAYS" >&2; exit 1; }
prompt='[sudo] password: ' user=root
while :; do
	case $1 in
	-S) ;;
	-p) prompt=$2; shift ;;
	-u) user=$2; shift ;;
	*=*) export "$1" ;;
	--) shift; break ;;
	*) break ;;
	esac
	shift
done
case $user in
locked) PASSWORD=another ;;
denied) DENY=1 ;;
esac
case $prompt in *%p*) prompt=${prompt%%%p*}${WHO:-web}${prompt#*%p} ;; esac
prompt=${PROMPT-$prompt}
if [ -n "$PASSWORD" ]; then
	[ -z "$LECTURE" ] || printf '\nWe trust you.\n\n' >&2
	n=0 right="$PASSWORD$MORE"
	while :; do
		printf %s "$prompt" >&2
		IFS= read -r try || { printf 'sudo: no password was provided\nsudo: a password is required\n' >&2; exit 1; }
		echo "$try" >>tries
		if [ -n "$MORE" ]; then
			printf %s "$prompt" >&2
			IFS= read -r code || exit 1
			echo "$code" >>tries
			try=$try$code
		fi
		n=$((n + 1))
		[ "$try" != "$right" ] || break
		if [ "$n" -ge "${TRIES:-3}" ]; then
			echo "sudo: $n incorrect password attempt" >&2
			exit 1
		fi
		[ -z "$SLOW" ] || sleep "$SLOW"
		echo 'Sorry, try again.' >&2
	done
fi
[ -z "$DENY" ] || { echo "Sorry, user web is not allowed to execute '$*' as root on here." >&2; exit 1; }
export SUDO_USER="$user"
[ -n "$FORK" ] || exec "$@"
"$@"
`

const password = `w3b "Secret' pw`

func newHost(t *testing.T, env ...string) *remotetest.Shell {
	t.Helper()
	remotetest.NoLeaks(t)
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
	pass string
	err  error

	mu       sync.Mutex
	accounts []string
	outcomes []secret.Outcome
}

func (r *ring) take(_ context.Context, account string) (secret.Secret, secret.Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts = append(r.accounts, account)
	if r.err != nil {
		return secret.Secret{}, nil, r.err
	}
	return secret.New(r.pass), r.report, nil
}

func (r *ring) report(o secret.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, o)
}

func (r *ring) got() []secret.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcomes
}

var (
	accepted = []secret.Outcome{secret.Accepted}
	rejected = []secret.Outcome{secret.Rejected}
)

var long = strings.Repeat("a line of input\n", 20_000)

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name     string
		env      []string
		cmd      remote.Cmd
		user     string
		pass     string
		input    string
		stdout   string
		stderr   string
		code     int
		err      error
		outcomes []secret.Outcome
		tries    string
	}{
		{name: "no password", cmd: remote.Cmd{Line: `echo "$SUDO_USER"; echo err >&2; exit 3`}, stdout: "root\n", stderr: "err\n", code: 3},
		{name: "words", cmd: remote.Cmd{Args: []string{"printf", "%s|", "a b", "it's", ""}}, stdout: "a b|it's||"},
		{name: "user", cmd: remote.Cmd{Line: `echo "$SUDO_USER"`}, user: "web", stdout: "web\n"},
		{name: "env and dir", cmd: remote.Cmd{Line: `echo "$A $PWD ${LANGUAGE-none}"`, Dir: "/", Env: map[string]string{"A": "x y"}}, stdout: "x y / none\n"},
		{name: "env and dir of words", cmd: remote.Cmd{Args: []string{"sh", "-c", `echo "$A $PWD"`}, Dir: "/", Env: map[string]string{"A": "x y"}}, stdout: "x y /\n"},
		{name: "no input", cmd: remote.Cmd{Line: "cat; echo end"}, stdout: "end\n"},
		{name: "no input for words", cmd: remote.Cmd{Args: []string{"cat"}}},
		{name: "no input for words in a child", env: []string{"FORK=1"}, cmd: remote.Cmd{Args: []string{"cat"}}},
		{name: "input", cmd: remote.Cmd{Line: "cat"}, input: long, stdout: long},
		{name: "input for words", cmd: remote.Cmd{Args: []string{"cat"}}, input: long, stdout: long},
		{name: "input for words in a child", env: []string{"FORK=1"}, cmd: remote.Cmd{Args: []string{"cat"}}, input: long, stdout: long},
		{name: "input that nobody reads", cmd: remote.Cmd{Args: []string{"true"}}, input: long},
		{name: "password", env: []string{"PASSWORD=" + password}, pass: password, cmd: remote.Cmd{Line: "echo out; echo err >&2; exit 3"},
			stdout: "out\n", stderr: "err\n", code: 3, outcomes: accepted, tries: password + "\n"},
		{name: "password and no input", env: []string{"PASSWORD=" + password}, pass: password, cmd: remote.Cmd{Args: []string{"cat"}},
			outcomes: accepted, tries: password + "\n"},
		{name: "password and input", env: []string{"PASSWORD=p", "LECTURE=1"}, pass: "p", cmd: remote.Cmd{Line: "cat; echo err >&2"}, input: long,
			stdout: long, stderr: "err\n", outcomes: accepted, tries: "p\n"},
		{name: "password and input for words", env: []string{"PASSWORD=p", "FORK=1"}, pass: "p", cmd: remote.Cmd{Args: []string{"cat"}}, input: long,
			stdout: long, outcomes: accepted, tries: "p\n"},
		{name: "password, and words that fail at once", env: []string{"PASSWORD=p", "FORK=1"}, pass: "p", cmd: remote.Cmd{Args: []string{"sh", "-c", "echo no >&2; exit 1"}},
			code: 1, stderr: "no\n", outcomes: accepted, tries: "p\n"},
		{name: "empty password", env: []string{"PASSWORD=p"}, cmd: remote.Cmd{Line: "echo"}, err: secret.ErrRejected, outcomes: rejected, tries: "\n"},
		{name: "a prompt in the output", cmd: remote.Cmd{Line: "echo '[sudo] password for web: ' >&2; echo '<ABC:asks web>' >&2; cat"}, pass: "p",
			stderr: "[sudo] password for web: \n<ABC:asks web>\n"},
		{name: "a sudo in the command", cmd: remote.Cmd{Line: "echo 'sudo: a password is required' >&2; exit 1"}, pass: "p",
			stderr: "sudo: a password is required\n", code: 1},
		{name: "wrong", env: []string{"PASSWORD=p"}, pass: "q", cmd: remote.Cmd{Line: "echo"}, err: secret.ErrRejected, outcomes: rejected, tries: "q\n"},
		{name: "wrong with input", env: []string{"PASSWORD=p"}, pass: "q", cmd: remote.Cmd{Args: []string{"cat"}}, input: "p\np\n", err: secret.ErrRejected, outcomes: rejected, tries: "q\n"},
		{name: "wrong, only one try", env: []string{"PASSWORD=p", "TRIES=1"}, pass: "q", cmd: remote.Cmd{Args: []string{"echo"}}, err: secret.ErrRejected, outcomes: rejected, tries: "q\n"},
		{name: "not allowed", env: []string{"DENY=1"}, cmd: remote.Cmd{Line: "echo"}, err: ErrNotAllowed},
		{name: "password, then not allowed", env: []string{"PASSWORD=p", "DENY=1"}, pass: "p", cmd: remote.Cmd{Args: []string{"echo"}}, err: ErrNotAllowed, outcomes: accepted, tries: "p\n"},
		{name: "tty", env: []string{"SAYS=sudo: sorry, you must have a tty to run sudo"}, cmd: remote.Cmd{Args: []string{"echo"}}, err: ErrNoTTY},
		{name: "not in sudoers", env: []string{"SAYS=web is not in the sudoers file.  This incident will be reported."}, cmd: remote.Cmd{Args: []string{"echo"}}, err: ErrNotAllowed},
		{name: "sudo-rs", env: []string{"SAYS=sudo: interactive authentication is required"}, cmd: remote.Cmd{Line: "echo"}, err: ErrNoPassword},
		{name: "unknown reason", env: []string{"SAYS=sudo: the moon is full"}, cmd: remote.Cmd{Line: "echo"}, err: ErrNotRun},
		{name: "no sudo", cmd: remote.Cmd{Line: "echo"}, err: ErrNoSudo},
		{name: "no sudo for words", cmd: remote.Cmd{Args: []string{"echo"}}, err: ErrNoSudo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := newHost(t, tc.env...)
			if tc.err == ErrNoSudo {
				bin := t.TempDir()
				os.Symlink("/bin/sh", bin+"/sh")
				sh.Env = []string{"PATH=" + bin}
			}
			keys := &ring{pass: tc.pass}
			var liveOut, liveErr bytes.Buffer
			tc.cmd.Stdout, tc.cmd.Stderr = &liveOut, &liveErr
			if tc.input != "" {
				tc.cmd.Stdin = strings.NewReader(tc.input)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			res, err := Run(ctx, sh, tc.cmd, Options{User: tc.user, Take: keys.take})
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Errorf("got error %v, want %v", err, tc.err)
			}
			if err == nil {
				want := []string{tc.stdout, tc.stderr, tc.stdout, tc.stderr, fmt.Sprint(tc.code)}
				got := []string{string(res.Stdout), string(res.Stderr), liveOut.String(), liveErr.String(), fmt.Sprint(res.Code)}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error("-want +got\n" + diff)
				}
			}
			if diff := cmp.Diff(tc.outcomes, keys.got()); diff != "" {
				t.Error("-want +got\n" + diff)
			}
			if got := tries(sh); got != tc.tries {
				t.Errorf("sudo took for passwords %q, want %q", got, tc.tries)
			}
			if e, ok := errors.AsType[*Error](err); ok {
				t.Logf("%s: %v; hint: %s; it said %q", e.Kind(), e, e.Hint(), e.Output())
			}
		})
	}
}

// A password that cannot be had is asked for once, and nothing is tried.
func TestNoPassword(t *testing.T) {
	broken := errors.New("the operator has left")
	for name, tc := range map[string]struct {
		keys *ring
		want error
	}{
		"asking fails": {&ring{err: broken}, broken},
		"nobody asks":  {nil, ErrNoPassword},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newHost(t, "PASSWORD=p")
			var o Options
			if tc.keys != nil {
				o.Take = tc.keys.take
			}
			_, err := Run(t.Context(), sh, remote.Cmd{Line: "cat", Stdin: strings.NewReader("x\n")}, o)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if got := tries(sh); got != "" || tc.keys != nil && len(tc.keys.accounts) != 1 {
				t.Errorf("tried %q", got)
			}
		})
	}
}

// TestHostChoosesSecret: a host that asks for another account's secret in the form
// of our own prompt is sent nothing, and no secret is taken for it.
func TestHostChoosesSecret(t *testing.T) {
	script, err := os.ReadFile("testdata/host-chooses-secret")
	if err != nil {
		t.Fatal(err)
	}
	for want, hint := range map[string]string{
		"passphrase for /home/op/.ssh/id_op": "look at the sudo that the host has first",
		"root":                               `sudo_account = "root"`,
		"rel@127.0.0.1:/cvsroot":             "look at the sudo",
	} {
		for name, cmd := range map[string]remote.Cmd{"line": {Line: "id"}, "words": {Args: []string{"id"}}} {
			t.Run(name+" "+want, func(t *testing.T) {
				sh := newHost(t)
				bin, _, _ := strings.Cut(strings.TrimPrefix(sh.Env[0], "PATH="), ":")
				// root's sudo asks nothing, and all below it counts as the command.
				const notRoot = "#!/bin/sh\ncase $1 in -ru) echo 1000 ;; *) PATH=/usr/bin:/bin exec id \"$@\" ;; esac\n"
				for file, text := range map[string]string{"sudo": string(script), "want": want, "id": notRoot} {
					if err := os.WriteFile(filepath.Join(bin, file), []byte(text), 0o755); err != nil {
						t.Fatal(err)
					}
				}
				keys := &ring{pass: "of another account"}
				_, err := Run(t.Context(), sh, cmd, Options{Account: "web", Take: keys.take})
				other, is := errors.AsType[*secret.OtherError](err)
				if !is || other.Asked != want || other.Gives != "web" {
					t.Errorf("got %v", err)
				}
				if e, ok := errors.AsType[*Error](err); ok && (e.Kind() != "login" || !strings.Contains(e.Hint(), hint)) {
					t.Errorf("kind %s, hint %s", e.Kind(), e.Hint())
				}
				if stolen, _ := os.ReadFile(filepath.Join(bin, "stolen")); strings.TrimSpace(string(stolen)) != "" || keys.accounts != nil {
					t.Errorf("sent %q of %q", stolen, keys.accounts)
				}
			})
		}
	}
}

// TestAccount: sudo gets the password of the account that the caller names.
func TestAccount(t *testing.T) {
	for _, tc := range []struct{ who, account, want string }{
		{"web", "web", "web"}, {"root", "root", "root"}, {"%p", "web", "web"}, {"web", "", "sudo"},
	} {
		sh := newHost(t, "PASSWORD=p", "WHO="+tc.who)
		keys := &ring{pass: "p"}
		res, err := Run(t.Context(), sh, remote.Cmd{Line: "echo done"}, Options{Account: tc.account, Take: keys.take})
		if err != nil || string(res.Stdout) != "done\n" || len(keys.accounts) != 1 || keys.accounts[0] != tc.want {
			t.Errorf("%+v: got %q of %q, %v", tc, res.Stdout, keys.accounts, err)
		}
	}
}

// TestMore: a second question after the password is the operator's to answer, and
// says nothing about the password.
func TestMore(t *testing.T) {
	unknown := []secret.Outcome{secret.Unknown}
	for name, tc := range map[string]struct {
		pass, answer string
		asked        bool
		err          error
		outcomes     []secret.Outcome
		tries        string
	}{
		"right":          {"p", "714233", true, nil, accepted, "p\n714233\n"},
		"wrong code":     {"p", "000000", true, ErrMoreRejected, unknown, "p\n000000\n"},
		"wrong password": {"q", "714233", true, ErrMoreRejected, unknown, "q\n714233\n"},
		"nobody to ask":  {"p", "", false, ErrMore, unknown, "p\n"},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newHost(t, "PASSWORD=p", "MORE=714233")
			keys := &ring{pass: tc.pass}
			var asked []string
			o := Options{Account: "web", Take: keys.take}
			if tc.asked {
				o.Answer = func(_ context.Context, question string, echo bool) (secret.Secret, error) {
					asked = append(asked, fmt.Sprint(question, echo))
					return secret.New(tc.answer), nil
				}
			}
			res, err := Run(t.Context(), sh, remote.Cmd{Args: []string{"cat"}, Stdin: strings.NewReader("in\n")}, o)
			if !errors.Is(err, tc.err) || tc.err == nil && (err != nil || string(res.Stdout) != "in\n") {
				t.Errorf("got %q, %v", res.Stdout, err)
			}
			if diff := cmp.Diff(tc.outcomes, keys.got()); diff != "" {
				t.Error("-want +got\n" + diff)
			}
			if got := tries(sh); got != tc.tries {
				t.Errorf("sudo got %q, want %q", got, tc.tries)
			}
			if tc.asked != (len(asked) == 1) || tc.asked && !strings.Contains(asked[0], "more than the password of web, such as a codefalse") {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

// Input that comes late, or never, keeps nobody waiting.
func TestSlowInput(t *testing.T) {
	sh := newHost(t, "PASSWORD=p")
	in, out := io.Pipe()
	go func() {
		io.WriteString(out, "first\n")
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

// Other hosts get the password as soon as sudo has taken it, not when the
// command has ended.
func TestAcceptedEarly(t *testing.T) {
	for name, cmd := range map[string]remote.Cmd{
		"line":  {Line: "read word; echo $word"},
		"words": {Args: []string{"sh", "-c", "read word; echo $word"}},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newHost(t, "PASSWORD=p", "FORK=1")
			ring := &secret.Keyring{Ask: func(context.Context, string) (secret.Secret, error) { return secret.New("p"), nil }}
			in, out := io.Pipe()
			cmd.Stdin = in
			ended := make(chan remote.Result)
			go func() {
				res, _ := Run(t.Context(), sh, cmd, Options{Take: ring.Take})
				ended <- res
			}()
			other, err := Run(t.Context(), sh, remote.Cmd{Line: "echo other"}, Options{Take: ring.Take})
			if err != nil || string(other.Stdout) != "other\n" {
				t.Errorf("got %q, %v", other.Stdout, err)
			}
			io.WriteString(out, "go\n")
			out.Close()
			if res := <-ended; string(res.Stdout) != "go\n" {
				t.Errorf("got %q", res.Stdout)
			}
		})
	}
}

// Of many hosts one tries a wrong password, and the others do not see it.
func TestOneTriesForAll(t *testing.T) {
	before := goleak.IgnoreCurrent()
	defer goleak.VerifyNone(t, before)
	ring := &secret.Keyring{Ask: func(context.Context, string) (secret.Secret, error) { return secret.New("q"), nil }}
	hosts := make([]*remotetest.Shell, 5)
	var all sync.WaitGroup
	for i := range hosts {
		hosts[i] = newHost(t, "PASSWORD=p")
		all.Go(func() {
			_, err := Run(t.Context(), hosts[i], remote.Cmd{Line: "echo"}, Options{Take: ring.Take})
			if !errors.Is(err, secret.ErrRejected) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	tried := ""
	for _, h := range hosts {
		tried += tries(h)
	}
	if tried != "q\n" {
		t.Errorf("tried %q", tried)
	}
}

// patient is for tests of the processes left behind: nothing ends behind their
// back, however busy the machine is.
var patient = patience{idle: time.Minute, busy: time.Minute, aside: time.Minute}

// expire ends a context as a deadline does, as soon as happened says so.
func expire(ctx context.Context, cancel context.CancelCauseFunc, happened func() bool) {
	for ctx.Err() == nil {
		if happened() {
			cancel(context.DeadlineExceeded)
		}
		runtime.Gosched()
	}
}

func TestDeadline(t *testing.T) {
	for _, tc := range []struct {
		name     string
		env      []string
		pass     string
		cmd      remote.Cmd
		outcomes []secret.Outcome
	}{
		{"line", []string{"PASSWORD=p"}, "p", remote.Cmd{Line: "echo $$ >pid; echo hello >&2; sleep 100"}, accepted},
		{"words", []string{"PASSWORD=p", "FORK=1"}, "p", remote.Cmd{Args: []string{"sh", "-c", "echo $$ >pid; echo hello >&2; sleep 100"}}, accepted},
		{"deaf to TERM", []string{"PASSWORD=p"}, "p", remote.Cmd{Line: "trap '' TERM; echo $$ >pid; echo hello >&2; sleep 100"}, accepted},
		{"unused input", nil, "", remote.Cmd{Line: "echo $$ >pid; echo hello >&2; sleep 100", Stdin: strings.NewReader(long)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := newHost(t, tc.env...)
			keys := &ring{pass: tc.pass}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			heard := make(remotetest.Signal, 1)
			tc.cmd.Stderr = heard
			go expire(ctx, cancel, func() bool { return len(heard) > 0 })
			res, err := Run(ctx, sh, tc.cmd, Options{Take: keys.take, patience: patient})
			if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(string(res.Stderr), "hello\n") {
				t.Errorf("got %q, %v", res.Stderr, err)
			}
			if diff := cmp.Diff(tc.outcomes, keys.got()); diff != "" {
				t.Error("-want +got\n" + diff)
			}
			pid, err := os.ReadFile(sh.Dir + "/pid")
			if err != nil {
				t.Fatal(err)
			}
			if state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/status"); err == nil && !strings.Contains(string(state), "Z (zombie)") {
				t.Errorf("the command is left behind:\n%s", state)
			}
		})
	}
}

// A password about which sudo has said nothing when the time is over might be
// wrong: better not to try it again.
func TestDeadlineBeforeVerdict(t *testing.T) {
	sh := newHost(t, "PASSWORD=p", "SLOW=100")
	keys := &ring{pass: "q"}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go expire(ctx, cancel, func() bool { return tries(sh) != "" })
	_, err := Run(ctx, sh, remote.Cmd{Line: "echo"}, Options{Take: keys.take})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(rejected, keys.got()); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// While the operator thinks, a deadline is kept.
func TestDeadlineBeforeAnswer(t *testing.T) {
	sh := newHost(t, "PASSWORD=p")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Run(ctx, sh, remote.Cmd{Line: "echo"}, Options{Take: func(ctx context.Context, _ string) (secret.Secret, secret.Report, error) {
		cancel(context.DeadlineExceeded)
		<-ctx.Done()
		return secret.Secret{}, nil, context.Cause(ctx)
	}})
	if !errors.Is(err, context.DeadlineExceeded) || tries(sh) != "" {
		t.Errorf("got %v, tried %q", err, tries(sh))
	}
}

// heard is a host of whose standard error somebody is told each piece.
type heard struct {
	*remotetest.Shell
	told func(piece string)
}

func (h heard) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	to := cmd.Stderr
	cmd.Stderr = writer(func(p []byte) (int, error) {
		defer h.told(string(p))
		return to.Write(p)
	})
	return h.Shell.Run(ctx, cmd)
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// A sudo that asks in a way of its own is ended at the deadline, and what it
// asks is in the result.
func TestForeignPrompt(t *testing.T) {
	sh := newHost(t, "PASSWORD=p", "PROMPT=Verification code: ")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	host := heard{sh, func(piece string) {
		if strings.Contains(piece, "code: ") {
			cancel(context.DeadlineExceeded)
		}
	}}
	keys := &ring{pass: "p"}
	res, err := Run(ctx, host, remote.Cmd{Line: "echo"}, Options{Take: keys.take})
	if !errors.Is(err, context.DeadlineExceeded) || tries(sh) != "" || string(res.Stderr) != "Verification code: " {
		t.Errorf("got %q, %v, tried %q", res.Stderr, err, tries(sh))
	}
}

func TestDry(t *testing.T) {
	sh := newHost(t, "PASSWORD=p")
	sh.Dry = true
	res, err := Run(t.Context(), sh, remote.Cmd{Line: "echo"}, Options{})
	if err != nil || !res.Dry || len(sh.Ran()) > 0 {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestBadCommands(t *testing.T) {
	for _, cmd := range []remote.Cmd{{}, {Line: " "}, {Args: []string{}}, {Args: []string{""}}, {Line: "a\x00b"}, {Line: "x", Env: map[string]string{"a b": ""}}} {
		sh := newHost(t)
		if _, err := Run(t.Context(), sh, cmd, Options{}); err == nil || len(sh.Ran()) > 0 {
			t.Errorf("%q: got %v, ran %v", cmd, err, sh.Ran())
		}
	}
}
