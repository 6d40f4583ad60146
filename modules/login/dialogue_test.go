package login_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"
	"farmrun/modules/expect"
	"farmrun/modules/login"
)

// passwords has one password and notes what became of it.
type passwords struct {
	word     string
	outcomes []secret.Outcome
}

func (p *passwords) Take(_ context.Context, account string) (secret.Secret, secret.Report, error) {
	if account != "web" {
		return secret.Secret{}, nil, errors.New("whose password?")
	}
	return secret.New(p.word), func(o secret.Outcome) { p.outcomes = append(p.outcomes, o) }, nil
}

// newPasswords has one new password, and notes what became of it.
type newPasswords passwords

func (p *newPasswords) TakeNew(ctx context.Context, account string) (secret.Secret, secret.Report, error) {
	return (*passwords)(p).Take(ctx, account)
}

// hosts are what hosts say, as scripts; ask and hidden ask for a line, and a moment
// is between two pieces of what is said, even on a busy machine.
var hosts = map[string]string{
	"telnetd": `printf '\0\0\r\nLinux 6.1 (web1) (pts/0)\r\n\r\n'; ask 'web1 login: '; hidden 'Password: '; echo
		[ "$name/$word" = 'web/s3cret pw' ] || { printf 'Login incorrect\r\nweb1 login: '; read -r x; exit; }
		echo 'Last login: Mon Sep 18 09:14:01 UTC 2000 from ctl on pts/0'; echo '# all is #'; exec sh`,
	"slow and coloured": `for c in 'w' 'eb' '1 lo' 'gin' ': '; do printf "\033[1m$c\033[0m"; moment; done; read -r name
		hidden 'Password:'; printf 'Last '; moment; printf 'login: '; sleep 0.1; echo never; PS1='web1> ' exec sh`,
	"rlogind":        `hidden 'Password: '; [ "$word" = 's3cret pw' ] || { echo 'Authentication failure'; exit 0; }; exec sh`,
	"hangs up":       `hidden 'Password: '; exit 0`,
	"nologin":        `ask 'web1 login: '; echo; echo 'Down for repairs'; printf 'Login incorrect\n'; ask 'web1 login: '; echo "typed $name"; exit`,
	"asks for names": `while :; do ask 'web1 login: '; done`,
	"expired": `ask 'login: '; hidden 'Password: '; echo 'You are required to change your password immediately (administrator enforced).'
		hidden 'Current password: '`,
	"no shell":         `ask 'login: '; hidden 'Password: '; echo 'This account is currently not available.'`,
	"closed":           `echo 'Trying 10.0.0.1...'; echo 'Connection closed by foreign host.'`,
	"silent":           `read -r x`,
	"menu":             `ask 'Username: '; hidden 'PASSCODE: '; printf '1 mail\r\n2 shell\r\nSelect a service: '; read -r x; [ "$x" = 2 ] && exec sh; read -r x`,
	"not a shell":      `while printf 'router> '; do read -r x || exit; echo '% Unknown command'; done`,
	"pager":            `ask 'login: '; hidden 'Password: '; seq 3; printf -- '--More--(50%%)'; stty raw; dd bs=1 count=1 >/dev/null 2>&1; stty -raw; echo; printf 'TERM = (vt100) '; read -r x; exec sh`,
	"access is denied": `ask 'Username: '; hidden 'Password: '; echo; echo '% Access denied'; ask 'Username: '`,
	"host key":         `printf 'The authenticity of host can not be established.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? '; read -r x`,
	"no password":      `ask 'login: '; exec sh`,
	"a motd in pieces": `ask 'login: '; hidden 'Password: '; printf 'forgotten your password:'; moment; printf ' ask ken'; sleep 0.1; echo; exec sh`,
	"two prompts":      `ask 'login: '; hidden 'Password: '; printf '$ '; moment; printf '$ '; exec sh`,
}

