//go:build !linux

package remote

import (
	"io"
	"net"
)

// ReadUrgent returns a reader of conn that finds urgent data (RFC 9293, 3.8.5) in
// its place among the rest, and not left out. conn may be any.
func ReadUrgent(conn net.Conn) io.Reader {
	keepUrgent(conn)
	return conn
}
