package remote

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadUrgent returns a reader of conn that finds urgent data (tcp(7)) in its place
// among the rest, and not left out. conn may be any; its deadlines hold.
func ReadUrgent(conn net.Conn) io.Reader {
	raw := keepUrgent(conn)
	if _, tcp := conn.(*net.TCPConn); !tcp || raw == nil {
		return conn
	}
	return &urgentReader{raw}
}

type urgentReader struct{ raw syscall.RawConn }

func (r *urgentReader) Read(p []byte) (n int, err error) {
	var failed error
	err = r.raw.Read(func(fd uintptr) bool {
		n, failed = Receive(int(fd), p, 0)
		return failed != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, os.NewSyscallError("read", failed)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Receive is recv(2) from a socket that does not block, and EAGAIN only where there
// is nothing. Linux returns that before urgent data as well when a signal has come,
// as Go's own do, and who waits for more then may wait for ever: all may be there.
func Receive(fd int, p []byte, flags int) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, p, flags)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && holds(fd):
		default:
			return n, err
		}
	}
}

// holds tells whether there is something to read.
func holds(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return err == nil && n > 0
}
