package telnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/rude"
	"farmrun/modules/telnet"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects to a rude device.
func dial(t *testing.T, d rude.Device) *telnet.Conn {
	t.Helper()
	remotetest.NoLeaks(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c, err := telnet.Dial(ctx, "tcp", d.Start(t), remote.TerminalOptions{})
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRude(t *testing.T) {
	for name, d := range map[string]rude.Device{
		"no telnet": {},
		"polite":    {Telnet: rude.Polite},
		"bytewise":  {Telnet: rude.Polite, Bytewise: true},
		"babble":    {Telnet: rude.Polite, Babble: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, d)
			p := remotetest.NewTypist(t, c)
			before := p.Await("login: ")
			if len(before) != d.Babble {
				t.Errorf("%d bytes before the prompt", len(before))
			}
			if want := d.Telnet != rude.None; c.RemoteEcho() != want {
				t.Errorf("remote echo is %v", c.RemoteEcho())
			}
			p.Type(rude.User + "\r")
			p.Await("Password: ")
			p.Type(rude.Password + "\r")
			p.Await("rude> ")
			p.Type("exit\r")
			p.AwaitEnd()
		})
	}
}

func TestRudeEnds(t *testing.T) {
	for name, d := range map[string]rude.Device{
		"endless": {Telnet: rude.Endless},
		"loop":    {Telnet: rude.Loop},
		"sub":     {Telnet: rude.SubEnd},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, d)
			c.SetReadDeadline(time.Now().Add(time.Minute))
			_, err := io.Copy(io.Discard, c)
			if !errors.Is(err, telnet.ErrProtocol) {
				t.Errorf("it ended with %v", err)
			}
			if _, again := c.Read(make([]byte, 1)); again != err {
				t.Errorf("then with %v", again)
			}
		})
	}
	for name, d := range map[string]rude.Device{"mute": {Mute: true}, "hangs": {Hangs: true}} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, d)
			_, err := io.WriteString(c, rude.User+"\rx\r")
			check(t, err)
			c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, err = io.Copy(io.Discard, c)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it ended with %v", err)
			}
			c.SetReadDeadline(time.Time{})
			go c.Close()
			if _, err = io.Copy(io.Discard, c); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
	half := dial(t, rude.Device{HalfEnds: true})
	_, err := io.WriteString(half, rude.User+"\r")
	check(t, err)
	got, err := io.ReadAll(half)
	if check(t, err); string(got) != "login: Password: " {
		t.Errorf("half: %q", got)
	}
	_, err = io.WriteString(half, "still there")
	check(t, err)
}

