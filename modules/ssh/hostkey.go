package ssh

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/hostkeys"
)

// keyName is the name under which the key of a host is known: HostKeyAlias, or
// the real name with its port unless that is 22.
func keyName(s *Settings) string {
	switch {
	case s.HostKeyAlias != "":
		return strings.ToLower(s.HostKeyAlias)
	case s.Port == 22:
		return s.HostName
	}
	return "[" + s.HostName + "]:" + strconv.Itoa(s.Port)
}

// keyFiles are the known_hosts files of a host, the user's first.
func keyFiles(s *Settings) []string {
	files := slices.Concat(s.UserKnownHostsFiles, s.GlobalKnownHostsFiles)
	return slices.DeleteFunc(files, func(name string) bool { return strings.EqualFold(name, "none") })
}

// checkHostKey is asked by x/crypto whether the host's key is to be trusted:
// at the login and, as long as the connection lasts, whenever new keys are
// agreed on. Then it has to be the key that it was.
func (l *login) checkHostKey(_ string, remote net.Addr, key ssh.PublicKey) error {
	if l.hostKey != nil {
		if bytes.Equal(l.hostKey, key.Marshal()) {
			return nil
		}
		return l.keyError(fmt.Errorf("the host now shows another key, %s", describe(key)), "")
	}
	l.stage = StageHostKey
	if l.refused = l.trust(remote, key); l.refused != nil {
		return l.refused
	}
	l.stage, l.hostKey = StageLogin, key.Marshal()
	l.patience.begin(l.dialer.waits.withDefaults().login)
	l.trace("host key %s", describe(key))
	return nil
}

func (l *login) trust(remote net.Addr, key ssh.PublicKey) error {
	if l.settings.NoHostAuthenticationForLocalhost && l.settings.HostKeyAlias == "" && isLoopback(remote) {
		return nil
	}
	if bits := rsaBits(key); bits > 0 && bits < l.settings.RequiredRSASize {
		return l.keyError(fmt.Errorf("%s has only %d bits (RequiredRSASize)", describe(key), bits), "")
	}
	if err := l.notRevoked(key); err != nil {
		return err
	}
	if err := l.askCommand(key); err != nil {
		return err
	}
	cert, isCert := key.(*ssh.Certificate)
	if !isCert {
		return l.trustPlain(remote, key)
	}
	status, places := l.lookUp(key)
	var err error
	switch status {
	case hostkeys.Revoked:
		return l.keyError(fmt.Errorf("%s is revoked in %s", describe(key), places[0]), "")
	case hostkeys.Known:
		if err = l.checkCert(cert); err == nil {
			return nil
		}
	}
	// As ssh does: a certificate that is of no use may still carry a known key.
	if plain := l.trustPlain(remote, cert.Key); plain != nil {
		if err != nil {
			return l.keyError(fmt.Errorf("its certificate does not hold: %s", tidy(err)), "")
		}
		return plain
	}
	return nil
}

func (l *login) checkCert(cert *ssh.Certificate) error {
	if cert.CertType != ssh.HostCert {
		return fmt.Errorf("the certificate is none for a host")
	}
	if spec := l.settings.CASignatureAlgorithms; spec != "" {
		accepted, err := pick("CASignatureAlgorithms", spec, supported.PublicKeyAuths, slices.Concat(supported.PublicKeyAuths, insecure.PublicKeyAuths))
		if err != nil {
			return err
		}
		if !slices.Contains(accepted, cert.Signature.Format) {
			return fmt.Errorf("it is signed by %s, which CASignatureAlgorithms does not allow", cert.Signature.Format)
		}
	}
	name := l.settings.HostName
	if l.settings.HostKeyAlias != "" {
		name = l.settings.HostKeyAlias
	}
	return (&ssh.CertChecker{}).CheckCert(name, cert)
}

