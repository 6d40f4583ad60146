package practice

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// keyPair is a key made for one farm: the operator's, or a host's.
type keyPair struct {
	private ed25519.PrivateKey
	signer  ssh.Signer
}

func newKeyPair() (keyPair, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	return keyPair{private, signer}, err
}

// pem returns the private key as ssh-keygen writes it.
func (k keyPair) pem() ([]byte, error) {
	block, err := ssh.MarshalPrivateKey(k.private, "practice farm")
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

// authorized returns the public key as a line of authorized_keys or, after the
// host's name, of known_hosts.
func (k keyPair) authorized() string {
	return string(ssh.MarshalAuthorizedKey(k.signer.PublicKey()))
}

// forwards is the tunnel that the operator's ssh opens on a web server for cvs.
func (f *Farm) forwards(name string) string {
	if !f.hosts[name].spec.Web {
		return ""
	}
	return "\tRemoteForward 127.0.0.1:2401 " + f.CVSAddr + "\n"
}

// writeSSH writes what an ssh client needs into dir: the operator's key, the
// hosts' keys, and an ssh_config, whose path it returns.
func (f *Farm) writeSSH(dir string) (config string, err error) {
	key, err := f.key.pem()
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	var hosts, known strings.Builder
	for _, name := range append([]string{f.Balancer}, f.Web...) {
		h := f.hosts[name]
		host, number, _ := net.SplitHostPort(h.addr)
		fmt.Fprintf(&hosts, "Host %s\n\tHostName %s\n\tPort %s\n%s\n", name, host, number, f.forwards(name))
		fmt.Fprintf(&known, "[%s]:%s %s", host, number, h.key.authorized())
	}
	paths := map[string]string{"id_ed25519": string(key), "id_ed25519.pub": f.key.authorized(), "known_hosts": known.String()}
	paths["config"] = fmt.Sprintf(`# The practice farm of farmrun demo: ssh -F THIS webserv1
%sHost *
	User %s
	IdentityFile "%s"
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile "%s"
	GlobalKnownHostsFile /dev/null
	StrictHostKeyChecking yes
	UpdateHostKeys no
`, hosts.String(), f.user, filepath.Join(dir, "id_ed25519"), filepath.Join(dir, "known_hosts"))
	for name, text := range paths {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "config"), nil
}
