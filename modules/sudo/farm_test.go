package sudo_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
	"farmrun/modules/ssh"
	"farmrun/modules/sudo"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 2) }

// login logs in to a web server of the farm by key, until the test ends.
func login(t *testing.T, user string) *ssh.Client {
	t.Helper()
	farm.Need(t)
	client, err := (&ssh.Dialer{ConfigFile: farm.Config(""), Home: farm.Home()}).Dial(t.Context(), "webserv1", ssh.Options{User: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// root runs a shell script as root on webserv1, by its back door.
func root(t *testing.T, script string) string {
	t.Helper()
	return farm.Exec(t, "webserv1", "sh", "-c", script)
}

// sudoers puts lines behind those of the sudoers of webserv1, until the test
// ends.
func sudoers(t *testing.T, lines string) {
	t.Helper()
	root(t, "printf '%s\\n' '"+lines+"' >>/etc/sudoers")
	t.Cleanup(func() { root(t, strings.Repeat("sed -i '$d' /etc/sudoers;", 1+strings.Count(lines, "\n"))) })
}

// keys gives out one password, and notes what became of it.
func keys(pass string) (take sudo.Take, outcomes *[]secret.Outcome) {
	outcomes = new([]secret.Outcome)
	return func(_ context.Context, account string) (secret.Secret, secret.Report, error) {
		if account != "web" {
			return secret.Secret{}, nil, fmt.Errorf("sudo wants the password of %s", account)
		}
		return secret.New(pass), func(o secret.Outcome) { *outcomes = append(*outcomes, o) }, nil
	}, outcomes
}

func TestFarm(t *testing.T) {
	for _, tc := range []struct {
		name     string
		user     string
		sudoers  string
		pam      string // goes before sudo's own
		cmd      remote.Cmd
		as       string
		look     bool
		pass     string
		stdout   string
		code     int
		err      error
		outcomes []secret.Outcome
	}{
		{name: "no password", user: "deploy", cmd: remote.Cmd{Line: "id -un; cat"}, stdout: "root\n"},
		{name: "no password, another user", user: "deploy", as: "web", cmd: remote.Cmd{Args: []string{"id", "-un"}}, stdout: "web\n"},
		{name: "no password and input", user: "deploy", cmd: remote.Cmd{Line: "cat", Stdin: strings.NewReader("in\n")}, stdout: "in\n"},
		{name: "no password and no input for words", user: "deploy", cmd: remote.Cmd{Args: []string{"cat"}}},
		{name: "no password and input for words", user: "deploy", cmd: remote.Cmd{Args: []string{"cat"}, Stdin: strings.NewReader("in\n")}, stdout: "in\n"},
		{name: "environment", user: "deploy", cmd: remote.Cmd{Args: []string{"sh", "-c", "echo $A"}, Env: map[string]string{"A": "b c"}}, stdout: "b c\n"},
		{name: "no environment", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id"}, Env: map[string]string{"A": "b c"}}, err: sudo.ErrNotAllowed, outcomes: accepted},
		{name: "a directory that only root may enter", user: "deploy", cmd: remote.Cmd{Line: "pwd", Dir: "/root"}, stdout: "/root\n"},
		{name: "a narrow rule", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "root\n", outcomes: accepted},
		{name: "a narrow rule and input", user: "web", sudoers: "web ALL = (root) /usr/bin/cat", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/cat"}, Stdin: strings.NewReader("in\n")}, stdout: "in\n", outcomes: accepted},
		{name: "a narrow rule, and a terminal for the command", user: "web", sudoers: "Defaults use_pty", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "root\n", outcomes: accepted},
		{name: "a helper of PAM's", user: "web", sudoers: "web ALL = (root) ALL", pam: "auth optional pam_exec.so quiet /bin/sleep 1", pass: farm.Password,
			cmd: remote.Cmd{Args: []string{"sh", "-c", "cat >&1"}, Stdin: strings.NewReader("in\n")}, stdout: "in\n", outcomes: accepted},
		{name: "a helper of PAM's, and no input", user: "web", pam: "auth optional pam_exec.so quiet /bin/sleep 1", pass: farm.Password,
			cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "root\n", outcomes: accepted},
		{name: "the user's own group", user: "web", sudoers: "web ALL = (web) ALL", as: "web",
			cmd: remote.Cmd{Args: []string{"env", "A=b", "cat"}, Stdin: strings.NewReader("in\n")}, stdout: "in\n"},
		{name: "a line with a password", user: "web", sudoers: "web ALL = (root) /bin/sh", pass: farm.Password, cmd: remote.Cmd{Line: "cat\nid -un", Stdin: strings.NewReader("in\n")}, stdout: "in\nroot\n", outcomes: accepted},
		{name: "a lecture", user: "web", sudoers: "Defaults lecture=always", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "root\n", outcomes: accepted},
		{name: "not allowed", user: "web", pass: farm.Password, cmd: remote.Cmd{Line: "id -un"}, err: sudo.ErrNotAllowed, outcomes: accepted},
		{name: "words that are not allowed", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"cat", "/etc/shadow"}}, err: sudo.ErrNotAllowed, outcomes: accepted},
		{name: "wrong", user: "web", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: secret.ErrRejected, outcomes: rejected},
		{name: "wrong, by the only try", user: "web", sudoers: "Defaults passwd_tries=1", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: secret.ErrRejected, outcomes: rejected},
		{name: "wrong and input", user: "web", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}, Stdin: strings.NewReader(farm.Password + "\nagain\n")}, err: secret.ErrRejected, outcomes: rejected},
		{name: "in German", user: "web", sudoers: "Defaults env_keep += LANG", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: secret.ErrRejected, outcomes: rejected},
		{name: "none", user: "web", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: sudo.ErrNoPassword},
		{name: "fails", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "nobody-here"}}, code: 1, outcomes: accepted},
		{name: "requiretty", user: "web", sudoers: "Defaults requiretty", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "root\n", outcomes: accepted},
		{name: "requiretty, and fails", user: "web", sudoers: "Defaults requiretty", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "nobody-here"}}, code: 1, outcomes: accepted},
		{name: "requiretty and input", user: "web", sudoers: "Defaults requiretty\nweb ALL = (root) /bin/sh", pass: farm.Password, cmd: remote.Cmd{Line: "cat; tty", Stdin: strings.NewReader("a\x04\r\nb")}, stdout: "a\x04\r\nbnot a tty\n", code: 1, outcomes: accepted},
		{name: "requiretty and wrong", user: "web", sudoers: "Defaults requiretty", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: secret.ErrRejected, outcomes: rejected},
		{name: "requiretty and csh", user: "csh", sudoers: "Defaults requiretty", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: sudo.ErrNoPassword},
		{name: "no such user", user: "deploy", as: "nobody-here", cmd: remote.Cmd{Args: []string{"id"}}, err: sudo.ErrNotRun},
		{name: "no such program", user: "deploy", cmd: remote.Cmd{Args: []string{"no-such-program"}}, err: sudo.ErrNotRun},
		{name: "look, allowed", user: "web", look: true, pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "/usr/bin/id -un\n", outcomes: accepted},
		{name: "look, no password", user: "deploy", look: true, cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, stdout: "/usr/bin/id\n"},
		{name: "look, not allowed", user: "web", look: true, pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/cat"}}, err: sudo.ErrNotAllowed, outcomes: accepted},
		{name: "look, a line that is not allowed", user: "web", look: true, pass: farm.Password, cmd: remote.Cmd{Line: "id"}, err: sudo.ErrNotAllowed, outcomes: accepted},
		{name: "look, wrong", user: "web", look: true, pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: secret.ErrRejected, outcomes: rejected},
		{name: "look, none", user: "web", look: true, cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: sudo.ErrNoPassword},
		{name: "csh", user: "csh", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: sudo.ErrNoPassword},
	} {
		t.Run(tc.name, func(t *testing.T) {
			host := login(t, tc.user)
			if tc.sudoers != "" {
				sudoers(t, tc.sudoers)
			}
			if tc.pam != "" {
				root(t, "cp /etc/pam.d/sudo /etc/pam.sudo; sed -i '1i "+tc.pam+"' /etc/pam.d/sudo")
				t.Cleanup(func() { root(t, "mv /etc/pam.sudo /etc/pam.d/sudo") })
			}
			o := sudo.Options{User: tc.as, Account: tc.user, Look: tc.look}
			take, outcomes := keys(tc.pass)
			if tc.pass != "" {
				o.Take = take
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			res, err := sudo.Run(ctx, host, tc.cmd, o)
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.err)
			}
			if err == nil && (string(res.Stdout) != tc.stdout || res.Code != tc.code) {
				t.Errorf("got %d, %q, %q", res.Code, res.Stdout, res.Stderr)
			}
			if err == nil && tc.code == 0 && len(res.Stderr) > 0 {
				t.Errorf("got %q", res.Stderr)
			}
			if diff := gocmp.Diff(tc.outcomes, *outcomes); diff != "" {
				t.Error("-want +got\n" + diff)
			}
			if e, ok := errors.AsType[*sudo.Error](err); ok {
				t.Logf("%s: %v; it said %q", e.Kind(), e, e.Output())
			}
		})
	}
}

