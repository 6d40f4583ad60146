package login_test

import (
	"cmp"
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

	gocmp "github.com/google/go-cmp/cmp"

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

// hosts are those that a dialogue leads through, or not.
var hosts = map[string]host{
	"telnetd": {"\x00\x00\nLinux 6.1 (web1) (pts/0)\n\n", "web1 login: ", "< web", "Password: ", "* s3cret pw", "\n",
		"Last login: Mon Sep 18 09:14:01 UTC 2000 from ctl on pts/0\n", "# all is #\n", "$ ", "shell"},
	"telnetd, wrong": {"web1 login: ", "< web", "Password: ", "* wrong", "\nLogin incorrect\nweb1 login: ", "silence"},
	"slow and coloured": {"\x1b[1mw\x1b[0m", "... 45ms", "\x1b[1meb\x1b[0m", "... 1s", "\x1b[1m1 lo\x1b[0m", "... 45ms", "\x1b[1mgin\x1b[0m", "... 45ms", "\x1b[1m: \x1b[0m", "< web",
		"Password:", "* s3cret pw", "Last ", "... 45ms", "login: ", "... 1s", "never\n", "web1> ", "shell"},
	"rlogind":            {"Password: ", "* s3cret pw", "$ ", "shell"},
	"rlogind, wrong":     {"Password: ", "* wrong", "Authentication failure\n"},
	"hangs up":           {"Password: ", "* s3cret pw"},
	"nologin":            {"web1 login: ", "< web", "\nDown for repairs\nLogin incorrect\n", "web1 login: ", "silence"},
	"asks for names":     {"web1 login: ", "< web", "web1 login: ", "silence"},
	"expired":            {"login: ", "< web", "Password: ", "* s3cret pw", "You are required to change your password immediately (administrator enforced).\n", "Current password: ", "silence"},
	"no shell":           {"login: ", "< web", "Password: ", "* s3cret pw", "This account is currently not available.\n"},
	"closed":             {"Trying 10.0.0.1...\n", "Connection closed by foreign host.\n"},
	"silent":             {"silence"},
	"menu":               {"Username: ", "< web", "Password: ", "* s3cret pw", "1 mail\n2 shell\nSelect a service: ", "< 2", "$ ", "shell"},
	"menu, not answered": {"Username: ", "< web", "Password: ", "* s3cret pw", "1 mail\n2 shell\nSelect a service: ", "silence"},
	"a code":             {"login: ", "< web", "Password: ", "* s3cret pw", "\nVerification code: ", "* 714233", "$ ", "shell"},
	"a passcode":         {"login: ", "< web", "Enter PASSCODE: ", "* 714233", "$ ", "shell"},
	"a wrong code":       {"login: ", "< web", "Password: ", "* s3cret pw", "\nCode: ", "* 714233", "\nLogin incorrect\nlogin: ", "silence"},
	"a code, taught":     {"login: ", "< web", "Password: ", "* s3cret pw", "\nResponse? ", "* 714233", "$ ", "shell"},
	"another's":          {"login: ", "< web", "Password for alice: ", "silence"},
	"another's, as ssh":  {"login: ", "< web", "rel@dev's password: ", "silence"},
	"a key's passphrase": {"login: ", "< web", "Enter passphrase for key '/home/op/.ssh/id_op': ", "* 714233", "\nLogin incorrect\n"},
	"pager":              {"login: ", "< web", "Password: ", "* s3cret pw", "1\n2\n3\n--More--(50%)", ".  ", "\nTERM = (vt100) ", "< ", "$ ", "shell"},
	"access is denied":   {"Username: ", "< web", "Password: ", "* wrong", "\n% Access denied\n", "Username: ", "silence"},
	"host key":           {"The authenticity of host can not be established.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ", "silence"},
	"no password":        {"login: ", "< web", "$ ", "shell"},
	"a motd in pieces":   {"login: ", "< web", "Password: ", "* s3cret pw", "forgotten your password:", "... 45ms", " ask ken", "... 1s", "\n", "$ ", "shell"},
	"a banner in pieces": {"##################", "... 400ms", "######\n", "Server v1.0, loading 100%", "... 1s", "\n", "web1 login: ", "< web", "Password: ", "* s3cret pw", "$ ", "shell"},
	"APC":                {"\nUser Name : ", "< web", "Password  : ", "* s3cret pw", "\nAPC> ", "shell"},
	"MikroTik":           {"Login: ", "< web", "Password: ", "* s3cret pw", "\nDo you want to see the software license? [Y/n]: ", ". n", "\n[web@r1] > ", "shell"},
	"a silent console":   {". \r", "\nts1 login: ", "< web", "Password: ", "* s3cret pw", "... 20s", "$ ", "shell"},
	"slow to wake":       {"... 4s", ". \r", "... 4s", ". \r", "\nts1 login: ", "< web", "Password: ", "* s3cret pw", "$ ", "shell"},
	"says something":     {"... 1s", "ts1 login: ", "< web", "Password: ", "* s3cret pw", "... 20s", "$ ", "shell"},
	"two prompts":        {"login: ", "< web", "Password: ", "* s3cret pw", "$ ", "... 45ms", "$ ", "shell"},
}

// loggedIn is how a host begins that has the password changed; mustChange adds why.
var (
	loggedIn   = host{"login: ", "< web", "Password: ", "* s3cret pw", "\n"}
	mustChange = append(slices.Clip(loggedIn), "You are required to change your password immediately (administrator enforced).\nChanging password for web.\n")
)

// changing asks for the old password, unless that question is "", and twice for
// the new one.
func changing(old, first, second string) (h host) {
	if old != "" {
		h = host{old, "* s3cret pw", "\n"}
	}
	return append(h, first, "* n3w word", "\n", second, "* n3w word", "\n")
}

var (
	renewing = changing("Current password: ", "New password: ", "Retype new password: ")
	shell    = host{"$ ", "shell"}
)

// expiries are hosts that want another password.
var expiries = map[string]host{
	"login":            slices.Concat(mustChange, renewing, shell),
	"(current)":        slices.Concat(mustChange, changing("(current) UNIX password: ", "Enter new UNIX password: ", "Retype new UNIX password: "), host{"passwd: all authentication tokens updated successfully.\n"}, shell),
	"existing":         slices.Concat(loggedIn, host{"Choose a new password.\n"}, changing("Enter existing login password: ", "New Password: ", "Re-enter new Password: "), shell),
	"of whom":          slices.Concat(mustChange, changing("web's Old password: ", "web's New password: ", "Enter the new password again: "), shell),
	"without the old":  slices.Concat(mustChange, changing("", "New password: ", "Retype new password: "), shell),
	"a warning":        slices.Concat(mustChange, host{"New password: ", "* n3w word", "BAD PASSWORD: it is too simple\n", "Retype new password: ", "* n3w word"}, shell),
	"hangs up":         slices.Concat(mustChange, renewing, host{"passwd: password updated successfully\n", "again", "Password: ", "* n3w word"}, shell),
	"says nothing":     slices.Concat(mustChange, renewing),
	"too short":        slices.Concat(mustChange, renewing, host{"You must choose a longer password.\n", "New password: ", "silence"}),
	"bad":              slices.Concat(mustChange, host{"Current password: ", "* s3cret pw", "\n", "New password: ", "* n3w word", "BAD PASSWORD: it is too short\n", "New password: ", "silence"}),
	"unchanged":        slices.Concat(mustChange, renewing, host{"passwd: Authentication token manipulation error\npasswd: password unchanged\n"}),
	"not here":         slices.Concat(mustChange, host{"Authentication failure\n"}),
	"another old":      slices.Concat(mustChange, host{"Current password: ", "* s3cret pw", "\npasswd: Authentication failure\n"}),
	"only says so":     slices.Concat(mustChange, shell),
	"has more to say":  slices.Concat(mustChange, renewing, slices.Repeat(host{"--More--", ".  "}, 200)),
	"not the password": slices.Concat(loggedIn, host{"\nclosed for repairs\n\nAuthentication failure\n"}),
}

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
			hosted(t, expiries[test.host], func(t *testing.T, o login.Options) {
				old, fresh := &passwords{word: "s3cret pw"}, &newPasswords{word: "n3w word"}
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
					defer c.Close()
					tryShell(t, c)
				}
				if !errors.Is(err, test.reason) || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v\n%s", err, luahost.OutputOf(err))
				}
				if err != nil && strings.Contains(err.Error()+luahost.OutputOf(err), "n3w word") {
					t.Errorf("the password is shown: %v\n%s", err, luahost.OutputOf(err))
				}
				if diff := gocmp.Diff(test.old, old.outcomes); diff != "" {
					t.Errorf("outcomes of the old password: %s", diff)
				}
				if diff := gocmp.Diff(test.new, fresh.outcomes); diff != "" {
					t.Errorf("outcomes of the new password: %s", diff)
				}
			})
		})
	}
}

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
		{host: "telnetd, wrong", word: "wrong", says: "password for web: the password was rejected", reason: secret.ErrRejected, outcomes: rejected},
		{host: "slow and coloured", outcomes: accepted},
		{host: "rlogind", outcomes: accepted},
		{host: "rlogind, wrong", word: "wrong", reason: secret.ErrRejected, outcomes: rejected},
		{host: "hangs up", says: "has closed the connection", reason: secret.ErrRejected, outcomes: rejected},
		{host: "nologin", says: "login incorrect", reason: login.ErrName},
		{host: "asks for names", reason: login.ErrName},
		{host: "expired", reason: login.ErrExpired, outcomes: accepted},
		{host: "no shell", says: "not available", reason: login.ErrRefused, outcomes: unknown},
		{host: "closed", reason: login.ErrRefused},
		{host: "silent", says: "for 30s", reason: login.ErrNoPrompt},
		{host: "menu", cases: []login.Case{service}, outcomes: accepted},
		{host: "menu, not answered", says: "for 3s", reason: login.ErrNoPrompt, outcomes: unknown, silence: 3 * time.Second},
		{host: "menu", cases: []login.Case{{Pattern: service.Pattern, Do: login.Talk, Talk: choose}}, outcomes: accepted},
		{host: "a code", outcomes: accepted},
		{host: "a passcode"},
		{host: "a wrong code", says: "or the other answer", reason: login.ErrMore, outcomes: unknown},
		{host: "a code, taught", cases: []login.Case{{Pattern: regexp.MustCompile(`Response\? $`), Do: login.Ask}}, outcomes: accepted},
		{host: "another's", says: `asks for the secret of "alice"`, reason: errAnothers},
		{host: "another's, as ssh", says: `asks for the secret of "rel@dev"`, reason: errAnothers},
		{host: "a key's passphrase", says: "or the other answer", reason: login.ErrMore}, // the operator has seen it, as the host's question
		{host: "pager", outcomes: accepted},
		{host: "access is denied", word: "wrong", reason: secret.ErrRejected, outcomes: rejected},
		{host: "host key", says: "are you sure", reason: login.ErrRefused},
		{host: "no password"},
		{host: "two prompts", outcomes: accepted},
		{host: "APC", outcomes: accepted},
		{host: "MikroTik", outcomes: accepted},
		{host: "a silent console", cases: []login.Case{enter(2 * time.Second)}, outcomes: accepted},
		{host: "a silent console", cases: []login.Case{enter(0)}, outcomes: accepted},
		{host: "a silent console", says: "for 30s", reason: login.ErrNoPrompt},
		{host: "slow to wake", cases: []login.Case{service, enter(2 * time.Second), enter(5 * time.Second)}, outcomes: accepted},
		{host: "says something", cases: []login.Case{enter(2 * time.Second)}, outcomes: accepted},
		{host: "a motd in pieces", outcomes: accepted},
		{host: "a banner in pieces", outcomes: accepted},
	} {
		t.Run(test.host, func(t *testing.T) {
			hosted(t, hosts[test.host], func(t *testing.T, o login.Options) {
				p := &passwords{word: cmp.Or(test.word, "s3cret pw")}
				o.Passwords, o.Cases, o.Silence = p, test.cases, test.silence
				o.Answer = func(context.Context, string, bool) (secret.Secret, error) { return secret.New("714233"), nil }
				c, err := login.Dial(t.Context(), o)
				if err == nil {
					defer c.Close()
					tryShell(t, c)
				}
				if _, is := errors.AsType[*secret.OtherError](err); test.reason == errAnothers && is {
					test.reason = err
				}
				if !errors.Is(err, test.reason) || err != nil && !strings.Contains(strings.ToLower(err.Error()), test.says) {
					t.Errorf("got %v\n%s", err, luahost.OutputOf(err))
				}
				if err != nil && strings.Contains(err.Error()+luahost.OutputOf(err), p.word) {
					t.Errorf("the password is shown: %v\n%s", err, luahost.OutputOf(err))
				}
				if diff := gocmp.Diff(test.outcomes, p.outcomes); diff != "" {
					t.Errorf("outcomes: %s", diff)
				}
			})
		})
	}
}

