package telnet_test

import (
	"context"
	"flag"
	"net"
	"regexp"
	"strings"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/recorded"
	"farmrun/modules/telnet"
	"farmrun/testdata/farm"
)

var record = flag.Bool("record", false, "record the dialogues of testdata anew, on the farm")

const (
	sessionFile = "testdata/telnetd.session"
	comment     = "A dialogue with telnetd of inetutils 2.4, as it goes over the wire. Made by\n\tgo test ./modules/telnet -run TestRecorded -record"
	scrubbed    = "secret" // in place of the farm's password
)

// TestRecorded has the dialogue with a real telnetd again, from a file.
func TestRecorded(t *testing.T) {
	remotetest.NoLeaks(t)
	if *record {
		recordSession(t)
	}
	s, err := recorded.Load(sessionFile)
	check(t, err)
	conn, err := net.Dial("tcp", s.Start(t))
	check(t, err)
	dialogue(t, telnet.New(conn, remote.TerminalOptions{}), scrubbed)
}

func recordSession(t *testing.T) {
	farm.Need(t)
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", "webserv1:23")
	check(t, err)
	var r recorded.Recorder
	dialogue(t, telnet.New(r.Conn(conn.(*net.TCPConn)), remote.TerminalOptions{}), farm.Password)
	kernel := regexp.MustCompile(`Linux \S+`)
	check(t, r.Session().Scrub(func(text string) string {
		return kernel.ReplaceAllString(strings.ReplaceAll(text, farm.Password, scrubbed), "Linux 6.1.0")
	}).Save(sessionFile, comment))
}

// dialogue logs in at the second try, looks around and logs out.
func dialogue(t *testing.T, c *telnet.Conn, password string) {
	t.Helper()
	p := remotetest.NewTypist(t, c)
	for _, try := range []string{"wrong", password} {
		p.Await("webserv1 login: ")
		p.Type("web\r")
		p.Await("Password: ")
		p.Type(try + "\r")
	}
	p.Await("web@webserv1:~$ ")
	p.Type("PS1='sh> ' exec sh\r")
	p.Await("exec sh\r\nsh> ")
	p.Type(`stty size; printf 'caf\303\251\377\r\000.\n'` + "\r")
	p.Await("\r\n24 1000\r\ncaf\u00e9\xff\r\x00.\r\nsh> ")
	check(t, c.Resize(30, 255))
	p.Type("stty size\r")
	p.Await("\r\n30 255\r\nsh> ")
	p.Type("exit\r")
	p.AwaitEnd()
}