var (
	accepted = []secret.Outcome{secret.Accepted}
	rejected = []secret.Outcome{secret.Rejected}
)

// The password of the login serves sudo: it is asked for once, for all hosts.
func TestFarmOnePassword(t *testing.T) {
	farm.Need(t)
	var questions atomic.Int32
	ring := &secret.Keyring{Ask: func(_ context.Context, account string) (secret.Secret, error) {
		questions.Add(1)
		return secret.New(farm.Password), nil
	}}
	dialer := &ssh.Dialer{ConfigFile: farm.Config("password"), Home: farm.Home(), Passwords: ring}
	for _, name := range farm.WebServers() {
		host, err := dialer.Dial(t.Context(), name, ssh.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		res, err := sudo.Run(t.Context(), host, remote.Cmd{Args: []string{"/usr/bin/id", "-u"}}, sudo.Options{Account: "web", Take: ring.Take})
		if err != nil || string(res.Stdout) != "0\n" {
			t.Errorf("%s: got %q, %v", name, res.Stdout, err)
		}
	}
	if questions.Load() != 1 {
		t.Errorf("%d questions, want 1", questions.Load())
	}
}

// Where sudo remembers, it does not ask, and what it remembers stays as it was.
func TestFarmTicket(t *testing.T) {
	host := login(t, "web")
	sudoers(t, "Defaults timestamp_type=global")
	defer root(t, "rm -f /run/sudo/ts/web")
	take, outcomes := keys(farm.Password)
	for range 2 {
		res, err := sudo.Run(t.Context(), host, remote.Cmd{Args: []string{"/usr/bin/id", "-u"}, Stdin: strings.NewReader("x\n")}, sudo.Options{Account: "web", Take: take})
		if err != nil || string(res.Stdout) != "0\n" {
			t.Errorf("got %q, %v", res.Stdout, err)
		}
	}
	if diff := gocmp.Diff(accepted, *outcomes); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// faillock makes sudo on webserv1 count wrong passwords, as where three lock an
// account, until the test ends. counted returns the count, and begins anew.
func faillock(t *testing.T) (counted func() int) {
	const pam = "auth required pam_faillock.so preauth\n" +
		"auth sufficient pam_unix.so nodelay\n" +
		"auth [default=die] pam_faillock.so authfail\n" +
		"account required pam_unix.so\n"
	root(t, "mkdir -p /var/run/faillock; cp /etc/pam.d/sudo /tmp/pam-sudo; printf '"+pam+"' >/etc/pam.d/sudo")
	t.Cleanup(func() { root(t, "mv /tmp/pam-sudo /etc/pam.d/sudo") })
	return func() int {
		n := strings.Count(root(t, "faillock --user web"), " V\n")
		root(t, "faillock --user web --reset")
		return n
	}
}

// A helper of PAM may take longer than sudo needs to begin a command: it is no
// command, and nothing of the input is taken for a password.
func TestFarmSlowHelper(t *testing.T) {
	host := login(t, "web")
	counted := faillock(t)
	root(t, "sed -i '1i auth optional pam_exec.so quiet /usr/bin/sleep 0.5' /etc/pam.d/sudo")
	sudoers(t, "web ALL = /usr/bin/cat")
	take, outcomes := keys(farm.Password)
	res, err := sudo.Run(t.Context(), host, remote.Cmd{Args: []string{"/usr/bin/cat"}, Stdin: strings.NewReader("a\nb\nc\n")}, sudo.Options{Account: "web", Take: take})
	if err != nil || string(res.Stdout) != "a\nb\nc\n" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
	if n := counted(); n != 0 {
		t.Errorf("%d wrong passwords were counted", n)
	}
	if diff := gocmp.Diff(accepted, *outcomes); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// A wrong password is tried once, and what is not answered is no try, by the
// count of PAM.
func TestFarmTriesOnce(t *testing.T) {
	host := login(t, "web")
	counted := faillock(t)
	take, _ := keys("wrong")
	ctx, cancel := context.WithCancelCause(t.Context())
	late := func(ctx context.Context, _ string) (secret.Secret, secret.Report, error) {
		cancel(context.DeadlineExceeded)
		<-ctx.Done()
		return secret.Secret{}, nil, context.Cause(ctx)
	}
	for _, tc := range []struct {
		name  string
		stdin io.Reader
		take  sudo.Take
		err   error
		tries int
	}{
		{"wrong", nil, take, secret.ErrRejected, 1},
		{"wrong with input", strings.NewReader("a\nb\nc\n"), take, secret.ErrRejected, 1},
		{"no password", nil, nil, sudo.ErrNoPassword, 0},
		{"no answer in time", nil, late, context.DeadlineExceeded, 0}, // the last: the time is over then
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := sudo.Run(ctx, host, remote.Cmd{Args: []string{"/usr/bin/id"}, Stdin: tc.stdin}, sudo.Options{Account: "web", Take: tc.take})
			if !errors.Is(err, tc.err) {
				t.Errorf("got %v", err)
			}
			if n := counted(); n != tc.tries {
				t.Errorf("%d wrong passwords were counted, want %d", n, tc.tries)
			}
		})
	}
}

// When the time of a command is over nothing of it is left behind, if sudoers
// lets that be done.
func TestFarmDeadline(t *testing.T) {
	const line = "sleep 7001 & setsid sleep 7001 & sh -c 'sleep 7001; true'"
	for _, tc := range []struct {
		name    string
		user    string
		sudoers string
		cmd     remote.Cmd
		most    int    // how many sleeps it has; 0 is 3
		left    string // what may be left
	}{
		{name: "no password", user: "deploy", cmd: remote.Cmd{Line: line}},
		{name: "words without a password", user: "deploy", cmd: remote.Cmd{Args: []string{"sh", "-c", line}}},
		{name: "line", user: "web", sudoers: "web ALL = ALL", cmd: remote.Cmd{Line: line}},
		{name: "only lines are allowed", user: "web", sudoers: "web ALL = /bin/sh", cmd: remote.Cmd{Line: line}},
		{name: "deaf to TERM", user: "web", sudoers: "web ALL = ALL", cmd: remote.Cmd{Line: "trap '' TERM; " + line}},
		{name: "words", user: "web", sudoers: "web ALL = ALL", cmd: remote.Cmd{Args: []string{"sh", "-c", line}}},
		{name: "terminal", user: "web", sudoers: "Defaults use_pty\nweb ALL = ALL", cmd: remote.Cmd{Line: line}},
		{name: "requiretty", user: "web", sudoers: "Defaults requiretty\nweb ALL = ALL", cmd: remote.Cmd{Line: line}},
		{name: "another user", user: "web", sudoers: "web ALL = (deploy) ALL", cmd: remote.Cmd{Line: line}},
		{name: "a narrow rule", user: "web", sudoers: "web ALL = /usr/bin/sleep", cmd: remote.Cmd{Args: []string{"/usr/bin/sleep", "7001"}}, most: 1},
		{name: "a narrow rule for what has children", user: "web", sudoers: "web ALL = /usr/bin/timeout", cmd: remote.Cmd{Args: []string{"/usr/bin/timeout", "--foreground", "-s", "HUP", "7001", "sleep", "7001"}}, most: 1},
		{name: "a narrow rule for what leaves children behind", user: "web", sudoers: "web ALL = /usr/bin/env", cmd: remote.Cmd{Args: []string{"/usr/bin/env", "sh", "-c", "sleep 7001; true"}}, most: 1, left: "sleep 7001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			host := login(t, tc.user)
			for line := range strings.Lines(tc.sudoers) {
				sudoers(t, strings.TrimSpace(line))
			}
			defer root(t, "pkill -KILL -f '[s]leep 7001' || true")
			take, outcomes := keys(farm.Password)
			o := sudo.Options{Account: "web", Take: take}
			if tc.name == "another user" {
				o.User = "deploy"
			}
			err := runUntil(t, host, tc.cmd, o, "sleep 7001", cmp.Or(tc.most, 3))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if tc.user == "web" && !gocmp.Equal(accepted, *outcomes) {
				t.Errorf("the password was %v", *outcomes)
			}
			if left := left(t, "sleep 7001", tc.left); left != tc.left {
				t.Errorf("left behind: %q, want %q", left, tc.left)
			}
			if tc.left != "" && !strings.Contains(err.Error(), tc.left) {
				t.Errorf("the error does not name what is left: %v", err)
			}
			t.Log(err)
		})
	}
}

