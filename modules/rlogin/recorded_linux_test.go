package rlogin

import (
	"context"
	"flag"
	"net"
	"strings"
	"sync"
	"testing"

	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/recorded"
	"farmrun/testdata/farm"
)

var record = flag.Bool("record", false, "record the dialogues of testdata anew, on the farm")

const (
	sessionFile = "testdata/in.rlogind.session"
	comment     = "A dialogue with in.rlogind of rsh-redone 85, as it goes over the wire. Made by\n\tgo test ./modules/rlogin -run TestRecorded -record"
	scrubbed    = "secret" // in place of the farm's password
)

// TestRecorded has the dialogue with a real in.rlogind again, from a file.
func TestRecorded(t *testing.T) {
	remotetest.NoLeaks(t)
	if *record {
		recordSession(t)
	}
	s, err := recorded.Load(sessionFile)
	check(t, err)
	dialogue(t, s.Start(t), scrubbed)
}

func recordSession(t *testing.T) {
	farm.Need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var r recorded.Recorder
	var passing sync.WaitGroup
	passing.Go(func() { passOn(t, l, &r) })
	dialogue(t, l.Addr().String(), farm.Password)
	passing.Wait()
	check(t, r.Session().Scrub(func(text string) string {
		return strings.ReplaceAll(text, farm.Password, scrubbed)
	}).Save(sessionFile, comment))
}

// passOn passes one connection on to webserv1, and notes what goes over it.
func passOn(t *testing.T, l net.Listener, r *recorded.Recorder) {
	near, err := l.Accept()
	l.Close()
	if err != nil {
		t.Error(err)
		return
	}
	defer near.Close()
	far, err := dialReserved(context.Background(), "tcp", "webserv1:513", leastPort)
	if err != nil {
		t.Error(err)
		return
	}
	defer far.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := near.Read(buf)
			if err != nil {
				return
			}
			r.Note(recorded.Sent, string(buf[:n]))
			far.Write(buf[:n])
		}
	}()
	from, buf := newUrgentConn(far), make([]byte, 4096)
	for {
		n, urgent, err := from.read(buf)
		if err != nil {
			return
		}
		kind, text := recorded.Said, string(buf[:n])
		if urgent {
			kind = recorded.Urgent
		}
		r.Note(kind, text)
		(recorded.Piece{Kind: kind, Text: text}).Play(near)
	}
}

// dialogue logs in, looks around and logs out.
func dialogue(t *testing.T, addr, password string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	check(t, err)
	defer conn.Close()
	c, err := New(conn, Options{User: "web", LocalUser: "operator"})
	check(t, err)
	p := remotetest.NewTypist(t, c)
	p.Await("Password: ")
	p.Type(password + "\r")
	p.Await("\n\rWelcome to the farm.\r\n")
	p.Await("web@webserv1:~$ ")
	p.Type("PS1='sh> ' exec sh\r")
	p.Await("exec sh\r\n")
	p.Await("sh> ")
	p.Type(`stty size; printf 'caf\303\251\377\r\000.\n'` + "\r")
	p.Await("\r\n24 1000\r\ncaf\u00e9\xff\r\x00.\r\nsh> ")
	check(t, c.Resize(30, 255))
	p.Type("stty size\r")
	p.Await("\r\n30 255\r\nsh> ")
	p.Type("exit\r")
	p.AwaitEnd()
}
