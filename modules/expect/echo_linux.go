package expect

import "golang.org/x/sys/unix"

// Echo tells whether the terminal sends back what is typed now: see
// termios(3), ECHO. A program that reads key by key may do so itself.
func (t *Terminal) Echo() (e Echo) {
	conn, err := t.file.SyscallConn()
	if err != nil {
		return EchoUnknown
	}
	conn.Control(func(fd uintptr) {
		set, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		switch {
		case err != nil:
		case set.Lflag&unix.ECHO != 0:
			e = EchoOn
		case set.Lflag&unix.ICANON != 0:
			e = EchoOff
		}
	})
	return e
}