// runUntil runs a command until the host has so many processes with the words,
// and then has its time be over.
func runUntil(t *testing.T, host sudo.Runner, cmd remote.Cmd, o sudo.Options, words string, most int) error {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() {
		_, err := sudo.Run(ctx, host, cmd, o)
		ended <- err
	}()
	for n := 0; n < most && len(ended) == 0; {
		fmt.Sscan(root(t, "pgrep -xfc '(/usr/bin/)?"+words+"' || true"), &n)
	}
	cancel(context.DeadlineExceeded)
	return <-ended
}

// left returns the commands on the host that have words in them, once only may,
// the permitted ones, are left: on a busy machine the ending goes on behind the
// runner's back.
func left(t *testing.T, words, may string) (found string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		found = strings.TrimSpace(root(t, fmt.Sprintf("pgrep -af '[%s]%s' | cut -d' ' -f2- || true", words[:1], words[1:])))
		if found == may {
			break
		}
	}
	return found
}

// A deadline that comes when the command has begun and nobody knows it yet leaves
// nothing behind either.
func TestFarmDeadlineAtTheBegin(t *testing.T) {
	host := login(t, "web")
	sudoers(t, "web ALL = ALL")
	defer root(t, "pkill -KILL -x sleep || true")
	take, outcomes := keys(farm.Password)
	cmd := remote.Cmd{Args: []string{"sh", "-c", "sleep 7002 & sleep 7002"}}
	if err := runUntil(t, host, cmd, sudo.Options{Account: "web", Take: take}, "sleep 7002", 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if left := left(t, "sleep 7002", ""); left != "" {
		t.Errorf("left behind: %q", left)
	}
	if !gocmp.Equal(accepted, *outcomes) {
		t.Errorf("the password was %v", *outcomes)
	}
}

// observed is a host that tells when the first of a command's input is on its way.
type observed struct {
	sudo.Runner
	typed func()
}

func (o observed) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if cmd.Stdin != nil {
		cmd.Stdin = telling{cmd.Stdin, o.typed}
	}
	return o.Runner.Run(ctx, cmd)
}

