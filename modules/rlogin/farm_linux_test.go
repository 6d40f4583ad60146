package rlogin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 2) }

func dialFarm(t *testing.T, o Options) (*Conn, *remotetest.Typist) {
	t.Helper()
	farm.Need(t)
	remotetest.NoLeaks(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c, err := Dial(ctx, "tcp", "webserv1:513", o)
	check(t, err)
	return c, remotetest.NewTypist(t, c)
}

// logIn logs in to webserv1 and puts a plain shell in place of bash.
func logIn(t *testing.T, o Options) (*Conn, *remotetest.Typist) {
	t.Helper()
	o.User = "web"
	c, p := dialFarm(t, o)
	p.Await("Password: ")
	p.Type(farm.Password + "\r")
	p.Await("web@webserv1:~$ ")
	p.Type("PS1='sh> ' exec sh\r")
	p.Await("exec sh\r\n")
	p.Await("sh> ")
	return c, p
}

// TestFarmTerminal has the host ask for the window's size out of band, twice at
// once, as it does.
func TestFarmTerminal(t *testing.T) {
	c, p := logIn(t, Options{Terminal: remote.TerminalOptions{Term: "vt100", Rows: 30, Columns: 255}})
	p.Type("echo $TERM $(stty size; stty speed)\r")
	p.Await("vt100 30 255 38400\r\nsh> ")
	check(t, c.Resize(50, 511))
	p.Type("stty size\r")
	p.Await("\r\n50 511\r\nsh> ")
	p.Type("/bin/sh -c 'echo \"go\"ing; exec sleep 1000'\r")
	p.Await("going\r\n")
	p.Type("\x03")
	p.Await("sh> ")
	p.Type("exit\r")
	p.AwaitEnd()
}

// TestFarmNothingAdded has all that the host says be text, with no byte of what
// it says out of band in it.
func TestFarmNothingAdded(t *testing.T) {
	for range 10 {
		_, p := dialFarm(t, Options{User: "web"})
		p.Await("Password: ")
		p.Type(farm.Password + "\r")
		if got := p.Await("Welcome"); got != "\n\r" {
			t.Errorf("before the welcome came %q", got)
		}
	}
}

// TestFarmBytes has every byte there is, and 100 KB, go both ways unchanged.
func TestFarmBytes(t *testing.T) {
	_, p := logIn(t, Options{})
	text := make([]byte, 100<<10)
	rand.Read(text)
	for b := range 256 {
		text[b] = byte(b)
	}
	p.Type("stty raw -echo; echo \"re\"ady; head -c 102400 >file; stty sane -echo; echo \"do\"ne\r")
	p.Await("ready\n")
	p.Type(string(text))
	p.Await("done\r\n")
	if got := farm.Exec(t, "webserv1", "base64", "-w0", "/home/web/file"); got != base64.StdEncoding.EncodeToString(text) {
		t.Error("the host got something else")
	}
	p.Type("stty -opost; echo \"be\"gin; cat file; echo end\r")
	p.Await("begin\n")
	if got := p.Await("end\n"); got != string(text) {
		t.Errorf("something else came back: %d bytes", len(got))
	}
}

// TestFarmRejected has a wrong password end the connection as a good login's
// end does.
func TestFarmRejected(t *testing.T) {
	_, p := dialFarm(t, Options{User: "web"})
	p.Await("Password: ")
	p.Type("wrong\r")
	if got := p.AwaitEnd(); got != "\n\rAuthentication failure\n" {
		t.Errorf("the host says %q", got)
	}
}

// TestFarmCut has the connection end in the middle, by a reset and by silence.
func TestFarmCut(t *testing.T) {
	c, p := logIn(t, Options{})
	farm.Fault(t, "reset-port", "webserv1", "513")
	p.Type("echo\r")
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	farm.Heal(t, "webserv1")
	c, p = logIn(t, Options{})
	farm.Fault(t, "freeze", "webserv1")
	p.Type("echo\r")
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	farm.Heal(t, "webserv1")
	p.Await("sh> ") // the same connection
}

// TestFarmNoWay has a host whose rlogind says nothing, and one that does not
// talk to clients on other ports, by silence.
func TestFarmNoWay(t *testing.T) {
	farm.Need(t)
	remotetest.NoLeaks(t)
	conn, err := net.Dial("tcp", "webserv1:513")
	check(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := New(conn, Options{User: "web"}); !errors.Is(err, ErrRefused) {
		t.Errorf("from another port: %v", err)
	}
	farm.Fault(t, "freeze", "webserv1")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = Dial(ctx, "tcp", "webserv1:513", Options{User: "web"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("frozen: %v", err)
	}
}

// TestFarmMany has many logins to one host at once, each from a port of its own.
func TestFarmMany(t *testing.T) {
	farm.Need(t)
	remotetest.NoLeaks(t)
	failed := make(chan error, 40)
	for range cap(failed) {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			c, err := Dial(ctx, "tcp", "webserv1:513", Options{User: "web"})
			if err == nil {
				defer c.Close()
				c.SetReadDeadline(time.Now().Add(time.Minute))
				_, err = io.ReadFull(c, make([]byte, len("Password: ")))
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
