//go:build darwin || freebsd || netbsd || openbsd

package expect

import "golang.org/x/sys/unix"

// Read reads the program's output. When no program has the terminal open any
// more, it fails with EIO or io.EOF.
func (t *Terminal) Read(p []byte) (int, error) { return t.file.Read(p) }

// Write types.
func (t *Terminal) Write(p []byte) (int, error) { return t.file.Write(p) }

// localFlags returns the flags of termios(3), c_lflag.
func localFlags(fd uintptr) (uint64, error) {
	set, err := unix.IoctlGetTermios(int(fd), unix.TIOCGETA)
	if err != nil {
		return 0, err
	}
	return uint64(set.Lflag), nil
}
