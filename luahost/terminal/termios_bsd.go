//go:build darwin || freebsd || netbsd || openbsd

package terminal

import "golang.org/x/sys/unix"

// The requests of ioctl(2) for terminals.
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)

// discardInput throws away what was typed and not read, as tcflush(3) does.
func discardInput(fd int) error {
	const read = 1 // FREAD
	return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, read)
}
