package sudo_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
	"farmrun/modules/ssh"
	"farmrun/modules/sudo"
	"farmrun/testdata/farm"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { farm.Main(m, 1) }

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

// The real sudo does as the stand-in of the other tests.
func TestFarm(t *testing.T) {
	for _, tc := range []struct {
		name     string
		user     string
		cmd      remote.Cmd
		as       string
		pass     string
		stdout   string
		err      error
		outcomes []secret.Outcome
	}{
		{name: "no password", user: "deploy", cmd: remote.Cmd{Line: "id -un; cat"}, stdout: "root\n"},
		{name: "no password, another user", user: "deploy", as: "web", cmd: remote.Cmd{Args: []string{"id", "-un"}}, stdout: "web\n"},
		{name: "no password and input", user: "deploy", cmd: remote.Cmd{Line: "cat", Stdin: strings.NewReader("in\n")}, stdout: "in\n"},
		{name: "a narrow rule", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}}, stdout: "root\n", outcomes: []secret.Outcome{secret.Accepted}},
		{name: "a narrow rule and input", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "-un"}, Stdin: strings.NewReader("in\n")}, stdout: "root\n", outcomes: []secret.Outcome{secret.Accepted}},
		{name: "not allowed", user: "web", pass: farm.Password, cmd: remote.Cmd{Line: "id -un"}, err: sudo.ErrNotAllowed, outcomes: []secret.Outcome{secret.Accepted}},
		{name: "wrong", user: "web", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: secret.ErrRejected, outcomes: []secret.Outcome{secret.Rejected}},
		{name: "wrong and input", user: "web", pass: "wrong", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}, Stdin: strings.NewReader("again\nand again\n")}, err: secret.ErrRejected, outcomes: []secret.Outcome{secret.Rejected}},
		{name: "none", user: "web", cmd: remote.Cmd{Args: []string{"/usr/bin/id"}}, err: sudo.ErrNoPassword},
		{name: "fails", user: "web", pass: farm.Password, cmd: remote.Cmd{Args: []string{"/usr/bin/id", "nobody-here"}}, outcomes: []secret.Outcome{secret.Accepted}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			host := login(t, tc.user)
			var outcomes []secret.Outcome
			o := sudo.Options{User: tc.as, Account: tc.user}
			if tc.pass != "" {
				o.Take = func(context.Context, string) (secret.Secret, secret.Report, error) {
					return secret.New(tc.pass), func(o secret.Outcome) { outcomes = append(outcomes, o) }, nil
				}
			}
			res, err := sudo.Run(t.Context(), host, tc.cmd, o)
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.err)
			}
			if err == nil && string(res.Stdout) != tc.stdout {
				t.Errorf("got %q, %q", res.Stdout, res.Stderr)
			}
			if strings.Contains(string(res.Stderr), "farmrun:sudo") {
				t.Errorf("the prompt is in %q", res.Stderr)
			}
			if diff := cmp.Diff(tc.outcomes, outcomes); diff != "" {
				t.Error("-want +got\n" + diff)
			}
			if err != nil || res.Code != 0 {
				t.Logf("%v %q", err, res.Stderr)
			}
		})
	}
}

// A wrong password is tried once, by sudo's own count.
func TestFarmTriesOnce(t *testing.T) {
	host := login(t, "web")
	farm.Exec(t, "webserv1", "sh", "-c", "echo 'Defaults logfile = /var/log/sudo.log' >>/etc/sudoers")
	t.Cleanup(func() { farm.Exec(t, "webserv1", "sed", "-i", "/logfile/d", "/etc/sudoers") })
	take := func(context.Context, string) (secret.Secret, secret.Report, error) {
		return secret.New("wrong"), func(secret.Outcome) {}, nil
	}
	for _, stdin := range []io.Reader{nil, strings.NewReader("a\nb\nc\n")} {
		_, err := sudo.Run(t.Context(), host, remote.Cmd{Args: []string{"/usr/bin/id"}, Stdin: stdin}, sudo.Options{Take: take})
		if !errors.Is(err, secret.ErrRejected) {
			t.Errorf("got %v", err)
		}
	}
	log := farm.Exec(t, "webserv1", "cat", "/var/log/sudo.log")
	if n := strings.Count(log, "1 incorrect password attempt"); n != 2 || strings.Contains(log, "incorrect password attempts") {
		t.Errorf("the log says\n%s", log)
	}
}
