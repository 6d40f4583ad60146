//go:build linux || darwin || freebsd || netbsd || openbsd

package terminal

import "golang.org/x/sys/unix"

// setEcho switches the terminal's echo (termios(3), ECHO) and returns how to
// switch it back.
func setEcho(fd int, on bool) (back func(), err error) {
	was, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	now := *was
	now.Lflag &^= unix.ECHO
	if on {
		now.Lflag |= unix.ECHO
	}
	if err := unix.IoctlSetTermios(fd, setTermios, &now); err != nil {
		return nil, err
	}
	return func() { unix.IoctlSetTermios(fd, setTermios, was) }, nil
}