// expiries are hosts that want another password, as scripts; login and passwd
// say what the programs of that name do.
var expiries = map[string]string{
	"login":            `login; due; old 'Current password: '; new; echo; exec sh`,
	"(current)":        `login; due; old '(current) UNIX password: '; new 'Enter new UNIX password: ' 'Retype new UNIX password: '; echo 'passwd: all authentication tokens updated successfully.'; exec sh`,
	"existing":         `login; echo 'Choose a new password.'; old 'Enter existing login password: '; new 'New Password: ' 'Re-enter new Password: '; echo; exec sh`,
	"of whom":          `login; due; old "web's Old password: "; new "web's New password: " "Enter the new password again: "; exec sh`,
	"without the old":  `login; due; new; exec sh`,
	"a warning":        `login; due; hidden 'New password: '; echo 'BAD PASSWORD: it is too simple'; hidden 'Retype new password: '; exec sh`,
	"hangs up":         `hidden 'Password: '; [ "$word" = 'n3w word' ] && exec sh; due; old 'Current password: '; new; echo 'passwd: password updated successfully'; [ "$word" = 'n3w word' ] && : >done; exit`,
	"says nothing":     `login; due; old 'Current password: '; new; exit`,
	"too short":        `login; due; old 'Current password: '; new; echo 'You must choose a longer password.'; hidden 'New password: '; echo "typed $word"; read -r x`,
	"bad":              `login; due; old 'Current password: '; hidden 'New password: '; echo 'BAD PASSWORD: it is too short'; hidden 'New password: '; read -r x`,
	"unchanged":        `login; due; old 'Current password: '; new; echo 'passwd: Authentication token manipulation error'; echo 'passwd: password unchanged'; exit 1`,
	"not here":         `login; due; echo 'Authentication failure'; exit`,
	"another old":      `login; due; hidden 'Current password: '; echo; echo 'passwd: Authentication failure'; exit`,
	"only says so":     `login; due; exec sh`,
	"has more to say":  `login; due; old 'Current password: '; new; stty raw; while printf -- '--More--'; do dd bs=1 count=1 >/dev/null 2>&1; done`,
	"not the password": `login; echo; echo 'closed for repairs'; echo; echo 'Authentication failure'; exit`,
}

const changing = `
login() { ask 'login: '; hidden 'Password: '; [ "$word" = 's3cret pw' ] || exit; echo; }
due() { echo 'You are required to change your password immediately (administrator enforced).'; echo 'Changing password for web.'; }
old() { hidden "$1"; echo; [ "$word" = 's3cret pw' ] || exit; }
new() { for q in "${1:-New password: }" "${2:-Retype new password: }"; do hidden "$q"; echo; [ "$word" = 'n3w word' ] || exit; done; }
`

