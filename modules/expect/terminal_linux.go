package expect

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of this file are made without the knowledge of Go's
// scheduler. It would wake its monitor for the first of them after a rest, lest
// it blocks, and that would look every 20 µs until there is a rest again; a
// dialogue rests in each turn, and a third of its processor time went there. As
// the terminal is set not to block (see pollable), none of them does.

// Read reads what the program says. When no program has the terminal open any
// more, it fails with EIO.
func (t *Terminal) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	waited := t.conn.Read(func(fd uintptr) bool {
		n, err = transfer(unix.SYS_READ, fd, p)
		return err != unix.EAGAIN
	})
	if waited != nil {
		return 0, waitError(waited)
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write types.
func (t *Terminal) Write(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	waited := t.conn.Write(func(fd uintptr) bool {
		for n < len(p) && err == nil {
			var some int
			some, err = transfer(unix.SYS_WRITE, fd, p[n:])
			n += some
		}
		if err == unix.EAGAIN {
			err = nil
			return false
		}
		return true
	})
	if waited != nil {
		return n, waitError(waited)
	}
	return n, err
}

// transfer is read(2) or write(2) with p, which is not empty.
func transfer(call, fd uintptr, p []byte) (n int, err error) {
	for {
		done, _, errno := unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(done), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// waitError is what the error of a wait for the terminal would be if package
// os had waited.
func waitError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return os.ErrClosed
}

// localFlags returns the flags of termios(3), c_lflag.
func localFlags(fd uintptr) (uint64, error) {
	var set unix.Termios
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, fd, unix.TCGETS, uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		return 0, errno
	}
	return uint64(set.Lflag), nil
}
