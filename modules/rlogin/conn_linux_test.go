package rlogin

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/recorded"
	"farmrun/testdata/farm"
	"farmrun/testdata/need"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect returns both ends of a connection on loopback.
func connect(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	remotetest.NoLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	b, err := l.Accept()
	check(t, err)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

const hello = "\x00me\x00web\x00vt100/38400\x00"

// begin has a host take note of who logs in.
func begin(t *testing.T) (*Conn, *net.TCPConn) {
	t.Helper()
	near, far := connect(t)
	say(t, far, "\x00")
	c, err := New(near, Options{User: "web", LocalUser: "me", Terminal: remote.TerminalOptions{Term: "vt100"}})
	check(t, err)
	c.SetReadDeadline(time.Now().Add(time.Minute))
	hear(t, far, hello)
	return c, far
}

func say(t *testing.T, far net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(far, text)
	check(t, err)
}

func hear(t *testing.T, far io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(far, got)
	if string(got) != want {
		t.Fatalf("the host got %q, want %q (%v)", got[:n], want, err)
	}
}

// TestHello has what a host says in place of its NUL be an error.
func TestHello(t *testing.T) {
	for said, want := range map[string]string{
		"\x01rlogind: Permission denied.\r\n": `refused by the host: it says "rlogind: Permission denied."`,
		"":                                    "refused by the host",
	} {
		near, far := connect(t)
		say(t, far, said)
		far.CloseWrite()
		if _, err := New(near, Options{User: "web"}); err == nil || err.Error() != want || !errors.Is(err, ErrRefused) {
			t.Errorf("%q: got %v, want %q", said, err, want)
		}
	}
	near, far := connect(t)
	far.SetLinger(0)
	far.Close()
	if _, err := New(near, Options{}); !errors.Is(err, ErrRefused) {
		t.Errorf("reset: %v", err)
	}
	near, far = connect(t)
	go func() {
		io.ReadFull(far, make([]byte, len(hello)))
		far.SetLinger(0)
		far.Close()
	}()
	if _, err := New(near, Options{User: "web", LocalUser: "me", Terminal: remote.TerminalOptions{Term: "vt100"}}); !errors.Is(err, ErrRefused) {
		t.Errorf("reset later: %v", err)
	}
	near, _ = connect(t)
	if _, err := New(near, Options{User: "a\x00b"}); err == nil {
		t.Error("a NUL in a name goes through")
	}
}

// TestWindow has the size told when it is asked for, and then when it changes.
func TestWindow(t *testing.T) {
	c, far := begin(t)
	check(t, c.Resize(50, 0)) // is not told yet
	check(t, recorded.SendUrgent(far, "\x02"))
	say(t, far, "before")
	hear(t, c, "before")
	check(t, recorded.SendUrgent(far, "\x80"))
	say(t, far, "after\x80")
	hear(t, c, "after\x80")
	hear(t, far, "\xff\xffss\x00\x32\x03\xe8\x00\x00\x00\x00")
	check(t, c.Resize(0, 70000))
	hear(t, far, "\xff\xffss\x00\x32\xff\xff\x00\x00\x00\x00")
	_, err := io.WriteString(c, "typed\xff\xffs")
	check(t, err)
	hear(t, far, "typed\xff\xffs")
	if n, err := io.WriteString(c, "a\xff\xffssb"); n != 0 || !errors.Is(err, ErrUnsendable) {
		t.Errorf("%d, %v", n, err)
	}
	far.CloseWrite()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}

// TestWindowAskedTwice has a host ask twice before anybody reads: TCP then knows
// the place of the second only.
func TestWindowAskedTwice(t *testing.T) {
	for _, before := range []string{"", "text"} {
		c, far := begin(t)
		say(t, far, before)
		check(t, recorded.SendUrgent(far, "\x80"))
		check(t, recorded.SendUrgent(far, "\x80"))
		say(t, far, "after")
		far.CloseWrite()
		awaitAll(t, c, len(before)+len("\x80\x80after"))
		if got, err := io.ReadAll(c); err != nil || string(got) != before+"after" {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

// awaitAll waits until so many bytes can be read.
func awaitAll(t *testing.T, c *Conn, want int) {
	t.Helper()
	check(t, c.urgent.raw.Read(func(fd uintptr) bool {
		n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		check(t, err)
		return n >= want
	}))
}

// TestDeafHost has a host that reads nothing keep Read from no deadline, and the
// size be told later.
func TestDeafHost(t *testing.T) {
	c, far := begin(t)
	check(t, recorded.SendUrgent(far, "\x80"))
	sent := fill(t, c)
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v", err)
	}
	go io.WriteString(c, "last")
	_, err := io.CopyN(io.Discard, far, int64(sent))
	check(t, err)
	hear(t, far, "\xff\xffss\x00\x18\x03\xe8\x00\x00\x00\x00last")
}

// fill writes until there is no more room on the way, and returns how much that
// was.
func fill(t *testing.T, c *Conn) (sent int) {
	t.Helper()
	check(t, c.urgent.raw.Write(func(fd uintptr) bool {
		for {
			n, err := unix.Write(int(fd), make([]byte, 64<<10))
			if err != nil {
				return true
			}
			sent += n
		}
	}))
	return sent
}

// TestAskedWhileWriting has the size be told after what was being written.
func TestAskedWhileWriting(t *testing.T) {
	c, far := begin(t)
	const size = 16 << 20 // more than is buffered on the way
	go c.Write(make([]byte, size))
	for c.writing.TryLock() {
		c.writing.Unlock()
		runtime.Gosched()
	}
	check(t, recorded.SendUrgent(far, "\x80"))
	say(t, far, "x")
	hear(t, c, "x")
	_, err := io.CopyN(io.Discard, far, size)
	check(t, err)
	hear(t, far, "\xff\xffss\x00\x18\x03\xe8\x00\x00\x00\x00")
}

func TestDeadlinesAndClose(t *testing.T) {
	c, far := begin(t)
	c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	c.SetReadDeadline(time.Time{})
	say(t, far, "a")
	hear(t, c, "a")
	go c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestDialPorts has a port that is taken be left for the next, and a second
// host be reached from the same.
func TestDialPorts(t *testing.T) {
	need.Root(t) // for reserved ports
	remotetest.NoLeaks(t)
	ctx := context.Background()
	var addrs []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	const last = leastPort + ports - 1
	var got []int
	for _, addr := range []string{addrs[0], addrs[0], addrs[1]} {
		c, err := dialReserved(ctx, "tcp", addr, last)
		check(t, err)
		defer c.Close()
		got = append(got, c.LocalAddr().(*net.TCPAddr).Port)
	}
	if got[0] == got[1] || got[0] != got[2] || min(got[0], got[1]) < leastPort || max(got[0], got[1]) > last {
		t.Errorf("the ports are %d", got)
	}
}

// TestDialMayNot has a thread that may not use reserved ports.
func TestDialMayNot(t *testing.T) {
	farm.Need(t)
	remotetest.NoLeaks(t)
	const setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start" // of the farm's network alone
	was, err := os.ReadFile(setting)
	check(t, err)
	check(t, os.WriteFile(setting, []byte("1024"), 0))
	t.Cleanup(func() { os.WriteFile(setting, was, 0) })
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // which ends with this goroutine
		if err := dropBind(); err != nil {
			failed <- err
			return
		}
		_, err := Dial(context.Background(), "tcp", "127.0.0.1:1", Options{})
		failed <- err
	}()
	err = <-failed
	u, ok := errors.AsType[*remote.Unreachable](err)
	if !ok || !errors.Is(err, ErrPort) || !strings.Contains(u.Hint(), "the system's rlogin") {
		t.Errorf("got %v", err)
	}
}

// dropBind takes CAP_NET_BIND_SERVICE from this thread (capabilities(7)).
func dropBind() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[0].Effective &^= 1 << unix.CAP_NET_BIND_SERVICE
	return unix.Capset(&header, &sets[0])
}

func TestDialFails(t *testing.T) {
	need.Root(t) // for reserved ports
	remotetest.NoLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	why := errors.New("the turn is over")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer l.Close()
	go func() {
		if far, err := l.Accept(); err == nil { // and says nothing
			defer far.Close()
			cancel(why)
			<-ctx.Done()
		}
	}()
	_, err = Dial(ctx, "tcp", l.Addr().String(), Options{User: "web"})
	if !errors.Is(err, why) || !strings.HasPrefix(err.Error(), "rlogin "+l.Addr().String()) {
		t.Errorf("got %v", err)
	}
	_, err = Dial(context.Background(), "tcp", remotetest.Refusing(t), Options{User: "web"})
	if err == nil || !strings.HasSuffix(err.Error(), ": connection refused") {
		t.Errorf("got %v", err)
	}
}
