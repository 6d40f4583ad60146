package ssh_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"farmrun/luahost/remote"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
	"farmrun/testdata/farm"
	"farmrun/testdata/need"
)

// TestWaysBesideSSH has hosts behind others and behind commands.
func TestWaysBesideSSH(t *testing.T) {
	need.Program(t, "bash")
	t.Setenv("SHELL", "/bin/bash")
	w := besideSSH(t)
	w.serve("gate", &sshserver.Server{Dial: new(net.Dialer).DialContext})
	port := w.serve("h", &sshserver.Server{})
	w.write(".ssh/config", w.read(".ssh/config")+fmt.Sprintf("Host h-gate web-gate\n HostKeyAlias gate\n HostName 127.0.0.1\n Port %s\n", portOf(w, "gate"))+
		fmt.Sprintf("Host *\n StrictHostKeyChecking accept-new\n UserKnownHostsFile %s\n GlobalKnownHostsFile none\n IdentityFile %s\n", w.path(".ssh/known_hosts"), w.path(".ssh/id_ed25519")))
	relay := fmt.Sprintf("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; cat <&3 & cat >&3'", port)
	for _, set := range [][]string{
		{"ProxyJump=gate"},
		{"ProxyJump=%n-gate"},
		{"ProxyJump=%r@%r-gate"},
		{"ProxyJump=%n-nowhere"},
		{"ProxyJump=%q"},
		{"ProxyCommand=" + relay},
		{"ProxyCommand=" + relay + " 2> >(cat >&2)"}, // which only bash knows
		{"ProxyUseFdpass=no", "ProxyCommand=" + relay},
		{"ProxyCommand=none"},
		{"NoHostAuthenticationForLocalhost=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile=none"},
		{"NoHostAuthenticationForLocalhost=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile=none", "ProxyJump=gate"},
		{"SendEnv=LANG", "SetEnv=A=b"},
		{"SetEnv=A"},
	} {
		w.both("h", set...)
	}
}

// TestProxyWantsTerminal has a ProxyCommand stop, as one does in the background
// that reads from the terminal.
func TestProxyWantsTerminal(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	for patience := 1; ; patience *= 2 { // a busy machine has not begun the command yet
		d := w.dialer()
		d.Set = append(d.Set, "ProxyCommand=sh -c 'kill -STOP $$'", fmt.Sprint("ConnectTimeout=", patience))
		_, err := d.Dial(context.Background(), "h", ssh.Options{})
		if patience > 30 || strings.Contains(err.Error(), "wants the terminal") {
			expect(t, err, ssh.StageConnect, ssh.ErrTimeout, "wants the terminal")
			return
		}
	}
}

// portOf returns the port that the configuration has for a host.
func portOf(w *world, host string) string {
	_, after, _ := strings.Cut(w.read(".ssh/config"), "Host "+host+"\n")
	_, after, _ = strings.Cut(after, " Port ")
	port, _, _ := strings.Cut(after, "\n")
	return port
}

// TestGreetingBesideSSH has servers say something before their version.
func TestGreetingBesideSSH(t *testing.T) {
	w := besideSSH(t)
	w.serve("h", &sshserver.Server{})
	behind := "127.0.0.1:" + portOf(w, "h")
	for name, greeting := range map[string]string{
		"a long line":     strings.Repeat("*", 300) + "\r\n",
		"a longer line":   strings.Repeat("*", 8000) + "\n",
		"too long a line": strings.Repeat("*", 9000) + "\n",
		"many lines":      strings.Repeat(strings.Repeat("*", 80)+"\n", 500),
		"too many lines":  strings.Repeat("*\n", 2000),
		"almost":          "SS\nSSH\n SSH-2.0-no\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			var conns sync.WaitGroup
			defer conns.Wait()
			defer l.Close()
			conns.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					conns.Go(func() { relay(c, behind, greeting) })
				}
			})
			w.both("h", fmt.Sprint("Port=", l.Addr().(*net.TCPAddr).Port))
		})
	}
}

