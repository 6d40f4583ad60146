package remote_test

import (
	"bufio"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/recorded"
)

// TestReadUrgent reads while signals come, for which Linux ends a read before urgent
// data as if there were nothing.
func TestReadUrgent(t *testing.T) {
	near, far := connect(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals(t, unix.Gettid())
	input := bufio.NewReader(remote.ReadUrgent(near))
	near.SetReadDeadline(time.Now().Add(time.Minute))
	for range 5000 {
		if _, err := far.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
		if err := recorded.SendUrgent(far, "!"); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("b\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := input.ReadString('\n'); line != "a!b\n" {
			t.Fatalf("got %q, %v", line, err)
		}
	}
}

// connect returns both ends of a connection on loopback.
func connect(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	remotetest.NoLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

// signals sends a thread, until the test ends, the signal that Go itself sends to
// have goroutines give way.
func signals(t *testing.T, thread int) {
	stop := make(chan struct{})
	var sending sync.WaitGroup
	t.Cleanup(func() { close(stop); sending.Wait() })
	for range 2 {
		sending.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
				}
			}
		})
	}
}
