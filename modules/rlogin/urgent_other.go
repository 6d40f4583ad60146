//go:build !linux

package rlogin

import "net"

// urgentConn is what only Linux has here. Elsewhere what a host says out of
// band is skipped, and it is never told the size of the window.
type urgentConn struct{}

func newUrgentConn(net.Conn) *urgentConn { return nil }

func (*urgentConn) read([]byte) (int, bool, error) { panic("unreachable") }
func (*urgentConn) tryWrite([]byte) (int, error)   { panic("unreachable") }