// TestRenew has passwords that have expired changed at login.
func TestRenew(t *testing.T) {
	accepted, rejected, unknown := []secret.Outcome{secret.Accepted}, []secret.Outcome{secret.Rejected}, []secret.Outcome{secret.Unknown}
	twice := []secret.Outcome{secret.Accepted, secret.Accepted}
	for _, test := range []struct {
		host     string
		says     string // in the error; "" for none
		reason   error
		old, new []secret.Outcome
	}{
		{host: "login", old: twice, new: accepted},
		{host: "(current)", old: twice, new: accepted},
		{host: "existing", old: twice, new: accepted},
		{host: "of whom", old: twice, new: accepted},
		{host: "without the old", old: accepted, new: accepted},
		{host: "a warning", old: accepted, new: accepted},
		{host: "hangs up", old: append(twice, secret.Accepted), new: accepted},
		{host: "says nothing", says: "not said whether", reason: login.ErrNewRejected, old: twice, new: rejected},
		{host: "too short", says: "does not take the new one: You must choose a longer password.", reason: login.ErrNewRejected, old: twice, new: rejected},
		{host: "bad", says: "BAD PASSWORD: it is too short", reason: login.ErrNewRejected, old: twice, new: rejected},
		{host: "unchanged", says: "password unchanged", reason: login.ErrNewRejected, old: twice, new: rejected},
		{host: "not here", says: "does not let it be changed by this login", reason: login.ErrNotHere, old: accepted},
		{host: "another old", says: "password for web: the password was rejected", reason: secret.ErrRejected, old: []secret.Outcome{secret.Accepted, secret.Rejected}, new: unknown},
		{host: "only says so", old: accepted},
		{host: "has more to say", says: "it has asked 100 times", reason: login.ErrNoPrompt, old: twice, new: unknown},
		{host: "not the password", says: "closed for repairs", reason: login.ErrNotNow, old: unknown},
	} {
		t.Run(test.host, func(t *testing.T) {
			remotetest.NoLeaks(t)
			old, fresh := &passwords{word: "s3cret pw"}, &newPasswords{word: "n3w word"}
			o := options(expect.Program{Args: []string{"sh", "-c", asking + changing + expiries[test.host]}, Dir: t.TempDir()})
			o.Passwords, o.NewPasswords = old, fresh
			open, opened := o.Open, 0
			o.Open = func(ctx context.Context, how remote.TerminalOptions) (remote.Terminal, error) {
				if opened++; opened == 2 {
					old.word = fresh.word // as a Keyring does
				}
				return open(ctx, how)
			}
			c, err := login.Dial(t.Context(), o)
			if err == nil {
				_, err = run(t, c, remote.Cmd{Line: "true"}, 10*time.Second)
				c.Close()
			}
			if !errors.Is(err, test.reason) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v\n%s", err, luahost.OutputOf(err))
			}
			if err != nil && strings.Contains(err.Error()+luahost.OutputOf(err), "n3w word") {
				t.Errorf("the password is shown: %v\n%s", err, luahost.OutputOf(err))
			}
			if diff := cmp.Diff(test.old, old.outcomes); diff != "" {
				t.Errorf("outcomes of the old password: %s", diff)
			}
			if diff := cmp.Diff(test.new, fresh.outcomes); diff != "" {
				t.Errorf("outcomes of the new password: %s", diff)
			}
		})
	}
}

const asking = `moment() { i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; }
ask() { printf '%s' "$1"; read -r name; }
hidden() { stty -echo; printf '%s' "$1"; read -r word; stty echo; }
`