// lookUp finds the key in the known_hosts files. Where a port is part of the
// name and nothing is known under it, the key is also good if it is known for
// the name alone.
func (l *login) lookUp(key ssh.PublicKey) (hostkeys.Status, []hostkeys.Place) {
	s := l.settings
	files := keyFiles(s)
	status, places := l.dialer.known.Check(files, keyName(s), key, l.printed...)
	if status == hostkeys.Unknown && s.HostKeyAlias == "" && s.Port != 22 {
		bare, at := l.dialer.known.Check(files, s.HostName, key, l.printed...)
		if bare == hostkeys.Known || bare == hostkeys.Revoked {
			return bare, at
		}
	}
	return status, places
}

// askCommand has KnownHostsCommand print the host's keys: key is the one that
// the host has shown, nil before that.
func (l *login) askCommand(key ssh.PublicKey) error {
	s := l.settings
	if s.KnownHostsCommand == "" {
		return nil
	}
	about := map[byte]string{'H': keyName(s), 'I': "ORDER", 'K': "NONE", 'f': "NONE", 't': "NONE"}
	if key != nil {
		about['I'] = "HOSTNAME"
		about['t'], about['f'] = key.Type(), ssh.FingerprintSHA256(key)
		about['K'] = base64.StdEncoding.EncodeToString(key.Marshal())
	}
	args, err := s.KnownHostsArgs(about)
	if err != nil {
		return l.keyError(fmt.Errorf("KnownHostsCommand: %w", err), "")
	}
	cmd := exec.CommandContext(l.ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	said := tail{most: 500}
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return l.keyError(fmt.Errorf("KnownHostsCommand: %w %s", err, said.String()), "")
	}
	l.printed = []*hostkeys.Lines{hostkeys.Parse("KnownHostsCommand", text)}
	return nil
}

func (l *login) trustPlain(remote net.Addr, key ssh.PublicKey) error {
	switch status, places := l.lookUp(key); status {
	case hostkeys.Known:
		return l.checkAddress(remote, key)
	case hostkeys.Revoked:
		return l.keyError(fmt.Errorf("%s is revoked in %s", describe(key), places[0]), "")
	case hostkeys.Changed:
		return l.changed(key, places)
	}
	return l.trustUnknown(remote, key)
}

// checkAddress looks the known key of a host up under its address as well, where
// CheckHostIP asks for that: the name may lead to another machine than it did.
func (l *login) checkAddress(remote net.Addr, key ssh.PublicKey) error {
	s := l.settings
	tcp, is := remote.(*net.TCPAddr)
	if !s.CheckHostIP || !is || s.HostKeyAlias != "" || s.ProxyCommand != "" || len(s.ProxyJump) > 0 {
		return nil
	}
	at := *s
	at.HostName = tcp.AddrPort().Addr().Unmap().String()
	switch status, places := l.dialer.known.Check(keyFiles(s), keyName(&at), key); {
	case status == hostkeys.Revoked, status == hostkeys.Changed && s.StrictHostKeyChecking == "yes":
		return l.keyError(fmt.Errorf("%s is not the key of %s in %s (CheckHostIP)", describe(key), keyName(&at), places[0]), "")
	case status == hostkeys.Changed:
		l.dialer.warn(s.Host, fmt.Sprintf("its key is not that of %s in %s", keyName(&at), places[0]))
	}
	return nil
}

// isLoopback tells whether a host is this machine, for ssh.
func isLoopback(remote net.Addr) bool {
	tcp, is := remote.(*net.TCPAddr)
	return is && tcp.IP.IsLoopback()
}

// changed refuses a key that is not the known one, unless the host may have
// the known one as well: then a second try asks for it.
func (l *login) changed(key ssh.PublicKey, places []hostkeys.Place) error {
	if l.types == nil {
		known := l.dialer.known.TypesOf(keyFiles(l.settings), keyName(l.settings), l.printed...)
		if !slices.Contains(known, key.Type()) {
			l.types, l.again = known, true
		}
	}
	return l.keyError(
		fmt.Errorf("the key has CHANGED: the host shows %s, but another stands in %s", describe(key), places[0]),
		fmt.Sprintf("somebody may be listening in; if the host was really set up anew: ssh-keygen -f %s -R '%s'", places[0].File, keyName(l.settings)))
}

