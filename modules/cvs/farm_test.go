package cvs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"
	"farmrun/modules/cvs"
	"farmrun/modules/ssh"
	"farmrun/modules/tunnel"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 2) }

// login logs in to a web server, with a tunnel to the CVS server.
func login(t *testing.T, host string) *ssh.Client {
	t.Helper()
	farm.Need(t)
	client, err := (&ssh.Dialer{ConfigFile: farm.Config(""), Home: farm.Home()}).Dial(t.Context(), host, ssh.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	var set tunnel.Set
	tun, err := set.Reverse(t.Context(), client, tunnel.Options{Listen: "2401", To: "dev:2401"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tun.Close() })
	return client
}

const (
	asAnon = ":pserver:anon@127.0.0.1:" + farm.CVSRoot
	asRel  = ":pserver:rel@127.0.0.1:" + farm.CVSRoot
)

// left returns what a pull has left on a host: files and processes.
func left(t *testing.T, host string) string {
	t.Helper()
	return farm.Exec(t, host, "sh", "-c", `cd /home/web/releases && ls -A | grep -v initial; pgrep -au web cvs; :`)
}

func TestFarmCheckout(t *testing.T) {
	host := login(t, "webserv1")
	t.Cleanup(func() { farm.Exec(t, "webserv1", "rm", "-rf", "/home/web/releases/pulled") })
	asked := 0
	passwords := &cvs.Passwords{Take: func(context.Context, string) (secret.Secret, secret.Report, error) {
		asked++
		return secret.New(farm.RelPassword), func(secret.Outcome) {}, nil
	}}
	c := &cvs.Client{Runner: host, Root: asRel, Passwords: passwords}
	rel, err := c.Checkout(t.Context(), cvs.CheckoutOptions{Dir: "releases/pulled", Module: "site", Tag: "Snapshot-2000-09-19"})
	if err != nil || rel.Files < 40 || asked != 1 {
		t.Fatalf("%+v, %v, asked %d times", rel, err, asked)
	}
	files, _, err := c.Update(t.Context(), cvs.UpdateOptions{Dir: "releases/pulled", DryRun: true})
	if err != nil || files != nil {
		t.Errorf("got %v, %v", files, err)
	}
	if got := left(t, "webserv1"); got != "pulled\n" {
		t.Errorf("left: %s", got)
	}
}

func TestFarmFullDisk(t *testing.T) {
	host := login(t, "webserv2")
	farm.Fault(t, "fill", "webserv2")
	_, err := (&cvs.Client{Runner: host, Root: asAnon}).Checkout(t.Context(), cvs.CheckoutOptions{Dir: "releases/pulled", Module: "site"})
	if !errors.Is(err, cvs.ErrDiskFull) {
		t.Errorf("got %v", err)
	}
	if got := left(t, "webserv2"); got != "" {
		t.Errorf("left: %s", got)
	}
}

// At the deadline nothing is left of a pull that waited for a lock, or for a
// server that lost power.
func TestFarmDeadline(t *testing.T) {
	for fault, says := range map[string]string{"cvs-lock": "waiting for", "freeze": ""} {
		t.Run(fault, func(t *testing.T) {
			ctx, host := remotetest.TimeUp(t.Context(), login(t, "webserv1"), says)
			farm.Fault(t, fault, "dev")
			_, err := (&cvs.Client{Runner: host, Root: asAnon}).Checkout(ctx, cvs.CheckoutOptions{Dir: "releases/pulled", Module: "site"})
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cvs.ErrLocked) != (fault == "cvs-lock") {
				t.Errorf("got %v", err)
			}
			if got := left(t, "webserv1"); got != "" {
				t.Errorf("left: %s", got)
			}
		})
	}
}

// A line that is cut leaves nothing either.
func TestFarmTunnelIsCut(t *testing.T) {
	host := login(t, "webserv1")
	farm.Fault(t, "rate", "dev", "256kbit")
	cut := make(chan struct{})
	time.AfterFunc(time.Second, func() {
		defer close(cut)
		farm.Fault(t, "reset-port", "dev", "2401")
	})
	_, err := (&cvs.Client{Runner: host, Root: asAnon}).Checkout(t.Context(), cvs.CheckoutOptions{Dir: "releases/pulled", Module: "site"})
	<-cut
	if !errors.Is(err, cvs.ErrLost) {
		t.Errorf("got %v", err)
	}
	if got := strings.TrimSpace(left(t, "webserv1")); got != "" {
		t.Errorf("left: %s", got)
	}
}