// enter is Enter after a silence.
func enter(silence time.Duration) login.Case {
	return login.Case{Silence: silence, Do: login.Answer, Send: "\r"}
}

// errAnothers stands for a *secret.OtherError.
var errAnothers = errors.New("the secret of another account")

func choose(ctx context.Context, s login.Session, groups []string) error {
	if groups[0] != "Select a service: " {
		return errors.New("it selects " + groups[0])
	}
	return s.Send(ctx, "2\r")
}

// TestNotAShell is a router, whose prompt looks as a shell's does: it runs no
// command, but takes part in a dialogue, at the login that is there already.
func TestNotAShell(t *testing.T) {
	hosted(t, host{"router> ", "< ", "router> ", "< show version", "% Unknown command\n", "silence", "again", "router> ", "< ", "router> ", "deaf"}, func(t *testing.T, o login.Options) {
		c, err := login.Dial(t.Context(), o)
		check(t, err)
		defer c.Close()
		terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{Rows: 30})
		check(t, err)
		says(t, terminal, `router> $`, "show version\r", `Unknown command`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Run(ctx, remote.Cmd{Line: "true"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if got := luahost.OutputOf(err); got != "router> \nrouter>" {
			t.Errorf("it says it was told %q", got)
		}
	})
}

// TestOrderIsNoAnswer: the order to become a driver is typed at a prompt that Enter, typed before,
// has repeated, and once; a question gets neither.
func TestOrderIsNoAnswer(t *testing.T) {
	const order = "<< exec /bin/sh -c 'stty raw"
	for _, test := range []struct {
		then host
		says string
	}{
		{host{"web1 login: ", "silence"}, "web1 login:"},
		{host{"Password: ", "silence"}, "Password:"},
		{host{"... 5s", "Change it now? ", "silence"}, "Change it now?"},
		{host{"silence"}, "$"},
		{host{"% expires soon\n$ ", order, "deaf"}, ""},
		{host{"> a motd's\nweb1# ", "< ", "web1# ", order, "deaf"}, ""},
	} {
		hosted(t, append(host{"login: ", "< web", "$ ", "< "}, test.then...), func(t *testing.T, o login.Options) {
			c, err := login.Dial(t.Context(), o)
			check(t, err)
			defer c.Close()
			if _, err := c.Run(t.Context(), remote.Cmd{Line: "true"}); !errors.Is(err, login.ErrNoShell) || !strings.HasSuffix(luahost.OutputOf(err), test.says) {
				t.Errorf("got %v, which says %q, want %q", err, luahost.OutputOf(err), test.says)
			}
		})
	}
}

// TestUnasked: where nothing was asked, no more than Enter is pressed behind what looks like a
// prompt, and that is one if it is shown again, or the site names it.
func TestUnasked(t *testing.T) {
	site := []login.Case{{Pattern: regexp.MustCompile(`web1[$] $`), Do: login.Shell}}
	for _, test := range []struct {
		host   host
		cases  []login.Case
		reason error
	}{
		{host{"web1$ ", "< ", "web1$ ", "shell"}, nil, nil},
		{host{"web1$ ", "shell"}, site, nil},
		{host{"loading 10%", "... 4s", ". \r", "\rloading 20%", "... 4s", ". \r", "\n\nweb1$ ", "< ", "web1$ ", "shell"}, nil, nil},
		{host{"loading 10%", "... 4s", ". \r", "\n", "web1 login: ", "... 10ms", "web1 login: ", "< web", "$ ", "shell"}, nil, nil},
		{host{"a >", "< ", "b >", "< ", "loading 10%", "< ", "loading 20%", "silence"}, nil, login.ErrNoPrompt},
		{host{"web1$ ", "... 10s", "deaf"}, nil, login.ErrNoPrompt},
		{host{"1 shell\n2 reboot\nYour choice> ", "silence"}, nil, login.ErrNoPrompt},
	} {
		hosted(t, test.host, func(t *testing.T, o login.Options) {
			o.Cases, o.Passwords = test.cases, &passwords{word: "s3cret pw"}
			c, err := login.Dial(t.Context(), o)
			if !errors.Is(err, test.reason) {
				t.Errorf("%q: got %v", test.host, err)
			}
			if err == nil {
				defer c.Close()
				tryShell(t, c)
			}
		})
	}
}

// TestCalmOnce: where nothing was asked, the host has to be calm before Enter, and not once more
// behind the prompt that it repeats. The time is virtual.
func TestCalmOnce(t *testing.T) {
	hosted(t, host{"web1$ ", "< ", "web1$ ", "shell"}, func(t *testing.T, o login.Options) {
		began := time.Now()
		c, err := login.Dial(t.Context(), o)
		check(t, err)
		defer c.Close()
		if took := time.Since(began); took >= 2*login.DefaultCalm {
			t.Errorf("the login took %v", took)
		}
	})
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
	_, err = run(t, c, remote.Cmd{Line: "true"})
	check(t, err)
	if *opened != 3 {
		t.Errorf("logged in %d times", *opened)
	}

	gate := filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600))
	c, _ = dialCounted(t, `printf '$ '; read -r x; printf '$ '; read -r x <`+gate)
	check(t, os.WriteFile(gate, []byte("now\n"), 0))
	<-c.Done()
	if _, err := run(t, c, remote.Cmd{Line: "true"}); !errors.Is(err, login.ErrLost) {
		t.Errorf("got %v", err)
	}
}

