package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"farmrun/luahost/secret"
	"farmrun/luahost/terminal"
)

// TestHostsQuestions: a host's question, for a password or a code, stands behind a bar,
// and the terminal obeys nothing in it.
func TestHostsQuestions(t *testing.T) {
	const says = "\x1b[2Jdone\r\nfarmrun: 3 done\n\x1b]0;x\aPassword: "
	const quoted = "    | \\x1b[2Jdone\r\n    | farmrun: 3 done\r\n    | \\x1b]0;x\\x07Password: \r\n"
	for _, test := range []struct {
		name string
		ask  func(ctx context.Context, w *world) (secret.Secret, error)
		want string
	}{
		{"password", func(ctx context.Context, w *world) (secret.Secret, error) {
			return w.askPassword(secret.Asking(ctx, says), "op")
		}, "web1 asks for the password of user op; it will be reused for other servers\r\n" + quoted + "Password for op: "},
		{"hidden code", func(ctx context.Context, w *world) (secret.Secret, error) {
			return w.askOnce(secret.Asking(ctx, says), false)
		}, "web1 asks; the answer goes to this server only and is not kept\r\n" + quoted + "Answer: "},
		{"code", func(ctx context.Context, w *world) (secret.Secret, error) {
			return w.askOnce(secret.Asking(ctx, says), true)
		}, "web1 asks; the answer goes to this server only and is not kept\r\n" + quoted + "Answer: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			master, slave, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			defer slave.Close()
			w := &world{operator: &terminal.Terminal{Path: slave.Name()}, keyring: &secret.Keyring{Group: func(string) string { return "" }}}
			shown := make(chan string, 1)
			go func() { shown <- typeAt(master, test.want[strings.LastIndex(test.want, "\n")+1:]) }()
			if s, err := test.ask(secret.OnHost(t.Context(), "web1"), w); err != nil || s.Reveal() != "typed" {
				t.Errorf("got %q, %v", s.Reveal(), err)
			}
			if got := <-shown; got != test.want {
				t.Errorf("shown %q\nwant  %q", got, test.want)
			}
		})
	}
}

// typeAt reads up to a prompt, types a line, and returns the text.
func typeAt(master io.ReadWriter, prompt string) string {
	var got strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(got.String(), prompt) {
		if _, err := master.Read(one); err != nil {
			return got.String() + err.Error()
		}
		got.Write(one)
	}
	io.WriteString(master, "typed\n")
	return got.String()
}