func TestDialogue(t *testing.T) {
	accepted, rejected, unknown := []secret.Outcome{secret.Accepted}, []secret.Outcome{secret.Rejected}, []secret.Outcome{secret.Unknown}
	service := login.Case{Pattern: regexp.MustCompile(`Select a service: $`), Do: login.Answer, Send: "2\r"}
	for _, test := range []struct {
		host     string
		word     string
		cases    []login.Case
		says     string // in the error; "" for none
		reason   error
		outcomes []secret.Outcome
		silence  time.Duration
	}{
		{host: "telnetd", outcomes: accepted},
		{host: "telnetd", word: "wrong", says: "password for web: the password was rejected", reason: secret.ErrRejected, outcomes: rejected},
		{host: "slow and coloured", outcomes: accepted},
		{host: "rlogind", outcomes: accepted},
		{host: "rlogind", word: "wrong", reason: secret.ErrRejected, outcomes: rejected},
		{host: "hangs up", says: "has closed the connection", reason: secret.ErrRejected, outcomes: rejected},
		{host: "nologin", says: "login incorrect", reason: login.ErrName},
		{host: "asks for names", reason: login.ErrName},
		{host: "expired", reason: login.ErrExpired, outcomes: accepted},
		{host: "no shell", says: "not available", reason: login.ErrRefused, outcomes: unknown},
		{host: "closed", reason: login.ErrRefused},
		{host: "silent", says: "for 100ms", reason: login.ErrNoPrompt, silence: 100 * time.Millisecond},
		{host: "menu", cases: []login.Case{service}, outcomes: accepted},
		{host: "menu", reason: login.ErrNoPrompt, outcomes: unknown, silence: 3 * time.Second},
		{host: "menu", cases: []login.Case{{Pattern: service.Pattern, Do: login.Talk, Talk: choose}}, outcomes: accepted},
		{host: "pager", outcomes: accepted},
		{host: "access is denied", word: "wrong", reason: secret.ErrRejected, outcomes: rejected},
		{host: "host key", says: "are you sure", reason: login.ErrRefused},
		{host: "no password"},
		{host: "two prompts", outcomes: accepted},
		{host: "a motd in pieces", outcomes: accepted},
	} {
		t.Run(test.host, func(t *testing.T) {
			remotetest.NoLeaks(t)
			p := &passwords{word: "s3cret pw"}
			if test.word != "" {
				p.word = test.word
			}
			o := options(expect.Program{Args: []string{"sh", "-c", asking + hosts[test.host]}})
			o.Passwords, o.Cases, o.Silence = p, test.cases, test.silence
			c, err := login.Dial(t.Context(), o)
			if err == nil {
				defer c.Close()
				var r remote.Result
				if r, err = run(t, c, remote.Cmd{Line: "echo $((6*7))"}, 10*time.Second); string(r.Stdout) != "42\n" {
					t.Errorf("got %q, %v", r.Stdout, err)
				}
			}
			if !errors.Is(err, test.reason) || err != nil && !strings.Contains(strings.ToLower(err.Error()), test.says) {
				t.Errorf("got %v\n%s", err, luahost.OutputOf(err))
			}
			if err != nil && strings.Contains(err.Error()+luahost.OutputOf(err), p.word) {
				t.Errorf("the password is shown: %v\n%s", err, luahost.OutputOf(err))
			}
			if diff := cmp.Diff(test.outcomes, p.outcomes); diff != "" {
				t.Errorf("outcomes: %s", diff)
			}
		})
	}
}

func choose(ctx context.Context, s login.Session, groups []string) error {
	if groups[0] != "Select a service: " {
		return errors.New("it selects " + groups[0])
	}
	return s.Send(ctx, "2\r")
}

// TestNotAShell is a router, whose prompt looks as a shell's does: it runs no
// command, but takes part in a dialogue, at the login that is there already.
func TestNotAShell(t *testing.T) {
	remotetest.NoLeaks(t)
	c, opened := dialCounted(t, hosts["not a shell"])
	terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{Rows: 30})
	check(t, err)
	says(t, terminal, `router> $`, "show version\r", `Unknown command`)
	if *opened != 1 {
		t.Errorf("logged in %d times", *opened)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = c.Run(ctx, remote.Cmd{Line: "true"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if got := luahost.OutputOf(err); got != "router>" {
		t.Errorf("it says it was told %q", got)
	}
}

// TestFirstTerminal has the first who wants a terminal get that of Dial, with all
// that was said meanwhile, unless he wants another type; and has its end noticed
// while nobody wants it.
func TestFirstTerminal(t *testing.T) {
	remotetest.NoLeaks(t)
	c, opened := dialCounted(t, `PS1='$ ' exec sh`)
	terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{Term: "vt100"})
	check(t, err)
	says(t, terminal, `\$ $`, "echo $TERM\n", `vt100`)
	terminal, err = c.Terminal(t.Context(), remote.TerminalOptions{Rows: 33, Columns: 77})
	check(t, err)
	says(t, terminal, `\$ $`, "stty size\n", `33 77`)
	if *opened != 2 {
		t.Errorf("logged in %d times", *opened)
	}
	_, err = run(t, c, remote.Cmd{Line: "true"}, 10*time.Second)
	check(t, err)
	if *opened != 3 {
		t.Errorf("logged in %d times", *opened)
	}

	gate := filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600))
	c, _ = dialCounted(t, `printf '$ '; read -r x <`+gate)
	check(t, os.WriteFile(gate, []byte("now\n"), 0))
	<-c.Done()
	if _, err := run(t, c, remote.Cmd{Line: "true"}, 10*time.Second); !errors.Is(err, login.ErrLost) {
		t.Errorf("got %v", err)
	}
}