// dialCounted logs in to what a script is, and counts how often.
func dialCounted(t *testing.T, script string) (*login.Client, *int) {
	t.Helper()
	o, opened := options(expect.Program{Args: []string{"sh", "-c", script}}), 0
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

// TestTimeUp has the time end at each stage of a dialogue.
func TestTimeUp(t *testing.T) {
	for _, test := range []struct {
		host host
		want []secret.Outcome
	}{
		{host{"over\n", "silence"}, nil},
		{host{"Password: ", "* s3cret pw", "over\n", "silence"}, []secret.Outcome{secret.Rejected}},
	} {
		hosted(t, test.host, func(t *testing.T, o login.Options) {
			p := &passwords{word: "s3cret pw"}
			o.Passwords = p
			ctx, cancel := context.WithCancelCause(t.Context())
			o.Cases = []login.Case{{Pattern: regexp.MustCompile(`over`), Do: login.Talk, Talk: func(context.Context, login.Session, []string) error {
				cancel(context.DeadlineExceeded)
				return nil
			}}}
			_, err := login.Dial(ctx, o)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: got %v", test.host, err)
			}
			if diff := gocmp.Diff(test.want, p.outcomes); diff != "" {
				t.Errorf("%v: %s", test.host, diff)
			}
		})
	}
}

// FuzzDefaultCases has no text match in more ways than it says: a password is
// typed for a question only.
func FuzzDefaultCases(f *testing.F) {
	questions := []login.Do{login.Password, login.Current, login.New, login.Again}
	for _, all := range []map[string]host{expiries, hosts} {
		for _, h := range all {
			f.Add(strings.Join(h, ""))
		}
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
