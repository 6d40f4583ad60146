package memnet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote/remotetest/memnet"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect returns both ends of a connection over a network.
func connect(t *testing.T) (near, far net.Conn) {
	t.Helper()
	var n memnet.Net
	l, err := n.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	near, err = n.DialContext(t.Context(), "tcp", l.Addr().String())
	check(t, err)
	far, err = l.Accept()
	check(t, err)
	return near, far
}

func TestNet(t *testing.T) {
	var n memnet.Net
	l, err := n.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	addr := l.Addr().(*net.TCPAddr).String()
	if _, err := n.Listen("tcp", addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	pending, err := n.DialContext(t.Context(), "tcp", addr)
	check(t, err)
	check(t, l.Close())
	if _, err := pending.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("what nobody accepted ends with %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if _, err := n.DialContext(t.Context(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a closed port: %v", err)
	}
	l, err = n.Listen("unix", "/a/socket")
	check(t, err)
	if _, err := n.DialContext(t.Context(), "unix", l.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestHalfClose(t *testing.T) {
	near, far := connect(t)
	for _, c := range []net.Conn{near, far} { // each speaks before it listens
		_, err := io.WriteString(c, "hello")
		check(t, err)
		check(t, c.(interface{ CloseWrite() error }).CloseWrite())
	}
	for _, c := range []net.Conn{near, far} {
		if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("it writes after its end")
		}
	}
}

func TestClose(t *testing.T) {
	near, far := connect(t)
	check(t, near.Close())
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("this end reads %v", err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the other reads %v", err)
	}
	if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the other writes: %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := connect(t)
		began := time.Now()
		check(t, near.SetDeadline(began.Add(time.Second)))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the read ends with %v", err)
		}
		check(t, near.SetDeadline(began.Add(3*time.Second)))
		if n, err := near.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 {
			t.Errorf("the write ends after %d bytes with %v", n, err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v, want 3s", took)
		}
	})
}
