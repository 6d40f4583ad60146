package tunnel_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/modules/ssh"
	"farmrun/modules/tunnel"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 3) }

// login logs in to a host of the farm, until the test ends.
func login(t *testing.T, host string, o ssh.Options) *ssh.Client {
	t.Helper()
	farm.Need(t)
	client, err := (&ssh.Dialer{ConfigFile: farm.Config(""), Home: farm.Home()}).Dial(t.Context(), host, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

var toCVS = tunnel.Options{Listen: "2401", To: "dev:2401"}

// A host that cannot reach the CVS server reaches it through a tunnel.
func TestFarmTunnel(t *testing.T) {
	farm.Need(t)
	host := login(t, "webserv1", ssh.Options{})
	var set tunnel.Set
	tun, err := set.Reverse(t.Context(), host, toCVS)
	if err != nil {
		t.Fatal(err)
	}
	cvs := remote.Cmd{Line: "cvs -Q -d :pserver:anon@127.0.0.1:/cvsroot rlog -R -S -rSnapshot-2000-09-19 site | wc -l"}
	res, err := host.Run(t.Context(), cvs)
	if err != nil || strings.TrimSpace(string(res.Stdout)) == "0" || len(res.Stderr) > 0 {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
	if out := farm.Exec(t, "webserv1", "ss", "-ltnH", "sport = :2401"); !strings.Contains(out, "127.0.0.1:2401") || strings.Contains(out, "[::1]") {
		t.Errorf("it listens on %s", out)
	}
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
	again, err := set.Reverse(t.Context(), host, toCVS) // the port is free at once
	if err != nil {
		t.Fatal(err)
	}
	host.Close()
	<-again.Done()
	again.Close()
}

func TestFarmStranger(t *testing.T) {
	host := login(t, "webserv2", ssh.Options{})
	farm.Fault(t, "stranger", "webserv2", "2401")
	var set tunnel.Set
	_, err := set.Reverse(t.Context(), host, toCVS)
	var taken *tunnel.TakenError
	if !errors.As(err, &taken) || len(taken.Holders) == 0 || taken.Stale != nil {
		t.Fatalf("got %v, want the port to be taken by a stranger", err)
	}
	t.Log(err, "|", taken.Hint())
	tun, err := set.Reverse(t.Context(), host, tunnel.Options{Listen: "0", To: "dev:2401"})
	if err != nil {
		t.Fatal("port 0 is the way round:", err)
	}
	tun.Close()
}

// The session of an operator's machine that lost power is found, and ended if
// that is asked for; that of another user is not.
func TestFarmStale(t *testing.T) {
	farm.Need(t)
	farm.Fault(t, "stale-forward", "webserv3")
	host := login(t, "webserv3", ssh.Options{})
	other := login(t, "webserv3", ssh.Options{User: "deploy"})
	var set tunnel.Set
	_, err := set.Reverse(t.Context(), other, toCVS)
	var taken *tunnel.TakenError
	if !errors.As(err, &taken) || taken.Stale != nil || !strings.Contains(err.Error(), "of the user web") {
		t.Errorf("as another user: %v", err)
	}
	_, err = set.Reverse(t.Context(), host, toCVS)
	if !errors.As(err, &taken) || len(taken.Stale) != 1 || !strings.Contains(taken.Hint(), fmt.Sprint("kill ", taken.Stale[0].PID)) {
		t.Fatalf("got %v, want a stale session", err)
	}
	t.Log(err, "|", taken.Hint())
	o := toCVS
	o.EndStale = true
	tun, err := set.Reverse(t.Context(), host, o)
	if err != nil {
		t.Fatal(err)
	}
	tun.Close()
}

func TestFarmForbidden(t *testing.T) {
	farm.Need(t)
	farm.Fault(t, "sshd", "webserv1", "AllowTcpForwarding no")
	host := login(t, "webserv1", ssh.Options{})
	var set tunnel.Set
	_, err := set.Reverse(t.Context(), host, toCVS)
	if !errors.Is(err, tunnel.ErrForbidden) {
		t.Errorf("got %v, want %v", err, tunnel.ErrForbidden)
	}
	t.Log(err)
}

// Where connections from the host's end are prohibited, the tunnel is open all
// the same.
func TestFarmProbeProhibited(t *testing.T) {
	farm.Need(t)
	farm.Fault(t, "sshd", "webserv1", "AllowTcpForwarding remote")
	host := login(t, "webserv1", ssh.Options{})
	var set tunnel.Set
	tun, err := set.Reverse(t.Context(), host, toCVS)
	if err != nil {
		t.Fatal(err)
	}
	tun.Close()
}

func TestFarmFarEndSilent(t *testing.T) {
	host := login(t, "webserv1", ssh.Options{})
	farm.Fault(t, "blackhole", "dev")
	var set tunnel.Set
	ctx, cancel := context.WithCancelCause(t.Context())
	toSilent := toCVS
	toSilent.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		cancel(context.DeadlineExceeded)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	if _, err := set.Reverse(ctx, host, toSilent); !errors.Is(err, tunnel.ErrFarEnd) {
		t.Errorf("got %v, want %v", err, tunnel.ErrFarEnd)
	}
}
