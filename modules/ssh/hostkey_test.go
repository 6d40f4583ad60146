package ssh_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

func TestHostKeys(t *testing.T) {
	other := newKey(t)
	for _, x := range []struct {
		name  string
		known func(w *world, port int, key xssh.PublicKey) string // known_hosts
		set   []string
		says  string // "" is let in
	}{
		{"known", func(w *world, port int, key xssh.PublicKey) string { return entry("[127.0.0.1]:%d", port, key) }, nil, ""},
		{"known without port", func(w *world, port int, key xssh.PublicKey) string { return "127.0.0.1 " + text(key) }, nil, ""},
		{"wildcard", func(w *world, port int, key xssh.PublicKey) string { return "127.*,!127.0.0.2 " + text(key) }, nil, ""},
		{"negated", func(w *world, port int, key xssh.PublicKey) string { return "127.*,!127.0.0.1 " + text(key) }, nil, "unknown"},
		{"hashed", func(w *world, port int, key xssh.PublicKey) string {
			return knownhosts.HashHostname(fmt.Sprintf("[127.0.0.1]:%d", port)) + " " + text(key)
		}, nil, ""},
		{"hashed and changed", func(w *world, port int, key xssh.PublicKey) string {
			return "\n" + knownhosts.HashHostname(fmt.Sprintf("[127.0.0.1]:%d", port)) + " " + text(other.PublicKey())
		}, nil, "known_hosts:2"},
		{"one of several", func(w *world, port int, key xssh.PublicKey) string {
			return entry("[127.0.0.1]:%d", port, other.PublicKey()) + entry("[127.0.0.1]:%d", port, key)
		}, nil, ""},
		{"changed", func(w *world, port int, key xssh.PublicKey) string {
			return "# comment\n" + entry("[127.0.0.1]:%d", port, other.PublicKey())
		}, []string{"StrictHostKeyChecking=ask"}, "known_hosts:2"},
		{"changed but not checked", func(w *world, port int, key xssh.PublicKey) string {
			return entry("[127.0.0.1]:%d", port, other.PublicKey())
		},
			[]string{"StrictHostKeyChecking=no"}, "CHANGED"},
		{"revoked", func(w *world, port int, key xssh.PublicKey) string {
			return entry("[127.0.0.1]:%d", port, key) + "@revoked * " + text(key)
		}, nil, "revoked"},
		{"alias", func(w *world, port int, key xssh.PublicKey) string { return "farm " + text(key) }, []string{"HostKeyAlias=farm"}, ""},
		{"unknown", func(w *world, port int, key xssh.PublicKey) string { return "" }, []string{"StrictHostKeyChecking=yes"}, "unknown"},
		{"unknown and nobody to ask", func(w *world, port int, key xssh.PublicKey) string { return "" }, []string{"StrictHostKeyChecking=ask"}, "unknown"},
		{"unknown and accepted", func(w *world, port int, key xssh.PublicKey) string { return "" }, []string{"StrictHostKeyChecking=accept-new"}, ""},
		{"garbage", func(w *world, port int, key xssh.PublicKey) string {
			return "x\n@foo bar baz\n|1|x|y ssh-ed25519 AAAA\na b c\n\xff\n"
		}, []string{"StrictHostKeyChecking=yes"}, "unknown"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			key := newKey(t)
			port := w.serve("h", &sshserver.Server{HostKeys: []xssh.Signer{key}})
			w.write(".ssh/known_hosts", x.known(w, port, key.PublicKey()))
			d := w.dialer()
			set := x.set
			if set == nil {
				set = []string{"StrictHostKeyChecking=yes"}
			}
			d.Set = append(set, d.Set...)
			for range 2 { // the second time whatever was accepted is known
				c, err := d.Dial(context.Background(), "h", ssh.Options{})
				if x.says != "" {
					if expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, x.says); !strings.Contains(err.Error(), xssh.FingerprintSHA256(key.PublicKey())) {
						t.Errorf("no fingerprint in %v", err)
					}
					continue
				}
				check(t, err)
				c.Close()
			}
		})
	}
}

func entry(name string, port int, key xssh.PublicKey) string {
	return fmt.Sprintf(name, port) + " " + text(key)
}

func text(key xssh.PublicKey) string { return string(xssh.MarshalAuthorizedKey(key)) }