type telling struct {
	io.Reader
	typed func()
}

func (r telling) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.typed()
	}
	return n, err
}

// A deadline that comes while sudo takes its time over a wrong password is
// kept, and the password is tried nowhere else, whether the verdict comes while
// sudo is ended or not.
func TestFarmDeadlineBeforeVerdict(t *testing.T) {
	host := login(t, "web")
	root(t, "sed -i.was 's/ nodelay//' /etc/pam.d/*; rm -f /etc/pam.d/*.was.was")
	defer root(t, "for f in /etc/pam.d/*.was; do mv \"$f\" \"${f%.was}\"; done")
	take, outcomes := keys("wrong")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	typed := func() { cancel(context.DeadlineExceeded) }
	_, err := sudo.Run(ctx, observed{host, typed}, remote.Cmd{Args: []string{"/usr/bin/id"}}, sudo.Options{Account: "web", Take: take})
	known := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, secret.ErrRejected)
	if !known {
		t.Errorf("got %v", err)
	}
	if !gocmp.Equal(rejected, *outcomes) {
		t.Errorf("the password was %v", *outcomes)
	}
	t.Log(err)
}

// TestFarmLeavesDaemons has a restart come to its end, and its daemon hold its output
// open: that is no part of it, also when the time of the restart is over.
func TestFarmLeavesDaemons(t *testing.T) {
	host := login(t, "deploy")
	for _, limit := range []time.Duration{2 * time.Second, time.Minute} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		res, err := sudo.Run(ctx, host, remote.Cmd{Line: "sleep 987654 & echo $!; exit 3"}, sudo.Options{})
		cancel()
		if err != nil || res.Code != 3 {
			t.Errorf("within %v: got status %d, %v", limit, res.Code, err)
		}
		pid := strings.TrimSpace(string(res.Stdout))
		if found := root(t, "ps -o args= -p "+pid+"; kill "+pid); !strings.Contains(found, "sleep 987654") {
			t.Errorf("within %v: what it left running was ended: %q", limit, found)
		}
	}
}

