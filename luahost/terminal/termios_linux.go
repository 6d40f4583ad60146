package terminal

import "golang.org/x/sys/unix"

// The requests of ioctl(2) for terminals.
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)