// trustUnknown does what StrictHostKeyChecking says with a key that nobody
// knows.
func (l *login) trustUnknown(remote net.Addr, key ssh.PublicKey) error {
	switch l.settings.StrictHostKeyChecking {
	case "no", "accept-new":
		l.remember(key)
		return nil
	case "ask":
		if l.dialer.Confirm != nil && !l.settings.BatchMode {
			return l.askAbout(remote, key)
		}
	}
	return l.keyError(
		l.unknown(key),
		fmt.Sprintf("compare it with the host's own, then say yes to: ssh -p %d %s@%s", l.settings.Port, l.settings.User, l.settings.Host))
}

// unknown says that the key is not known, and which files may know it.
func (l *login) unknown(key ssh.PublicKey) error {
	text := "the key is unknown: " + describe(key)
	for _, why := range l.dialer.known.Unread(keyFiles(l.settings)) {
		text += fmt.Sprintf("; %v", why)
	}
	return errors.New(text)
}

// askAbout asks the operator, one host at a time. While a host waited for its
// turn its key may have become known.
func (l *login) askAbout(remote net.Addr, key ssh.PublicKey) error {
	defer l.patience.hold()()
	if err := l.dialer.asking.enter(l.ctx, 1); err != nil {
		return err
	}
	defer l.dialer.asking.leave()
	if status, _ := l.lookUp(key); status == hostkeys.Known {
		return nil
	}
	name := keyName(l.settings)
	if at := remote.String(); at != l.settings.Addr() {
		name += " (" + at + ")"
	}
	yes, err := l.dialer.Confirm(l.ctx, fmt.Sprintf("%s is unknown. Its key is %s.\nTrust it from now on?", name, describe(key)))
	if err != nil {
		return l.keyError(fmt.Errorf("%w; %w", l.unknown(key), err), "")
	}
	if !yes {
		return l.keyError(fmt.Errorf("the key is unknown and was not accepted: %s", describe(key)), "")
	}
	l.remember(key)
	return nil
}

// remember writes the key down where ssh would. That this fails keeps nobody
// from logging in.
func (l *login) remember(key ssh.PublicKey) {
	s := l.settings
	if len(s.UserKnownHostsFiles) == 0 || strings.EqualFold(s.UserKnownHostsFiles[0], "none") {
		return
	}
	file := s.UserKnownHostsFiles[0]
	if err := l.dialer.known.Add(file, keyName(s), key, s.HashKnownHosts); err != nil {
		l.dialer.warn(s.Host, fmt.Sprintf("its key could not be added to the known hosts: %v", err))
		return
	}
	l.dialer.warn(s.Host, fmt.Sprintf("its key, %s, was added to %s", describe(key), file))
}

func (l *login) keyError(err error, hint string) error {
	return &Error{Host: l.settings.Host, Stage: StageHostKey, Kind: ErrHostKey, Err: err, Hint: hint}
}

// describe returns a key's type and fingerprint as ssh-keygen -l prints them.
func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

// notRevoked looks into RevokedHostKeys: a list of public keys, for a binary
// list (KRL) is more than is read here, and so refused.
func (l *login) notRevoked(key ssh.PublicKey) error {
	path := l.settings.RevokedHostKeys
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.HasPrefix(text, []byte("SSHKRL\n")) {
		return l.keyError(fmt.Errorf("RevokedHostKeys %s cannot be read as a list of keys", path), "")
	}
	keys := []ssh.PublicKey{key}
	if cert, ok := key.(*ssh.Certificate); ok {
		keys = []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for len(text) > 0 {
		var bad ssh.PublicKey
		if bad, _, _, text, err = ssh.ParseAuthorizedKey(text); err != nil {
			break
		}
		for _, k := range keys {
			if bytes.Equal(bad.Marshal(), k.Marshal()) {
				return l.keyError(fmt.Errorf("%s is revoked in %s", describe(k), path), "")
			}
		}
	}
	return nil
}