func TestAskAboutHostKey(t *testing.T) {
	for _, hash := range []string{"yes", "no"} {
		t.Run("hash "+hash, func(t *testing.T) {
			w := newWorld(t)
			port := w.serve("h", &sshserver.Server{})
			w.write(".ssh/known_hosts", "# no newline at the end")
			var mu sync.Mutex
			var questions []string
			answer := false
			d := w.dialer()
			d.Set = append([]string{"StrictHostKeyChecking=ask", "HashKnownHosts=" + hash}, d.Set...)
			d.Confirm = func(_ context.Context, q string) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				questions = append(questions, q)
				return answer, nil
			}
			_, err := d.Dial(context.Background(), "h", ssh.Options{})
			expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, "was not accepted")
			answer = true
			var all sync.WaitGroup
			for range 5 { // at once, and only one of them asks
				all.Go(func() {
					if c, err := d.Dial(context.Background(), "h", ssh.Options{}); err == nil {
						c.Close()
					} else {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if len(questions) != 2 || !strings.Contains(questions[0], fmt.Sprintf("[127.0.0.1]:%d", port)) {
				t.Errorf("asked %q", questions)
			}
			file := w.read(".ssh/known_hosts")
			if strings.Count(file, "\n") != 2 || strings.Contains(file, "127.0.0.1") != (hash == "no") {
				t.Errorf("known_hosts has %q", file)
			}
			again := w.dialer() // reads the file anew
			again.Set = append([]string{"StrictHostKeyChecking=yes"}, again.Set...)
			w.dial(again, "h")
		})
	}
}

// TestPrefersKnownType has a host with two keys, the known of which it would
// not show by itself.
func TestPrefersKnownType(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	second, err := xssh.NewSignerFromKey(private)
	check(t, err)
	for name, known := range map[string]func(string, xssh.PublicKey) string{
		"plain":  func(h string, key xssh.PublicKey) string { return h + " " + text(key) },
		"hashed": func(h string, key xssh.PublicKey) string { return knownhosts.HashHostname(h) + " " + text(key) },
		"hashed among others": func(h string, key xssh.PublicKey) string {
			lines := knownhosts.HashHostname(h) + " " + text(key)
			for range 3 {
				lines += knownhosts.HashHostname("other") + " " + text(newKey(t).PublicKey())
			}
			return lines
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			port := w.serve("h", &sshserver.Server{HostKeys: []xssh.Signer{newKey(t), second}})
			w.write(".ssh/known_hosts", known(fmt.Sprintf("[127.0.0.1]:%d", port), second.PublicKey()))
			d := w.dialer()
			d.Set = append([]string{"StrictHostKeyChecking=yes"}, d.Set...)
			w.dial(d, "h")
		})
	}
}

func TestHostCertificates(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	for _, x := range []struct {
		name, principal, known, says string
		port                         int
		kind                         uint32
	}{
		{name: "good", principal: "127.0.0.1", known: "@cert-authority 127.0.0.* CA"},
		{name: "of another host", principal: "elsewhere", known: "@cert-authority * CA", says: "certificate"},
		{name: "of a user", principal: "127.0.0.1", kind: xssh.UserCert, known: "@cert-authority * CA", says: "certificate"},
		{name: "of another authority", principal: "127.0.0.1", known: "@cert-authority * KEY", says: "unknown"},
		{name: "revoked authority", principal: "127.0.0.1", known: "@cert-authority * CA@revoked * CA", says: "revoked"},
		{name: "revoked key", principal: "127.0.0.1", known: "@cert-authority * CA@revoked * KEY", says: "revoked"},
		{name: "known key", principal: "elsewhere", known: "127.0.0.1 KEY"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.kind == 0 {
				x.kind = xssh.HostCert
			}
			cert := &xssh.Certificate{Key: key.PublicKey(), CertType: x.kind, ValidPrincipals: []string{x.principal}, ValidBefore: xssh.CertTimeInfinity}
			check(t, cert.SignCert(rand.Reader, ca))
			signer, err := xssh.NewCertSigner(cert, key)
			check(t, err)
			w := newWorld(t)
			w.serve("h", &sshserver.Server{HostKeys: []xssh.Signer{signer}})
			w.write(".ssh/known_hosts", strings.NewReplacer("CA", text(ca.PublicKey()), "KEY", text(key.PublicKey())).Replace(x.known))
			d := w.dialer()
			d.Set = append([]string{"StrictHostKeyChecking=yes"}, d.Set...)
			c, err := d.Dial(context.Background(), "h", ssh.Options{})
			if x.says != "" {
				expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, x.says)
				return
			}
			check(t, err)
			c.Close()
		})
	}
}

func TestRevokedHostKeysFile(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	port := w.serve("h", &sshserver.Server{HostKeys: []xssh.Signer{key}})
	w.know(port, key.PublicKey())
	w.write("revoked", "# list\n"+text(newKey(t).PublicKey())+text(key.PublicKey()))
	d := w.dialer()
	d.Set = append(d.Set, "RevokedHostKeys="+w.path("revoked"))
	_, err := d.Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, "revoked in "+w.path("revoked"))
}