// TestWire has what one end writes and what the other then has on the wire.
func TestWire(t *testing.T) {
	const (
		iac, dont, do, wont, will, sb, se = "\xff", "\xfe", "\xfd", "\xfc", "\xfb", "\xfa", "\xf0"
		binary, echo, sga, ttype, naws    = "\x00", "\x01", "\x03", "\x18", "\x1f"
	)
	for name, x := range map[string]struct {
		host string // what the host says
		do   func(*telnet.Conn) error
		sent string // what the host gets
		read string // what Read gives
	}{
		"text":            {host: "a\r\nb\r\x00c\rd\x00", read: "a\r\nb\rc\rd\x00"},
		"IAC":             {host: "a\xff\xffb", read: "a\xffb"},
		"commands":        {host: "a\xff\xf1\xff\xf2\xff\xf9b\r\xff\xf9\x00c", read: "ab\rc"},
		"unknown":         {host: iac + do + "\x20" + iac + will + "\x25", sent: iac + wont + "\x20" + iac + dont + "\x25"},
		"known":           {host: iac + will + sga + iac + do + sga, sent: iac + do + sga + iac + will + sga},
		"once":            {host: strings.Repeat(iac+will+sga, 9), sent: iac + do + sga},
		"no longer":       {host: iac + will + echo + iac + wont + echo + iac + wont + echo, sent: iac + do + echo + iac + dont + echo},
		"our echo":        {host: iac + do + echo, sent: iac + wont + echo},
		"refusals":        {host: iac + wont + "\x20" + iac + dont + "\x25"},
		"type":            {host: iac + do + ttype + iac + sb + ttype + "\x01" + iac + se, sent: iac + will + ttype + iac + sb + ttype + "\x00vt100" + iac + se},
		"type, not asked": {host: iac + sb + ttype + "\x01" + iac + se},
		"size":            {host: iac + do + naws, sent: iac + will + naws + iac + sb + naws + "\x00\xff\xff\x01\x00" + iac + se},
		"size, twice":     {host: strings.Repeat(iac+do+naws, 2), sent: iac + will + naws + iac + sb + naws + "\x00\xff\xff\x01\x00" + iac + se},
		"many options":    {host: strings.Repeat("x"+iac+dont+echo, 2000), read: strings.Repeat("x", 2000)},
		"long":            {do: typed(strings.Repeat("x", 16<<10-1) + "\r\nx"), sent: strings.Repeat("x", 16<<10-1) + "\r\nx"},
		"odd sub":         {host: "a" + iac + sb + "\x63" + iac + iac + "x" + iac + se + iac + sb + iac + se + "b" + iac + sb + "\x63" + iac + do + echo + "c", sent: iac + wont + echo, read: "abc"},
		"binary asked":    {do: (*telnet.Conn).AskBinary, sent: iac + will + binary + iac + do + binary},
		"binary in":       {host: iac + will + binary + "\r\x00\xff\xff", sent: iac + do + binary, read: "\r\x00\xff"},
		"interrupt":       {do: (*telnet.Conn).Interrupt, sent: "\xff\xf4"},
		"break":           {do: (*telnet.Conn).Break, sent: "\xff\xf3"},
		"typed":           {do: typed("a\rb\r\nc\n\r\n\xff\r"), sent: "a\r\x00b\r\nc\n\r\n\xff\xff\r\x00"},
		"typed, binary":   {host: iac + do + binary, do: typed("a\rb\r\n\xff\r"), sent: iac + will + binary + "a\rb\r\n\xff\xff\r"},
		"not asked size":  {do: func(c *telnet.Conn) error { return c.Resize(1, 2) }},
		"resized": {host: iac + do + naws, do: func(c *telnet.Conn) error { return c.Resize(0, 70000) },
			sent: iac + will + naws + iac + sb + naws + "\x00\xff\xff\x01\x00" + iac + se + iac + sb + naws + "\xff\xff\xff\xff\x01\x00" + iac + se},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 3, 1000} { // however the host's bytes are cut
				synctest.Test(t, func(t *testing.T) {
					near, far := net.Pipe()
					c := telnet.New(near, remote.TerminalOptions{Term: "vt100", Rows: 256, Columns: 255})
					read, sent := collect(c), collect(far)
					for piece := range slices.Chunk([]byte(x.host), size) {
						_, err := far.Write(piece)
						check(t, err)
					}
					synctest.Wait()
					if x.do != nil {
						check(t, x.do(c))
					}
					synctest.Wait()
					c.Close()
					far.Close()
					if got := <-sent; got != x.sent {
						t.Errorf("by %d: the host got %q, want %q", size, got, x.sent)
					}
					if got := <-read; got != x.read {
						t.Errorf("by %d: read %q, want %q", size, got, x.read)
					}
				})
			}
		})
	}
}

func typed(text string) func(*telnet.Conn) error {
	return func(c *telnet.Conn) error {
		_, err := io.WriteString(c, text)
		return err
	}
}

// collect reads all of r, then gives it out.
func collect(r io.Reader) <-chan string {
	all := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		all <- string(b)
	}()
	return all
}

// TestBinaryAgreed has the host agree after it was asked, without another round
// of answers, and refuse.
func TestBinaryAgreed(t *testing.T) {
	for answer, want := range map[string]bool{"\xff\xfd\x00\xff\xfb\x00": true, "\xff\xfe\x00\xff\xfc\x00": false} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			c := telnet.New(near, remote.TerminalOptions{})
			sent, read := collect(far), collect(c)
			check(t, c.AskBinary())
			check(t, c.AskBinary())
			io.WriteString(far, answer)
			synctest.Wait()
			if c.Binary() != want {
				t.Errorf("binary is %v", c.Binary())
			}
			c.Close()
			far.Close()
			if got := <-sent; got != "\xff\xfb\x00\xff\xfd\x00" {
				t.Errorf("sent %q", got)
			}
			<-read
		})
	}
}

// slow takes some bytes of each write, and then none until the deadline.
type slow struct {
	net.Conn
	takes int
	got   bytes.Buffer
}

