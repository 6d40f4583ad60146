package ssh_test

import (
	"context"
	"flag"
	"io"
	"regexp"
	"strings"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/recorded"
	"farmrun/modules/ssh/sshserver"
	"farmrun/testdata/farm"
)

var record = flag.Bool("record", false, "record the dialogues of testdata anew, on the farm")

const (
	sessionFile = "testdata/sshd.session"
	comment     = "A dialogue in a terminal that sshd of OpenSSH 9.2 gives, under bash. Made by\n\tgo test ./modules/ssh -run TestRecorded -record"
	scrubbed    = "secret" // in place of the farm's password
)

// TestRecorded has the dialogue with a real sshd again, from a file.
func TestRecorded(t *testing.T) {
	if *record {
		c := dialFarm(t, onFarm(t, ""), "webserv1", "web")
		var r recorded.Recorder
		dialogue(t, noted{openTerminal(t, c, remote.TerminalOptions{Term: "xterm", Columns: 80}), &r}, farm.Password)
		kernel := regexp.MustCompile(`(Linux webserv1) [^\r]*`)
		check(t, r.Session().Scrub(func(text string) string {
			return kernel.ReplaceAllString(strings.ReplaceAll(text, farm.Password, scrubbed), "$1 6.1.0")
		}).Save(sessionFile, comment))
	}
	s, err := recorded.Load(sessionFile)
	check(t, err)
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Terminals: true, Exec: func(_ context.Context, x *sshserver.Exec) int {
		if err := s.Play(struct {
			io.Reader
			io.Writer
		}{x.Stdin, x.Stdout}); err != nil {
			t.Error(err)
		}
		return 0
	}})
	dialogue(t, openTerminal(t, w.dial(w.dialer(), "h"), remote.TerminalOptions{Term: "xterm", Columns: 80}), scrubbed)
}

// noted is a terminal whose dialogue is recorded.
type noted struct {
	remote.Terminal
	recorder *recorded.Recorder
}

func (n noted) Read(p []byte) (int, error) {
	got, err := n.Terminal.Read(p)
	n.recorder.Note(recorded.Said, string(p[:got]))
	return got, err
}

func (n noted) Write(p []byte) (int, error) {
	n.recorder.Note(recorded.Sent, string(p))
	return n.Terminal.Write(p)
}

// dialogue has bash wrap a long line at the terminal's width and put escapes
// around its prompt.
func dialogue(t *testing.T, term remote.Terminal, password string) {
	t.Helper()
	p := remotetest.NewTypist(t, term)
	p.Await("\x1b[?2004hweb@webserv1:~$ ")
	p.Type("echo 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 end\r")
	p.Await("0123456789 end\r\n\x1b[?2004hweb@webserv1:~$ ")
	p.Type("sudo /usr/bin/id\r")
	p.Await("[sudo] password for web: ")
	p.Type("wrong\r")
	p.Await("[sudo] password for web: ")
	p.Type(password + "\r")
	p.Await("uid=0(root)")
	p.Await("\x1b[?2004hweb@webserv1:~$ ")
	p.Type("PS1='sh> ' exec sh\r")
	p.Await("\rsh> ")
	p.Type(`stty size; printf 'caf\303\251\377\r\000.\n'` + "\r")
	p.Await("\r\n24 80\r\ncaf\u00e9\xff\r\x00.\r\nsh> ")
	p.Type("exit\r")
	p.AwaitEnd()
}
