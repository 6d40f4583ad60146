package terminal

import "golang.org/x/sys/unix"

// The requests of ioctl(2) for terminals.
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)

// discardInput throws away what was typed and not read, as tcflush(3) does.
func discardInput(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
