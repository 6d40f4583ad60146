package ssh_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest/memnet"
	"farmrun/luahost/secret"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

// world is an operator's home and servers on a network of their own, in memory.
type world struct {
	t    *testing.T
	net  memnet.Net
	real bool // it is this machine's network, where ssh itself is as well
	// askpass answers the questions of ssh, and prepare has a Dialer's answered.
	askpass string
	prepare func(*ssh.Dialer)
	home    string
	key     xssh.Signer // the operator's, in ~/.ssh/id_ed25519
}

func newWorld(t *testing.T) *world {
	t.Helper()
	noLeaks(t)
	t.Setenv("SSH_AUTH_SOCK", "")
	w := &world{t: t, home: t.TempDir()}
	w.key = w.writeKey(".ssh/id_ed25519", "")
	return w
}

// writeKey makes a key and its file, locked if there is a passphrase.
func (w *world) writeKey(name, passphrase string) xssh.Signer {
	w.t.Helper()
	return w.makeKey(w.t, name, passphrase)
}

func (w *world) makeKey(t testing.TB, name, passphrase string) xssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	block, err := xssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = xssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	check(t, err)
	signer, err := xssh.NewSignerFromKey(private)
	check(t, err)
	check(t, os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
	check(t, os.WriteFile(w.path(name), pemText(block), 0o600))
	check(t, os.WriteFile(w.path(name+".pub"), xssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600))
	return signer
}

func (w *world) path(name string) string { return filepath.Join(w.home, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	check(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
	check(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	check(w.t, err)
	return string(text)
}

// serve starts s under the name, which goes into the configuration, and returns
// its port. It adds the keys that s lacks; by default, a command is a process.
func (w *world) serve(name string, s *sshserver.Server) int {
	w.t.Helper()
	return w.serveOn(w.listen(), name, s)
}

func (w *world) listen() net.Listener {
	w.t.Helper()
	listen := w.net.Listen
	if w.real {
		listen = net.Listen
	}
	l, err := listen("tcp", "127.0.0.1:0")
	check(w.t, err)
	return l
}

func (w *world) serveOn(l net.Listener, name string, s *sshserver.Server) int {
	w.t.Helper()
	if s.HostKeys == nil {
		s.HostKeys = []xssh.Signer{newKey(w.t)}
	}
	if s.Auth.Key == nil && s.Auth.Password == nil && s.Auth.Questions == nil && s.Auth.UserCA == nil {
		s.Auth.Key = sshserver.Keys(w.key.PublicKey())
	}
	if s.Exec == nil {
		s.Exec = sshserver.Shell(w.home, nil)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	w.t.Cleanup(func() { s.Close(); <-done })
	port := l.Addr().(*net.TCPAddr).Port
	w.write(".ssh/config", w.read(".ssh/config")+fmt.Sprintf("Host %s\n HostName 127.0.0.1\n Port %d\n", name, port))
	return port
}

// know writes the host key of a server into known_hosts.
func (w *world) know(port int, key xssh.PublicKey) {
	w.write(".ssh/known_hosts", w.read(".ssh/known_hosts")+fmt.Sprintf("[127.0.0.1]:%d %s", port, xssh.MarshalAuthorizedKey(key)))
}

// dialer is one that trusts whatever is unknown, and is on the network.
func (w *world) dialer() *ssh.Dialer {
	d := &ssh.Dialer{Home: w.home, ConfigFile: w.path(".ssh/config"), Set: []string{
		"StrictHostKeyChecking=accept-new", "UserKnownHostsFile=" + w.path(".ssh/known_hosts"), "GlobalKnownHostsFile=none",
	}}
	if !w.real {
		d.Connect(w.net.DialContext)
	}
	return d
}

// dial logs in, or ends the test.
func (w *world) dial(d *ssh.Dialer, host string) *ssh.Client {
	w.t.Helper()
	c, err := d.Dial(context.Background(), host, ssh.Options{User: "web"})
	check(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	return c
}

func newKey(t testing.TB) xssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	signer, err := xssh.NewSignerFromKey(private)
	check(t, err)
	return signer
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command that ends by itself.
func run(c *ssh.Client, cmd remote.Cmd) (remote.Result, error) {
	return c.Run(context.Background(), cmd)
}

// runFor runs a command that has a time limit, and returns how long that took.
func runFor(limit time.Duration, c *ssh.Client, cmd remote.Cmd) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := c.Run(ctx, cmd)
	return time.Since(began), err
}

// inBubble runs f as the test in virtual time, with a world in which commands are
// not processes.
func inBubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t)) })
}

// quick is a command that is no process and ends at once, well.
func quick(_ context.Context, x *sshserver.Exec) int {
	x.Begin(2)
	return 0
}

// keyring has one password and counts how often it was asked for.
func keyring(password string, asked *int) *secret.Keyring {
	ask := func(context.Context, string) (secret.Secret, error) {
		*asked++
		return secret.New(password), nil
	}
	return &secret.Keyring{Ask: ask, AskPassphrase: ask}
}

func pemText(b *pem.Block) []byte { return pem.EncodeToMemory(b) }

// nilRand is all the randomness that a certificate in a test needs.
type nilRand struct{}

func (nilRand) Read(p []byte) (int, error) { return len(p), nil }

func chmod(name string, mode os.FileMode) error { return os.Chmod(name, mode) }

func newEd25519(t *testing.T) *ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	return &key
}
