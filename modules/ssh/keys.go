package ssh

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/youmark/pkcs8"
	"golang.org/x/crypto/ssh"

	"farmrun/luahost/secret"
)

// candidate is a key to try.
type candidate struct {
	signer ssh.Signer
	id     *identity // whose passphrase has to be known before its public half is; nil is none
	from   string    // a file, or the agent
}

// String returns the key's type, fingerprint and place.
func (c *candidate) String() string {
	if c.signer == nil {
		return c.from
	}
	return describe(c.signer.PublicKey()) + " (" + c.from + ")"
}

// nextKey returns the way in by the next key that the host has not seen, nil if
// there is none.
func (l *login) nextKey() ssh.AuthMethod {
	a := &l.auth
	if a.keys == nil {
		a.keys = l.candidates()
	}
	for len(a.keys) > 0 {
		c := a.keys[0]
		a.keys = a.keys[1:]
		if l.isUsed(c) || !l.mayUse(c) {
			continue
		}
		a.now = c
		return ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return l.open(c) })
	}
	return nil
}

// isUsed tells whether the host has accepted the key in this login.
func (l *login) isUsed(c *candidate) bool {
	return slices.ContainsFunc(l.auth.used, func(u *candidate) bool {
		return c.signer != nil && bytes.Equal(u.signer.PublicKey().Marshal(), c.signer.PublicKey().Marshal())
	})
}

// mayUse tells whether the configuration lets the key be tried, and has it sign
// by no other algorithms than it lets.
func (l *login) mayUse(c *candidate) bool {
	if c.signer == nil { // which is asked again when it is unlocked
		return true
	}
	if bits := rsaBits(c.signer.PublicKey()); bits > 0 && bits < l.settings.RequiredRSASize {
		l.note("key %s has only %d bits (RequiredRSASize)", c, bits)
		return false
	}
	spec := l.settings.PubkeyAcceptedAlgorithms
	if spec == "" {
		return true
	}
	accepted, err := pick("PubkeyAcceptedAlgorithms", spec, keyAlgorithms, slices.Concat(keyAlgorithms, insecure.PublicKeyAuths))
	if err != nil {
		l.note("%v", err)
		return false
	}
	kind := c.signer.PublicKey().Type()
	var names []string
	for _, a := range accepted {
		if isCertAlgorithm(a) == isCertAlgorithm(kind) && plainType(a) == plainType(kind) {
			names = append(names, strings.TrimSuffix(a, certSuffix))
		}
	}
	if names == nil {
		l.note("key %s signs by none of the PubkeyAcceptedAlgorithms", c)
		return false
	}
	if as, is := c.signer.(ssh.AlgorithmSigner); is && plainType(kind) == ssh.KeyAlgoRSA {
		if c.signer, err = ssh.NewSignerWithAlgorithms(as, names); err != nil {
			l.note("key %s: %v", c, err)
			return false
		}
	}
	return true
}

// rsaBits returns the size of an RSA key, 0 of any other.
func rsaBits(key ssh.PublicKey) int {
	if cert, is := key.(*ssh.Certificate); is {
		key = cert.Key
	}
	if plainType(key.Type()) != ssh.KeyAlgoRSA || isCertAlgorithm(key.Type()) {
		return 0
	}
	key, err := ssh.ParsePublicKey(key.Marshal()) // the agent's has another type
	if err != nil {
		return 0
	}
	if k, is := key.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey); is {
		return k.N.BitLen()
	}
	return 0
}

// open returns the signer of a candidate, which may be locked in its file.
func (l *login) open(c *candidate) ([]ssh.Signer, error) {
	if c.signer == nil {
		signer, err := c.id.unlock(l)
		if err != nil {
			l.note("%v", err)
			return nil, err
		}
		c.signer = signer
		if l.isUsed(c) || !l.mayUse(c) {
			return nil, nil
		}
	}
	return []ssh.Signer{c.signer}, nil
}

