package telnet_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/telnet"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 1) }

// logIn logs in to webserv1 and puts a plain shell in place of bash.
func logIn(t *testing.T, o remote.TerminalOptions) (*telnet.Conn, *remotetest.Typist) {
	t.Helper()
	farm.Need(t)
	remotetest.NoLeaks(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c, err := telnet.Dial(ctx, "tcp", "webserv1:23", o)
	check(t, err)
	p := remotetest.NewTypist(t, c)
	p.Await("webserv1 login: ")
	p.Type("web\r")
	p.Await("Password: ")
	p.Type(farm.Password + "\r")
	p.Await("web@webserv1:~$ ")
	p.Type("PS1='sh> ' exec sh\r")
	p.Await("exec sh\r\n")
	p.Await("sh> ")
	return c, p
}

func TestFarmTerminal(t *testing.T) {
	c, p := logIn(t, remote.TerminalOptions{Term: "vt100", Rows: 30, Columns: 255})
	p.Type("echo $TERM $(stty size)\r")
	p.Await("vt100 30 255\r\nsh> ")
	check(t, c.Resize(0xff, 0x1ff))
	p.Type("stty size\r")
	p.Await("\r\n255 511\r\nsh> ")
	if !c.RemoteEcho() {
		t.Error("telnetd does not echo")
	}
	p.Type("/bin/sh -c 'echo \"go\"ing; exec sleep 1000'\r")
	p.Await("going\r\n")
	check(t, c.Interrupt())
	p.Await("^C") // after a data mark, which is out of band
	p.Await("sh> ")
	p.Type("exit\r")
	p.AwaitEnd()
}

// TestFarmBytes has every byte there is, and 100 KB, go both ways unchanged.
func TestFarmBytes(t *testing.T) {
	for _, binary := range []bool{false, true} {
		t.Run(fmt.Sprintf("binary=%v", binary), func(t *testing.T) {
			c, p := logIn(t, remote.TerminalOptions{})
			if binary {
				check(t, c.AskBinary())
			}
			text := make([]byte, 100<<10)
			rand.Read(text)
			for b := range 256 {
				text[b] = byte(b)
			}
			p.Type("stty raw -echo; echo \"re\"ady; head -c 102400 >file; stty sane -echo; echo \"do\"ne\r")
			p.Await("ready\n")
			if c.Binary() != binary {
				t.Errorf("binary is %v", c.Binary())
			}
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
		})
	}
}

// TestFarmCut has the connection end in the middle, by a reset and by silence.
func TestFarmCut(t *testing.T) {
	c, p := logIn(t, remote.TerminalOptions{})
	farm.Fault(t, "reset-port", "webserv1", "23")
	p.Type("echo\r")
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	farm.Heal(t, "webserv1")
	c, p = logIn(t, remote.TerminalOptions{})
	farm.Fault(t, "freeze", "webserv1")
	p.Type("echo\r")
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
}

// TestFarmNoWay has a host that does not answer.
func TestFarmNoWay(t *testing.T) {
	farm.Need(t)
	remotetest.NoLeaks(t)
	farm.Fault(t, "drop-port", "webserv1", "23")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := telnet.Dial(ctx, "tcp", "webserv1:23", remote.TerminalOptions{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
