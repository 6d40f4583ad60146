package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/secret"
)

// signers returns the keys to try, in ssh's order: certificates, the named
// keys that the agent has, the agent's others, and the named keys that only
// their file has.
func (l *login) signers() ([]ssh.Signer, error) {
	s := l.settings
	held := l.agentSigners()
	var certs, fromAgent, fromFile []ssh.Signer
	used := map[string]bool{}
	for _, id := range l.namedIdentities() {
		var signer ssh.Signer
		blob := string(id.public.Marshal())
		if i := slices.IndexFunc(held, func(h ssh.Signer) bool { return string(h.PublicKey().Marshal()) == blob }); i >= 0 {
			signer = held[i]
			fromAgent = append(fromAgent, signer)
			used[blob] = true
		} else if id.private {
			signer = &fileSigner{login: l, id: id}
			if id.signer != nil {
				signer = id.signer
			}
			fromFile = append(fromFile, signer)
		}
		if id.cert != nil && signer != nil {
			certs = appendCert(certs, id.cert, signer)
		}
	}
	for _, path := range s.CertificateFiles {
		certs = l.addCertificate(certs, path, slices.Concat(fromAgent, fromFile, held))
	}
	for _, h := range held {
		if !s.IdentitiesOnly && !used[string(h.PublicKey().Marshal())] {
			fromAgent = append(fromAgent, h)
		}
	}
	return slices.Concat(certs, fromAgent, fromFile), nil
}

func appendCert(certs []ssh.Signer, cert *ssh.Certificate, signer ssh.Signer) []ssh.Signer {
	if s, err := ssh.NewCertSigner(cert, signer); err == nil {
		certs = append(certs, s)
	}
	return certs
}

// addCertificate pairs a CertificateFile with the key that it is for.
func (l *login) addCertificate(certs []ssh.Signer, path string, signers []ssh.Signer) []ssh.Signer {
	name, err := l.settings.Path(path)
	if err != nil {
		l.note("%s: %v", path, err)
		return certs
	}
	cert := readCertificate(name)
	if cert == nil {
		l.note("%s is no certificate", name)
		return certs
	}
	blob := cert.Key.Marshal()
	for _, s := range signers {
		if bytes.Equal(s.PublicKey().Marshal(), blob) {
			return appendCert(certs, cert, s)
		}
	}
	l.note("there is no key for %s", name)
	return certs
}

// namedIdentities returns the keys that IdentityFile names, or the default
// ones, as far as there are any.
func (l *login) namedIdentities() []*identity {
	var found []*identity
	for _, text := range l.settings.IdentityFiles {
		if strings.EqualFold(text, "none") {
			continue
		}
		path, err := l.settings.Path(text)
		if err != nil {
			l.note("IdentityFile %s: %v", text, err)
			continue
		}
		id := l.dialer.keys.read(path)
		switch {
		case id.err == nil:
			found = append(found, id)
		case !errors.Is(id.err, fs.ErrNotExist) || l.settings.OwnIdentities:
			l.note("key %v", id.err)
		}
	}
	return found
}

// identities are the key files that were read so far, each once for all hosts.
type identities struct {
	mu    sync.Mutex
	files map[string]*identity
}

// identity is a key file with what belongs to it.
type identity struct {
	path    string
	load    sync.Once
	err     error
	public  ssh.PublicKey
	private bool             // the file has the private half, too
	signer  ssh.Signer       // nil if that is locked by a passphrase
	cert    *ssh.Certificate // of the -cert.pub beside it; may be nil
	pem     []byte           // what is locked

	unlocking gate
	unlocked  ssh.Signer
	failed    error
}

func (ids *identities) read(path string) *identity {
	ids.mu.Lock()
	id := ids.files[path]
	if id == nil {
		id = &identity{path: path}
		if ids.files == nil {
			ids.files = map[string]*identity{}
		}
		ids.files[path] = id
	}
	ids.mu.Unlock()
	id.load.Do(id.read)
	return id
}

func (id *identity) read() {
	id.err = id.parse()
	if id.err == nil {
		id.cert = readCertificate(id.path + "-cert.pub")
	}
}

// parse reads the private key, or where there is none the public one, for
// which an agent may have the private.
func (id *identity) parse() error {
	text, err := os.ReadFile(id.path)
	if err != nil {
		if id.public = readPublic(id.path + ".pub"); id.public != nil {
			return nil
		}
		return err
	}
	if err := private(id.path); err != nil {
		if id.public, _, _, _, _ = ssh.ParseAuthorizedKey(text); id.public != nil {
			return nil
		}
		return err
	}
	id.signer, err = ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		id.public, id.private = id.signer.PublicKey(), true
		return nil
	case errors.As(err, &locked):
		id.pem, id.private = text, true
		if id.public = locked.PublicKey; id.public == nil {
			id.public = readPublic(id.path + ".pub")
		}
		if id.public == nil {
			return fmt.Errorf("%s is locked by a passphrase and has no %s.pub beside it", id.path, id.path)
		}
		return nil
	}
	if id.public, _, _, _, _ = ssh.ParseAuthorizedKey(text); id.public != nil {
		return nil
	}
	return fmt.Errorf("%s cannot be read: %w", id.path, tidy(err))
}

// private refuses a key that others can read, as ssh does.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 && isMine(info) {
		return fmt.Errorf("%s can be read by others (mode %04o) and is not used: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

func readPublic(path string) ssh.PublicKey {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	key, _, _, _, _ := ssh.ParseAuthorizedKey(text)
	return key
}

func readCertificate(path string) *ssh.Certificate {
	cert, _ := readPublic(path).(*ssh.Certificate)
	return cert
}

// fileSigner signs with a locked key. The passphrase is asked for only when a
// host has said that it would take the key.
type fileSigner struct {
	login *login
	id    *identity
}

func (f *fileSigner) PublicKey() ssh.PublicKey { return f.id.public }

func (f *fileSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return f.SignWithAlgorithm(rand, data, "")
}

func (f *fileSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := f.id.unlock(f.login)
	if err != nil {
		f.login.note("%v", err)
		return nil, err
	}
	if as, ok := signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return as.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

// unlock asks for the passphrase, once for all hosts.
func (id *identity) unlock(l *login) (ssh.Signer, error) {
	resume := l.patience.hold()
	defer resume()
	if err := id.unlocking.enter(l.ctx, 1); err != nil {
		return nil, err
	}
	defer id.unlocking.leave()
	if id.unlocked != nil || id.failed != nil {
		return id.unlocked, id.failed
	}
	word, report, err := l.ask(l.ctx, id.path)
	if err != nil {
		return nil, err
	}
	id.unlocked, err = ssh.ParsePrivateKeyWithPassphrase(id.pem, []byte(word.Reveal()))
	if err != nil {
		report(secret.Rejected)
		id.failed = fmt.Errorf("wrong passphrase for %s", id.path)
		return nil, id.failed
	}
	report(secret.Accepted)
	return id.unlocked, nil
}