// candidates returns the keys to try, in ssh's order: certificates, the named
// keys that the agent has, the agent's others, and the named keys that only
// their file has.
func (l *login) candidates() []*candidate {
	s := l.settings
	held := l.agentKeys()
	var certs, fromAgent, fromFile []*candidate
	used := map[string]bool{}
	for _, id := range l.namedIdentities() {
		if id.public == nil {
			fromFile = append(fromFile, &candidate{id: id, from: id.path})
			continue
		}
		var c *candidate
		blob := string(id.public.Marshal())
		if i := slices.IndexFunc(held, func(h *candidate) bool { return string(h.signer.PublicKey().Marshal()) == blob }); i >= 0 {
			c = held[i]
			fromAgent = append(fromAgent, c)
			used[blob] = true
		} else if id.private {
			c = &candidate{signer: &fileSigner{login: l, id: id}, from: id.path}
			if id.signer != nil {
				c.signer = id.signer
			}
			fromFile = append(fromFile, c)
		} else if id.broken != nil {
			l.note("key %v", id.broken)
		}
		if id.cert != nil && c != nil {
			certs = appendCert(certs, id.path+"-cert.pub", id.cert, c.signer)
		}
	}
	for _, path := range s.CertificateFiles {
		certs = l.addCertificate(certs, path, slices.Concat(fromAgent, fromFile, held))
	}
	for _, h := range held {
		if !s.IdentitiesOnly && !used[string(h.signer.PublicKey().Marshal())] {
			fromAgent = append(fromAgent, h)
		}
	}
	return slices.Concat(certs, fromAgent, fromFile)
}

func appendCert(certs []*candidate, from string, cert *ssh.Certificate, signer ssh.Signer) []*candidate {
	if s, err := ssh.NewCertSigner(cert, signer); err == nil {
		certs = append(certs, &candidate{signer: s, from: from})
	}
	return certs
}

// addCertificate pairs a CertificateFile with the key that it is for.
func (l *login) addCertificate(certs []*candidate, path string, keys []*candidate) []*candidate {
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
	for _, c := range keys {
		if c.signer != nil && bytes.Equal(c.signer.PublicKey().Marshal(), blob) {
			return appendCert(certs, name, cert, c.signer)
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
	public  ssh.PublicKey    // nil if only the passphrase tells it
	private bool             // the file has the private half, too
	broken  error            // why the private half is of no use without an agent
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

// parse reads the private key. Where there is none, or one of no use here, it
// reads the public one, for which an agent may have the private.
func (id *identity) parse() error {
	text, err := os.ReadFile(id.path)
	if err != nil {
		if id.public = readPublic(id.path + ".pub"); id.public != nil {
			return nil
		}
		return err
	}
	if id.public, _, _, _, _ = ssh.ParseAuthorizedKey(text); id.public != nil {
		return nil
	}
	if id.broken = id.parsePrivate(text); id.broken == nil {
		return nil
	}
	if id.public = readPublic(id.path + ".pub"); id.public != nil {
		return nil
	}
	return id.broken
}

func (id *identity) parsePrivate(text []byte) error {
	if err := private(id.path); err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(text)
	locked, isLocked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case err == nil:
		id.signer, id.public, id.private = signer, signer.PublicKey(), true
		return nil
	case isLocked:
		id.public = locked.PublicKey
	case !isLockedPKCS8(text):
		if k := readPublic(id.path + ".pub"); k != nil && strings.HasPrefix(k.Type(), "sk-") {
			return fmt.Errorf("%s is on a security key, which is used through ssh-agent only: ssh-add %[1]s", id.path)
		}
		return fmt.Errorf("%s cannot be read: %w", id.path, tidy(err))
	}
	id.pem, id.private = text, true
	if id.public == nil {
		id.public = readPublic(id.path + ".pub")
	}
	return nil
}

// isLockedPKCS8 tells whether text is a key in encrypted PKCS#8 (RFC 5958), as
// openssl writes them.
func isLockedPKCS8(text []byte) bool {
	block, _ := pem.Decode(text)
	return block != nil && block.Type == "ENCRYPTED PRIVATE KEY"
}

// unlockKey reads a key that is locked by a passphrase.
func unlockKey(text, passphrase []byte) (ssh.Signer, error) {
	if !isLockedPKCS8(text) {
		return ssh.ParsePrivateKeyWithPassphrase(text, passphrase)
	}
	block, _ := pem.Decode(text)
	key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, passphrase)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
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
	defer func() { l.auth.waited += resume() }()
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
	id.unlocked, err = unlockKey(id.pem, []byte(word.Reveal()))
	if err != nil {
		report(secret.Rejected)
		id.failed = fmt.Errorf("wrong passphrase for %s", id.path)
		return nil, id.failed
	}
	report(secret.Accepted)
	return id.unlocked, nil
}