// relay connects c to addr, but says something first.
func relay(c net.Conn, addr, first string) {
	defer c.Close()
	to, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer to.Close()
	io.WriteString(c, first)
	go func() {
		io.Copy(to, c)
		to.Close()
	}()
	io.Copy(c, to)
}

// TestSessionsBesideSSH has sessions with the environment that the configuration
// gives them.
func TestSessionsBesideSSH(t *testing.T) {
	w := besideSSH(t)
	for name, value := range map[string]string{"FOO_A": "a b", "FOO_B": "2", "BAR": "3"} {
		t.Setenv(name, value)
	}
	w.serve("h", &sshserver.Server{Exec: sshserver.Shell(w.home, []string{"PATH=/usr/bin:/bin"})})
	const show = `echo "$FOO_A|$FOO_B|$BAR|$LC_TIME|$X|$Y"`
	for _, set := range [][]string{
		{"SendEnv=FOO_* BAR"},
		{"SendEnv=FOO_*", "SendEnv=-FOO_B BA?"},
		{"SetEnv=LC_TIME=de_DE X=\"1 2\"", "SetEnv=Y=z"},
		{"SendEnv=BAR", "SetEnv=BAR=4"},
	} {
		want, err := w.ssh("h", show, set...)
		check(t, err)
		d := w.dialer()
		d.Set = w.options(set)
		c := w.dial(d, "h")
		for range 3 { // the later ones in sessions that were opened ahead
			got, err := run(c, remote.Cmd{Line: show})
			check(t, err)
			if string(got.Stdout) != want || want == "|||||\n" {
				t.Errorf("%q: the environment is %q, for ssh %q", set, got.Stdout, want)
			}
		}
	}
}

// TestFarmForwardAgent has a real sshd's session use the operator's agent.
func TestFarmForwardAgent(t *testing.T) {
	d := onFarm(t, "", "ForwardAgent=yes")
	dir := t.TempDir()
	t.Setenv("SSH_AUTH_SOCK", dir+"/agent")
	l, err := net.Listen("unix", dir+"/agent")
	check(t, err)
	ring := agent.NewKeyring()
	check(t, ring.Add(agent.AddedKey{PrivateKey: newEd25519(t), Comment: "lent"}))
	serveAgent(t, l, ring)
	c := dialFarm(t, d, "webserv1", "")
	defer d.Close()
	for range 2 {
		r, err := run(c, remote.Cmd{Line: "ssh-add -l"})
		check(t, err)
		if !strings.Contains(string(r.Stdout), "lent (ED25519)") {
			t.Errorf("the agent has %q %q", r.Stdout, r.Stderr)
		}
	}
	out, err := exec.Command("ssh", "-F", farm.Config(""), "-o", "ForwardAgent=yes", "webserv1", "ssh-add -l").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "lent (ED25519)") {
		t.Errorf("for ssh it has %q, %v", out, err)
	}
	not := onFarm(t, "")
	defer not.Close()
	if r, err := run(dialFarm(t, not, "webserv1", ""), remote.Cmd{Line: "ssh-add -l"}); err != nil || r.Code == 0 {
		t.Errorf("without ForwardAgent the agent has %q, %v", r.Stdout, err)
	}
}

// serveAgent serves an agent until the test is over.
func serveAgent(t *testing.T, l net.Listener, a agent.Agent) {
	var conns sync.WaitGroup
	t.Cleanup(conns.Wait)
	t.Cleanup(func() { l.Close() })
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				agent.ServeAgent(a, c)
				c.Close()
			})
		}
	})
}

// securityKey is an agent with one key that has to be touched for each signature.
type securityKey struct {
	agent.Agent
	key   xssh.Signer
	touch func() error
}

