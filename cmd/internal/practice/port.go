package practice

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// port is a port of 127.0.0.1 that belongs to the farm even while nothing
// listens there: a socket that is bound and never listens holds it, so that
// connections are refused and no other program is given it. A web server that
// restarts comes back where it was, and a tunnel's end can be told to the host
// before there is a tunnel.
type port struct {
	fd     int
	number int
}

// newPort holds a port that was free.
func newPort() (*port, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &port{fd: fd}
	if err := p.bind(); err != nil {
		p.close()
		return nil, fmt.Errorf("hold a port on loopback: %w", err)
	}
	return p, nil
}

// bind takes a free port. SO_REUSEADDR, which net.Listen sets as well, is what
// lets a listener join.
func (p *port) bind() error {
	if err := syscall.SetsockoptInt(p.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(p.fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	name, err := syscall.Getsockname(p.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	p.number = name.(*syscall.SockaddrInet4).Port
	return nil
}

func (p *port) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.number)) }

// listen fails while another listener has the port.
func (p *port) listen() (net.Listener, error) { return listen(p.addr()) }

// listener gives up its place with Close even if a process that is being started
// still has its socket: between fork and exec each has all that are open.
type listener struct {
	net.Listener
	socket syscall.Conn
}

// listen listens at an address, or at the path of a socket. The socket's file
// outlives the listener, so that connections are refused as a port's are.
func listen(at string) (net.Listener, error) {
	network := "tcp"
	if filepath.IsAbs(at) {
		network = "unix"
		os.Remove(at)
	}
	l, err := net.Listen(network, at)
	if err != nil {
		return nil, err
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	return listener{l, l.(syscall.Conn)}, nil
}

func (l listener) Close() error {
	if conn, err := l.socket.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	}
	return l.Listener.Close()
}

// listenAll listens at all of these, or at none.
func listenAll(at []string) (open []net.Listener, err error) {
	for _, a := range at {
		l, err := listen(a)
		if err != nil {
			closeAll(open)
			return nil, err
		}
		open = append(open, l)
	}
	return open, nil
}

func closeAll(open []net.Listener) {
	for _, l := range open {
		l.Close()
	}
}

func (p *port) close() { syscall.Close(p.fd) }
