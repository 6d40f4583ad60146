package practice

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSudoWithoutPassword(t *testing.T) {
	f := start(t, Config{WebServers: 1})
	client := connect(t, f, "webserv1")
	for _, test := range []struct {
		command string
		want    ran
	}{
		{"sudo echo hello 'a  b' ''", ran{Out: "hello a  b \n"}},
		{"echo text | sudo -S cat", ran{Out: "text\n"}},
		{"sudo -n -H -u " + f.user + " -- sh -c 'exit 5'", ran{Code: 5}},
		{"sudo A='b  c' -- sh -c 'echo \"$A\"'", ran{Out: "b  c\n"}},
		{"sudo -k", ran{}},
		{"sudo -v", ran{}},
		{"sudo -l -- echo hello", ran{Out: "echo hello\n"}},
		{"sudo -l no-such-command", ran{Code: 1}},
		{"sudo", ran{Err: "usage: sudo [-HklnSv] [-p prompt] [-u user] [--] command\n", Code: 1}},
		{"sudo -u no-such-user true", ran{Err: "sudo: unknown user no-such-user\n", Code: 1}},
		{"sudo no-such-command", ran{Err: "sudo: no-such-command: command not found\n", Code: 1}},
		{"sudo sh -c 'test -x /etc/init.d/httpd && echo there'", ran{Out: "there\n"}},
	} {
		if diff := cmp.Diff(test.want, run(t, client, "", test.command)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.command, diff)
		}
	}
}

func TestSudoWithPassword(t *testing.T) {
	f := start(t, Config{WebServers: 1, SudoPassword: `w3b "Secret' pw`})
	client := connect(t, f, "webserv1")
	const right = "w3b \"Secret' pw\n"
	usual := "[sudo] password for " + f.user + ": "
	for _, test := range []struct {
		name, command, stdin string
		want                 ran
	}{
		{"right", "sudo -S cat", right + "rest\n", ran{Out: "rest\n", Err: usual}},
		{"own prompt", "sudo -S -p 'nonce ' true", right, ran{Err: "nonce "}},
		{"flags together", "sudo -kSp 'nonce ' true", right, ran{Err: "nonce "}},
		{"second try", "sudo -S -p '' cat", "wrong\n" + right + "rest\n", ran{Out: "rest\n", Err: "Sorry, try again.\n"}},
		{"three tries", "sudo -S -p '? ' echo no", "a\nb\nc\nd\n",
			ran{Err: "? Sorry, try again.\n? Sorry, try again.\n? sudo: 3 incorrect password attempts\n", Code: 1}},
		{"no answer", "sudo -S -p '? ' echo no", "",
			ran{Err: "? \nsudo: no password was provided\nsudo: a password is required\n", Code: 1}},
		{"one answer", "sudo -S -p '? ' echo no", "a\n",
			ran{Err: "? Sorry, try again.\n? \nsudo: no password was provided\nsudo: 1 incorrect password attempt\n", Code: 1}},
		{"not to be asked", "sudo -n echo no", right, ran{Err: "sudo: a password is required\n", Code: 1}},
		{"validate", "sudo -S -p '' -v && echo ok", right, ran{Out: "ok\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, run(t, client, test.stdin, test.command)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if got := run(t, client, "", "sudo true"); got.Code != 1 || !strings.Contains(got.Err, "a terminal is required") {
		t.Errorf("without -S: got %+v", got)
	}
}
