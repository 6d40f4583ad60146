package sshserver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"farmrun/modules/ssh/sshserver"

	"golang.org/x/crypto/ssh"
)

// reach logs in and runs a command, within 200 ms, and says how far
// it came, and whether waiting was what ended it.
func reach(addr string) (stage string, silent bool) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return "connect", false
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(200 * time.Millisecond))
	config := &ssh.ClientConfig{User: "web", HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	cc, channels, requests, err := ssh.NewClientConn(nc, addr, config)
	if err != nil {
		return "login", isTimeout(err)
	}
	client := ssh.NewClient(cc, channels, requests)
	defer client.Close()
	client.SendRequest("keepalive@openssh.com", true, nil)
	s, err := client.NewSession()
	if err != nil {
		return "session", isTimeout(client.Wait())
	}
	if err := s.Run("true"); err != nil {
		return "exec", isTimeout(client.Wait())
	}
	return "done", false
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  sshserver.Fault
		stage  string
		silent bool
	}{
		{"none", sshserver.None, "done", false},
		{"silent after accept", sshserver.SilentAfterAccept, "login", true},
		{"close after accept", sshserver.CloseAfterAccept, "login", false},
		{"garbage", sshserver.Garbage, "login", true},
		{"silent after version", sshserver.SilentAfterVersion, "login", true},
		{"silent in auth", sshserver.SilentInAuth, "login", true},
		{"close in auth", sshserver.CloseInAuth, "login", false},
		{"banner flood", sshserver.BannerFlood, "login", true},
		{"silent channel", sshserver.SilentChannel, "session", true},
		{"silent exec", sshserver.SilentExec, "exec", true},
		{"freeze on exec", sshserver.FreezeOnExec, "exec", true},
		{"silent requests", sshserver.SilentRequests, "session", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := start(t, &sshserver.Server{
				Auth:  sshserver.Auth{None: anyone},
				Exec:  func(context.Context, *sshserver.Exec) int { return 0 },
				Fault: func(int) sshserver.Fault { return test.fault },
			})
			stage, silent := reach(addr)
			if stage != test.stage || silent != test.silent {
				t.Errorf("got %s, silent %v; want %s, silent %v", stage, silent, test.stage, test.silent)
			}
		})
	}
}
