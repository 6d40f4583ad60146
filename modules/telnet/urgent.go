package telnet

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepUrgent has urgent data read with the rest. A host sends its data mark so
// (RFC 854, "synch"), and left out it would leave an IAC behind that takes the
// next byte for a command.
func keepUrgent(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
}
