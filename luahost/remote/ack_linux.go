package remote

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// AckAtOnce has the system acknowledge at once what has come over conn, if that
// is TCP. Otherwise it may wait 40 ms for something to send with it, and a host
// that says several small things waits for that between them. Call it after
// every Read: see TCP_QUICKACK in tcp(7).
func AckAtOnce(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	}
}
