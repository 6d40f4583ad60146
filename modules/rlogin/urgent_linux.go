package rlogin

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"farmrun/luahost/remote"
)

// urgentConn reads a TCP connection such that a byte which was sent out of band
// comes alone, and at its place in the stream: it is kept inline, where a read
// stops before it, and SIOCATMARK tells that it is next (tcp(7)).
type urgentConn struct{ raw syscall.RawConn }

// newUrgentConn returns nil for what is no TCP connection.
func newUrgentConn(conn net.Conn) *urgentConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
	if err != nil || set != nil {
		return nil
	}
	return &urgentConn{raw}
}

// read reads as io.Reader does, or one byte that was sent out of band, with
// true.
func (u *urgentConn) read(p []byte) (n int, control bool, err error) {
	var failed error
	err = u.raw.Read(func(fd uintptr) bool {
		n, control, failed = readOnce(int(fd), p)
		return failed != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, false, err
	case failed != nil:
		return 0, false, os.NewSyscallError("read", failed)
	case n == 0 && !control:
		return 0, false, io.EOF
	}
	return n, control, nil
}

// readOnce looks first whether there is something: what is not there yet could
// still turn out to be out of band.
//
// Some hosts send the same control byte twice at once (rsh-redone's does, from
// two processes). TCP remembers the place of the last only, so the first is
// then the end of the data before it, and is the control byte that is returned.
func readOnce(fd int, p []byte) (n int, control bool, err error) {
	if _, err := peek(fd); err != nil {
		return endOf(err)
	}
	if atMark(fd) {
		p, control = p[:1], true
	}
	if n, err = remote.Receive(fd, p, 0); err != nil {
		return endOf(err)
	}
	if control || n == 0 || !atMark(fd) {
		return n, control, nil
	}
	if next, err := peek(fd); err == nil && next == askSize && p[n-1] == next {
		if n--; n == 0 {
			return 1, true, nil
		}
	}
	return n, false, nil
}

// endOf makes of the end of the stream a read of nothing.
func endOf(err error) (int, bool, error) {
	if err == io.EOF {
		err = nil
	}
	return 0, false, err
}

// peek returns the next byte.
func peek(fd int) (byte, error) {
	var next [1]byte
	n, err := remote.Receive(fd, next[:], unix.MSG_PEEK)
	if err == nil && n == 0 {
		err = io.EOF
	}
	return next[0], err
}

// atMark tells whether the next byte was sent out of band.
func atMark(fd int) bool {
	at, err := unix.IoctlGetInt(fd, unix.SIOCATMARK)
	return err == nil && at != 0
}

// tryWrite writes what the connection takes at once.
func (u *urgentConn) tryWrite(p []byte) (n int, err error) {
	err = u.raw.Write(func(fd uintptr) bool {
		for n, err = unix.Write(int(fd), p); err == unix.EINTR; {
			n, err = unix.Write(int(fd), p)
		}
		return true
	})
	return max(n, 0), err
}
