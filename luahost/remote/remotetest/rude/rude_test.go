package rude

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"farmrun/luahost/remote/remotetest/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// login is what a client types that sees nothing.
const login = User + "\r\n" + Password + "\r\n"

func TestDevice(t *testing.T) {
	const prompts = "login: Password: \r\n"
	for name, x := range map[string]struct {
		device Device
		typed  string
		want   string
	}{
		"polite":   {Device{}, login + "echo a b\r\nexit\r\n", prompts + "rude> a b\r\nrude> bye\r\n"},
		"wrong":    {Device{}, strings.Repeat("x\ry\r", 3), strings.Repeat(prompts+"Login incorrect\r\n", 3)},
		"unknown":  {Device{}, login + "fly\nexit\n", prompts + "rude> % Unknown command\r\nrude> bye\r\n"},
		"bytewise": {Device{Bytewise: true, Banner: "hello\r\n"}, login + "exit\r", "hello\r\n" + prompts + "rude> bye\r\n"},
		"twice":    {Device{Twice: true}, login + "exit\r", "login: \r\nlogin: Password: \r\nPassword: \r\nrude> \r\nrude> bye\r\n"},
		"babble":   {Device{Babble: 92}, login + "exit\r", strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 2) + ".." + prompts + "rude> bye\r\n"},
		"colours":  {Device{Colours: true}, login + "exit\r", "\x1b[1;32ml\x1b[0mogin: \x1b[1;32mP\x1b[0massword: \x1b[K\r\n\x1b[1;32mr\x1b[0mude> bye\x1b[K\r\n"},
		"menu":     {Device{Menu: true}, login + "2\rexit\r", prompts + "1) logout\r\n2) command line\r\nYour choice: rude> bye\r\n"},
		"pager":    {Device{Pager: 2}, login + "show\r\n qexit\r", prompts + "rude> line 1\r\nline 2\r\n--More--\r        \rline 3\r\nline 4\r\n--More--\r        \rrude> bye\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, x.device)
			_, err := io.WriteString(conn, x.typed)
			check(t, err)
			got, err := io.ReadAll(conn)
			check(t, err)
			if diff := cmp.Diff(x.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeviceEnds(t *testing.T) {
	conn := dial(t, Device{DiesAt: 3})
	io.WriteString(conn, login)
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it dies with %v", err)
	}
	half := dial(t, Device{HalfEnds: true})
	io.WriteString(half, User+"\r")
	if got, err := io.ReadAll(half); err != nil || string(got) != "login: Password: " {
		t.Errorf("half: %q, %v", got, err)
	}
	for _, kind := range []Telnet{Endless, SubEnd} {
		if n, err := io.CopyN(io.Discard, dial(t, Device{Telnet: kind}), 1<<20); err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

// TestDeviceIsSilent has devices say nothing more, for ever.
func TestDeviceIsSilent(t *testing.T) {
	for name, d := range map[string]Device{"mute": {Mute: true}, "hangs": {Hangs: true}} {
		synctest.Test(t, func(t *testing.T) {
			near, far := memnet.Pipe(nil, nil)
			defer near.Close()
			go func() {
				d.Serve(far)
				far.Close()
			}()
			io.WriteString(near, login)
			near.SetReadDeadline(time.Now().Add(time.Hour))
			got, err := io.ReadAll(near)
			if !errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(got), "rude>") {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		})
	}
}

func dial(t *testing.T, d Device) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", d.Start(t))
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
