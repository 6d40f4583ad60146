package remotetest

import (
	"fmt"
	"syscall"
	"testing"
)

// Refusing returns an address on loopback that refuses connections until the test
// ends. A port that was closed would not do: another process may get it. This one
// is held by a socket that does not listen.
func Refusing(t testing.TB) string {
	t.Helper()
	port, release, err := RefusingPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// RefusingPort is Refusing until release is called, and returns the port.
func RefusingPort() (port int, release func(), err error) {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, nil, err
	}
	syscall.CloseOnExec(s)
	if err := syscall.Bind(s, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		syscall.Close(s)
		return 0, nil, err
	}
	at, err := syscall.Getsockname(s)
	if err != nil {
		syscall.Close(s)
		return 0, nil, err
	}
	return at.(*syscall.SockaddrInet4).Port, func() { syscall.Close(s) }, nil
}
