package sshserver

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Fault is a way in which a host can be broken. What is silent stays silent,
// with the connection open, until the client closes it or the server closes.
type Fault int

// The faults, in the order of a connection's life.
const (
	None               Fault = iota
	SilentAfterAccept        // a stopped sshd: accepts, never speaks
	CloseAfterAccept         // /etc/nologin, tcp wrappers, MaxStartups
	Garbage                  // not ssh at all, and without end
	SilentAfterVersion       // says SSH-2.0-… and nothing more
	SilentInAuth             // never decides about the login
	CloseInAuth              // hangs up where it would have decided
	BannerFlood              // banners without end before the login
	SilentChannel            // never answers the opening of a channel
	SilentExec               // opens the session, never answers exec
	FreezeOnExec             // answers nothing at all from the exec request on: power lost
	SilentRequests           // never answers forwards and keepalives
	Untold                   // ends the session and does not tell how the command ended
)

// spoil makes a connection's beginning go wrong. It returns nil where the
// connection is over, and else what to go on with.
func (s *Server) spoil(nc net.Conn, fault Fault) (net.Conn, *ssh.ServerConfig) {
	switch fault {
	case SilentAfterAccept:
		io.Copy(io.Discard, nc)
	case CloseAfterAccept:
	case Garbage:
		talkForEver(nc)
	case SilentAfterVersion:
		io.WriteString(nc, s.greeting()+"\r\n")
		io.Copy(io.Discard, nc)
	case SilentInAuth:
		return nc, s.serverConfig(func() { <-s.ctx.Done() })
	case CloseInAuth:
		return nc, s.serverConfig(func() { nc.Close() })
	case BannerFlood:
		config := s.serverConfig(nil)
		config.PreAuthConnCallback = flood
		return nc, config
	case FreezeOnExec:
		return &freezer{Conn: nc}, s.config
	default:
		return nc, s.config
	}
	return nil, nil
}

func (s *Server) greeting() string {
	if s.Version == "" {
		return "SSH-2.0-Go"
	}
	return s.Version
}

// talkForEver writes lines that are no ssh greeting until the client goes.
func talkForEver(nc net.Conn) {
	line := append(bytes.Repeat([]byte("\xff\x00garbage "), 20), '\n')
	for {
		if _, err := nc.Write(line); err != nil {
			return
		}
	}
}

func flood(c ssh.ServerPreAuthConn) {
	for c.SendAuthBanner("The same notice, once again.\n") == nil {
	}
}

// silentExec tells whether an exec request gets no answer, and freezes the
// connection where that is the fault.
func (c *conn) silentExec() bool {
	if f, ok := c.net.(*freezer); ok {
		f.frozen.Store(true)
	}
	return c.fault == FreezeOnExec || c.fault == SilentExec
}

// freezer is a connection to a host that may lose its power: nothing written
// to it arrives any more then. What the client sends is still read, as the
// network would take some of it.
type freezer struct {
	net.Conn
	frozen atomic.Bool
}

func (f *freezer) Write(p []byte) (int, error) {
	if f.frozen.Load() {
		return len(p), nil
	}
	return f.Conn.Write(p)
}