func (k *securityKey) List() ([]*agent.Key, error) {
	blob := xssh.Marshal(struct{ Type, Key, Application string }{skType, string(k.raw()), "ssh:"})
	return []*agent.Key{{Format: skType, Blob: blob, Comment: "token"}}, nil
}

const skType = "sk-ssh-ed25519@openssh.com"

// raw returns the ed25519 key itself.
func (k *securityKey) raw() []byte {
	var parts struct{ Type, Key string }
	if err := xssh.Unmarshal(k.key.PublicKey().Marshal(), &parts); err != nil {
		panic(err)
	}
	return []byte(parts.Key)
}

// Sign signs as OpenSSH's PROTOCOL.u2f says.
func (k *securityKey) Sign(_ xssh.PublicKey, data []byte) (*xssh.Signature, error) {
	if err := k.touch(); err != nil {
		return nil, err
	}
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	const flags, counter = "\x01", "\x00\x00\x00\x07"
	sig, err := k.key.Sign(rand.Reader, slices.Concat(application[:], []byte(flags+counter), message[:]))
	if err != nil {
		return nil, err
	}
	return &xssh.Signature{Format: skType, Blob: sig.Blob, Rest: []byte(flags + counter)}, nil
}

// TestSecurityKeyBesideSSH has logins by a key of the agent's that has to be
// touched: the operator is told for which host, and one waits for the other.
func TestSecurityKeyBesideSSH(t *testing.T) {
	w := besideSSH(t)
	t.Setenv("SSH_AUTH_SOCK", w.path("agent"))
	l, err := net.Listen("unix", w.path("agent"))
	check(t, err)
	touched, refuse, told := make(chan bool), false, make(chan string, 10)
	key := &securityKey{key: newKey(t)}
	key.touch = func() error {
		if refuse {
			return errors.New("no touch")
		}
		touched <- true
		return nil
	}
	serveAgent(t, l, key)
	list, err := key.List()
	check(t, err)
	public, err := xssh.ParsePublicKey(list[0].Blob)
	check(t, err)
	hosts := []string{"h1", "h2", "h3"}
	for _, h := range hosts {
		w.serve(h, &sshserver.Server{Auth: sshserver.Auth{Key: sshserver.Keys(public)}})
	}
	d := w.dialer()
	d.Set = w.options(nil)
	d.Warn = func(host, text string) {
		if strings.Contains(text, "security key") {
			told <- host + ": " + text
		}
	}
	defer d.Close()
	go func() { <-touched }()
	if _, err := w.ssh("h1", "true"); err != nil {
		t.Errorf("ssh: %v", err)
	}
	errs := make(chan error)
	for _, h := range hosts {
		go func() {
			c, err := d.Dial(context.Background(), h, ssh.Options{User: "web"})
			if err == nil {
				c.Close()
			}
			errs <- err
		}()
	}
	for range hosts {
		text := <-told
		if len(told) > 0 {
			t.Errorf("two touches are wanted at a time: %s, %s", text, <-told)
		}
		if !strings.Contains(text, "(token, in the agent): touch it") {
			t.Errorf("the operator is told %q", text)
		}
		<-touched
		check(t, <-errs)
	}
	refuse = true
	_, err = d.Dial(context.Background(), "h1", ssh.Options{User: "web"})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "token, in the agent")
}

// TestDropped has a host that drops the first connections, as sshd does that has
// too many logins at once.
func TestDropped(t *testing.T) { inBubble(t, testDropped) }

func testDropped(t *testing.T, w *world) {
	w.serve("h", &sshserver.Server{Fault: func(n int) sshserver.Fault {
		if n <= 3 {
			return sshserver.CloseAfterAccept
		}
		return sshserver.None
	}})
	errs := make(chan error)
	d := w.dialer()
	for range 3 {
		go func() {
			c, err := d.Dial(context.Background(), "h", ssh.Options{User: "web"})
			if err == nil {
				c.Close()
			}
			errs <- err
		}()
	}
	for range 3 {
		check(t, <-errs)
	}
}

