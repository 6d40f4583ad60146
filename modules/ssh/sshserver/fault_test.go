package sshserver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote/remotetest/memnet"
	"farmrun/modules/ssh/sshserver"
)

// silence is how long a server must say nothing to be taken for a silent one, in
// virtual time: it would say nothing for ever.
const silence = time.Hour

var errEndless = errors.New("the server talks without end")

// impatient is a connection that gives up on a server that is silent, and on
// one that talks without end, and remembers which it was.
type impatient struct {
	net.Conn
	read int
	end  error
}

func (c *impatient) Read(p []byte) (int, error) {
	const endless = 1 << 20
	if c.read > endless {
		c.end = errEndless
		c.Close()
		return 0, c.end
	}
	c.SetReadDeadline(time.Now().Add(silence))
	n, err := c.Conn.Read(p)
	c.read += n
	c.end = err
	return n, err
}

func (c *impatient) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.end == nil {
		c.end = err
	}
	return n, err
}

// reach logs in and runs a command, and says how far it came and what ended
// the connection there: "silent", "endless", "closed",
// "given up" (by x/crypto/ssh itself), or "" if nothing did.
func reach(nc net.Conn) (stage, end string) {
	defer nc.Close()
	c := &impatient{Conn: nc}
	config := &ssh.ClientConfig{User: "web", HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	config.BannerCallback = func(string) error { return nil }
	cc, channels, requests, err := ssh.NewClientConn(c, "", config)
	if err != nil {
		return "login", ending(c.end)
	}
	client := ssh.NewClient(cc, channels, requests)
	defer client.Close()
	if stage := use(client); stage != "done" {
		client.Wait()
		return stage, ending(c.end)
	}
	return "done", ""
}

// use does one thing after the other with a connection.
func use(client *ssh.Client) (stage string) {
	if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		return "keepalive"
	}
	s, err := client.NewSession()
	if err != nil {
		return "session"
	}
	if err := s.Run("true"); err != nil {
		return "exec"
	}
	return "done"
}

func ending(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silent"
	case errors.Is(err, errEndless):
		return "endless"
	case err == nil:
		return "given up"
	}
	return "closed"
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault sshserver.Fault
		stage string
		end   string
	}{
		{"none", sshserver.None, "done", ""},
		{"silent after accept", sshserver.SilentAfterAccept, "login", "silent"},
		{"close after accept", sshserver.CloseAfterAccept, "login", "closed"},
		{"garbage", sshserver.Garbage, "login", "given up"},
		{"silent after version", sshserver.SilentAfterVersion, "login", "silent"},
		{"silent in auth", sshserver.SilentInAuth, "login", "silent"},
		{"close in auth", sshserver.CloseInAuth, "login", "closed"},
		{"banner flood", sshserver.BannerFlood, "login", "endless"},
		{"silent channel", sshserver.SilentChannel, "session", "silent"},
		{"silent exec", sshserver.SilentExec, "exec", "silent"},
		{"freeze on exec", sshserver.FreezeOnExec, "exec", "silent"},
		{"silent requests", sshserver.SilentRequests, "keepalive", "silent"},
		{"untold", sshserver.Untold, "exec", "silent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n memnet.Net
				l, err := n.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				startOn(t, l, &sshserver.Server{
					Auth:  sshserver.Auth{None: anyone},
					Exec:  func(context.Context, *sshserver.Exec) int { return 0 },
					Fault: func(int) sshserver.Fault { return test.fault },
				})
				nc, err := n.DialContext(t.Context(), "tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				stage, end := reach(nc)
				if stage != test.stage || end != test.end {
					t.Errorf("got %s, %q; want %s, %q", stage, end, test.stage, test.end)
				}
			})
		})
	}
}