// dialCounted logs in to what a script is, and counts how often.
func dialCounted(t *testing.T, script string) (*login.Client, *int) {
	t.Helper()
	o, opened := options(expect.Program{Args: []string{"sh", "-c", asking + script}}), 0
	open := o.Open
	o.Open = func(ctx context.Context, how remote.TerminalOptions) (remote.Terminal, error) {
		opened++
		return open(ctx, how)
	}
	c, err := login.Dial(t.Context(), o)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c, &opened
}

// says waits at a terminal for a prompt, types an answer, and waits for what the
// other end says to that.
func says(t *testing.T, terminal remote.Terminal, prompt, answer, then string) {
	t.Helper()
	s := expect.New(terminal, expect.Options{})
	defer s.Close()
	for i, pattern := range []string{prompt, then} {
		p, err := expect.Regexp(pattern)
		check(t, err)
		if i > 0 {
			check(t, s.Send(t.Context(), answer))
		}
		if _, err := s.Expect(t.Context(), expect.Wait{Patterns: []expect.Pattern{p}, Timeout: 5 * time.Second}); err != nil {
			t.Fatalf("%v\n%s", err, luahost.OutputOf(err))
		}
	}
}

// TestTimeUp has the time end at each stage of a dialogue.
func TestTimeUp(t *testing.T) {
	for script, want := range map[string][]secret.Outcome{
		"echo over; read -r x":                      nil,
		"hidden 'Password: '; echo over; read -r x": {secret.Rejected},
	} {
		p := &passwords{word: "s3cret pw"}
		o := options(expect.Program{Args: []string{"sh", "-c", asking + script}})
		o.Passwords = p
		ctx, cancel := context.WithCancelCause(t.Context())
		o.Cases = []login.Case{{Pattern: regexp.MustCompile(`over`), Do: login.Talk, Talk: func(context.Context, login.Session, []string) error {
			cancel(context.DeadlineExceeded)
			return nil
		}}}
		_, err := login.Dial(ctx, o)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", script, err)
		}
		if diff := cmp.Diff(want, p.outcomes); diff != "" {
			t.Errorf("%s: %s", script, diff)
		}
	}
}

// FuzzDefaultCases has no text match in more ways than it says: a password is
// typed for a question only.
func FuzzDefaultCases(f *testing.F) {
	questions := []login.Do{login.Password, login.Current, login.New, login.Again}
	for _, script := range expiries {
		f.Add(script)
	}
	for _, script := range hosts {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, said string) {
		for _, c := range login.DefaultCases() {
			at := c.Pattern.FindStringIndex(said)
			if at != nil && slices.Contains(questions, c.Do) && !strings.HasSuffix(strings.TrimSuffix(said, " "), ":") {
				t.Errorf("%q asks for a password", said)
			}
			if at != nil {
				return
			}
		}
	})
}

// TestHasExpired tells a notice from what sshd passes on of PAM.
func TestHasExpired(t *testing.T) {
	for said, want := range map[string]bool{
		"You are required to change your password immediately (administrator enforced).\n": true,
		"Welcome.\nWARNING: Your password has expired.\n":                                  true,
		"If you have questions, call 4711.\nYou must change your password now.\n":          true,
		"If your password has expired, call 4711.\n":                                       false,
		"Call 4711 when the\nlast login is not yours.\n":                                   false,
		"": false,
	} {
		if got := login.HasExpired(said); got != want {
			t.Errorf("%q: got %v", said, got)
		}
	}
}