// A second question of PAM's is the operator's to answer, and leaves the outcome
// of the password open until sudo has run the command.
func TestFarmMore(t *testing.T) {
	host := login(t, "web")
	sudoers(t, "Defaults timestamp_timeout=0")
	root(t, `cp -p /etc/pam.d/sudo /etc/pam.d/sudo.before; printf 'auth required pam_unix.so\nauth required pam_stress.so\naccount required pam_unix.so\n' >/etc/pam.d/sudo`)
	t.Cleanup(func() { root(t, "mv /etc/pam.d/sudo.before /etc/pam.d/sudo") })
	for pass, want := range map[string]struct {
		err     error
		outcome secret.Outcome
	}{farm.Password: {nil, secret.Accepted}, "wrong": {sudo.ErrMoreRejected, secret.Unknown}} {
		take, outcomes := keys(pass)
		asked := 0
		_, err := sudo.Run(t.Context(), host, remote.Cmd{Args: []string{"/usr/bin/id"}}, sudo.Options{
			Account: "web", Take: take,
			Answer: func(context.Context, string, bool) (secret.Secret, error) { asked++; return secret.New("1234"), nil },
		})
		if !errors.Is(err, want.err) || want.err == nil && err != nil || asked != 1 || !slices.Equal(*outcomes, []secret.Outcome{want.outcome}) {
			t.Errorf("password %s: got %v, outcomes %v, asked %d times", pass, err, *outcomes, asked)
		}
	}
}
