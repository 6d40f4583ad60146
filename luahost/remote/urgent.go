package remote

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepUrgent has urgent data be read with the rest. It returns nil where conn has
// no socket.
func keepUrgent(conn net.Conn) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
	return raw
}