// TestRefusedAtOnce has a host without sshd, which is not tried again.
func TestRefusedAtOnce(t *testing.T) { inBubble(t, testRefusedAtOnce) }

func testRefusedAtOnce(t *testing.T, w *world) {
	l := w.listen()
	at := w.serveOn(l, "h", &sshserver.Server{})
	l.Close()
	began := time.Now()
	_, err := w.dialer().Dial(context.Background(), "h", ssh.Options{Port: at})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, "connection refused")
	if took := time.Since(began); took != 0 {
		t.Errorf("it took %v", took)
	}
}

// TestUnsupported has options that farmrun does not heed.
func TestUnsupported(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	told := ""
	d := w.dialer()
	d.Set = append(d.Set, "ForwardX11=yes", "GSSAPIAuthentication=yes", "LocalForward=8080 localhost:80", "Compression=yes", "PKCS11Provider=none", "Tunnel=no")
	d.Warn = func(_, text string) {
		if !strings.HasPrefix(text, "its key") {
			told += text + "\n"
		}
	}
	w.dial(d, "h")
	w.dial(d, "h")
	if told != "its ssh_config has options that farmrun does not support: ForwardX11, LocalForward\n" {
		t.Errorf("the operator sees %q", told)
	}
	for _, set := range []string{"BindInterface=eth0", `RefuseConnection="down for repair"`, "ProxyUseFdpass=yes"} {
		d := w.dialer()
		d.Set = append(d.Set, set)
		_, err := d.Dial(context.Background(), "h", ssh.Options{User: "web"})
		_, says, _ := strings.Cut(strings.ReplaceAll(set, `"`, ""), "=")
		if says == "yes" {
			says = "ProxyUseFdpass is not supported"
		}
		expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, says)
	}
	d = w.dialer()
	d.Set = append(d.Set, "GSSAPIAuthentication=yes", "HostbasedAuthentication=yes", "PKCS11Provider=/p11.so", "ControlPath=%C", "PubkeyAuthentication=no")
	_, err := d.Dial(context.Background(), "h", ssh.Options{User: "web"})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "farmrun does not support ControlPath, GSSAPIAuthentication, HostbasedAuthentication, PKCS11Provider")
}

// TestConnectionAttempts: a connection is tried so often, one a second, however short the
// time for one is; a name that nobody has, once.
func TestConnectionAttempts(t *testing.T) {
	for _, x := range []struct {
		attempts, refuses int
		err               error
		says              string // "" is that it succeeds
		tries             int
	}{
		{0, 1, syscall.ECONNREFUSED, "connection refused", 1},
		{3, 2, syscall.ECONNREFUSED, "", 3},
		{3, 3, syscall.ECONNREFUSED, "connection refused", 3},
		{3, 3, &net.DNSError{Err: "no such host", Name: "h"}, "no such host", 1},
	} {
		t.Run(fmt.Sprint(x.attempts, " ", x.says), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.serve("h", &sshserver.Server{})
				d, tries, began := w.dialer(), 0, time.Now()
				d.Set = append(d.Set, "ConnectTimeout=1")
				if x.attempts > 0 {
					d.Set = append(d.Set, fmt.Sprintf("ConnectionAttempts=%d", x.attempts))
				}
				d.Connect(func(ctx context.Context, network, addr string) (net.Conn, error) {
					if tries++; tries <= x.refuses {
						return nil, x.err
					}
					return w.net.DialContext(ctx, network, addr)
				})
				c, err := d.Dial(context.Background(), "h", ssh.Options{User: "web"})
				if x.says != "" {
					expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, x.says)
				} else if check(t, err); true {
					c.Close()
				}
				if took := time.Since(began); tries != x.tries || took != time.Duration(tries-1)*time.Second {
					t.Errorf("%d tries in %v, want %d", tries, took, x.tries)
				}
			})
		})
	}
}