func (s *slow) Write(p []byte) (int, error) {
	n := min(s.takes, len(p))
	s.got.Write(p[:n])
	if n < len(p) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

func (s *slow) SetWriteDeadline(time.Time) error { return nil }

// TestWriteGoesOn has a write that was cut short, in the middle of an escaped
// byte too, go on where it was.
func TestWriteGoesOn(t *testing.T) {
	const text = "\xff\xff\r\xff\r\n\ra\xff"
	const want = "\xff\xff\xff\xff\r\x00\xff\xff\r\n\r\x00a\xff\xff"
	for takes := 1; takes < len(want); takes++ {
		s := &slow{takes: takes}
		c := telnet.New(s, remote.TerminalOptions{})
		for rest := []byte(text); len(rest) > 0; {
			n, _ := c.Write(rest)
			rest = rest[n:]
		}
		for s.got.Len() < len(want) {
			c.Write(nil)
		}
		if got := s.got.String(); got != want {
			t.Errorf("by %d: %q, want %q", takes, got, want)
		}
	}
}

// TestStuckHost has a host that reads nothing keep neither Read from its
// deadline nor the answers from being sent later, in order.
func TestStuckHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := telnet.New(near, remote.TerminalOptions{})
		go io.WriteString(far, "\xff\xfd\x20")
		wrote := make(chan error, 1)
		go func() {
			_, err := io.WriteString(c, "typed")
			wrote <- err
		}()
		synctest.Wait()
		c.SetReadDeadline(time.Now().Add(time.Second))
		began := time.Now()
		if _, err := c.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the read ended after %v with %v", time.Since(began), err)
		}
		sent := collect(far)
		check(t, <-wrote)
		synctest.Wait()
		c.Close()
		far.Close()
		if got := <-sent; got != "typed\xff\xfc\x20" {
			t.Errorf("the host got %q", got)
		}
	})
}

// TestDeafHost has a host that reads nothing keep neither Read from its deadline,
// nor a Write from its own, which is set meanwhile.
func TestDeafHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := telnet.New(near, remote.TerminalOptions{})
		defer c.Close()
		began := time.Now()
		c.SetReadDeadline(began.Add(time.Second))
		go io.WriteString(far, "\xff\xfd\x20")
		go func() {
			time.Sleep(50 * time.Millisecond) // Read is at its answer now
			c.SetWriteDeadline(began.Add(time.Minute))
		}()
		if _, err := c.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the read ended after %v with %v", time.Since(began), err)
		}
		if _, err := io.WriteString(c, "x"); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("the write ended after %v with %v", time.Since(began), err)
		}
	})
}

// TestDeafAsker has a host ask on and on, with text in between, and read nothing.
func TestDeafAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := telnet.New(near, remote.TerminalOptions{})
		go func() {
			for {
				if _, err := io.WriteString(far, strings.Repeat("x\xff\xfd\x20", 100)); err != nil {
					return
				}
			}
		}()
		if n, err := io.Copy(io.Discard, c); !errors.Is(err, telnet.ErrProtocol) {
			t.Errorf("%d bytes, %v", n, err)
		}
		c.Close()
	})
}

// TestUrgent has a data mark, which hosts send out of band, leave nothing behind.
func TestUrgent(t *testing.T) {
	remotetest.NoLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	c, err := telnet.Dial(context.Background(), "tcp", l.Addr().String(), remote.TerminalOptions{})
	check(t, err)
	defer c.Close()
	far, err := l.Accept()
	check(t, err)
	defer far.Close()
	raw, err := far.(syscall.Conn).SyscallConn()
	check(t, err)
	raw.Control(func(fd uintptr) { err = syscall.Sendto(int(fd), []byte("a\xff\xf2"), syscall.MSG_OOB, nil) })
	check(t, err)
	_, err = io.WriteString(far, "^C")
	check(t, err)
	far.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != "a^C" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestDialFails(t *testing.T) {
	remotetest.NoLeaks(t)
	addr := remotetest.Refusing(t)
	_, err := telnet.Dial(context.Background(), "tcp", addr, remote.TerminalOptions{})
	u, ok := errors.AsType[*remote.Unreachable](err)
	if !ok || err.Error() != "telnet "+addr+": connection refused" || u.Hint() == "" || u.Kind() != "unreachable" {
		t.Errorf("got %v", err)
	}
	why := errors.New("the turn is over")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if _, err := telnet.Dial(ctx, "tcp", addr, remote.TerminalOptions{}); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
