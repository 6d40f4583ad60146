package sshserver

import (
	"bytes"
	"crypto/subtle"
	"errors"

	"golang.org/x/crypto/ssh"
)

// Auth says who is let in and how. A method whose function is nil is not
// offered. The functions are called from several goroutines.
type Auth struct {
	None     func(user string) bool                    // let in without proof
	Password func(user, password string) bool          // password; see Passwords
	Key      func(user string, key ssh.PublicKey) bool // publickey; see Keys
	UserCA   func(ca ssh.PublicKey) bool               // certificates of this authority, valid for the user's name; see CA

	// Questions is keyboard-interactive: it asks the client and returns nil to
	// let it in. See AskPassword.
	Questions func(user string, ask ssh.KeyboardInteractiveChallenge) error

	MaxTries int // failures before the client is thrown out; 0 is 6, less is no limit
}

var errDenied = errors.New("permission denied")

// Passwords are the users' passwords.
type Passwords map[string]string

// Check tells whether user has that password, for Auth.Password.
func (p Passwords) Check(user, password string) bool {
	want, ok := p[user]
	return subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 && ok
}

// Keys returns a function for Auth.Key that lets any user in with these keys.
func Keys(authorized ...ssh.PublicKey) func(string, ssh.PublicKey) bool {
	is := oneOf(authorized)
	return func(_ string, key ssh.PublicKey) bool { return is(key) }
}

// CA returns a function for Auth.UserCA that trusts these authorities.
func CA(authorities ...ssh.PublicKey) func(ssh.PublicKey) bool { return oneOf(authorities) }

func oneOf(keys []ssh.PublicKey) func(ssh.PublicKey) bool {
	return func(key ssh.PublicKey) bool {
		for _, k := range keys {
			if bytes.Equal(k.Marshal(), key.Marshal()) {
				return true
			}
		}
		return false
	}
}

// AskPassword returns a function for Auth.Questions that asks as sshd with PAM
// does: "Password: " without echo, and once more with no question at all when
// the answer was right.
func AskPassword(check func(user, password string) bool) func(string, ssh.KeyboardInteractiveChallenge) error {
	return func(user string, ask ssh.KeyboardInteractiveChallenge) error {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err != nil {
			return err
		}
		if len(answers) != 1 || !check(user, answers[0]) {
			return errDenied
		}
		_, err = ask("", "", nil, nil)
		return err
	}
}

// serverConfig returns the server's rules for x/crypto/ssh. Where before is
// not nil it is called ahead of each decision about a login.
func (s *Server) serverConfig(before func()) *ssh.ServerConfig {
	config := &ssh.ServerConfig{MaxAuthTries: s.Auth.MaxTries, ServerVersion: s.Version}
	for _, key := range s.HostKeys {
		config.AddHostKey(key)
	}
	if s.Banner != "" {
		config.BannerCallback = func(ssh.ConnMetadata) string { return s.Banner }
	}
	answer := func(ok bool) (*ssh.Permissions, error) {
		if before != nil {
			before()
		}
		if ok {
			return nil, nil
		}
		return nil, errDenied
	}
	s.Auth.install(config, answer)
	return config
}

// install offers each method there is a function for.
func (a Auth) install(config *ssh.ServerConfig, answer func(bool) (*ssh.Permissions, error)) {
	if a.None != nil {
		config.NoClientAuth = true
		config.NoClientAuthCallback = func(c ssh.ConnMetadata) (*ssh.Permissions, error) {
			return answer(a.None(c.User()))
		}
	}
	if a.Password != nil {
		config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return answer(a.Password(c.User(), string(password)))
		}
	}
	if a.Questions != nil {
		config.KeyboardInteractiveCallback = func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return answer(a.Questions(c.User(), ask) == nil)
		}
	}
	if a.Key != nil || a.UserCA != nil {
		config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return answer(a.allows(c, key))
		}
	}
}

// allows tells whether key, which may be a certificate, lets the user in.
func (a Auth) allows(c ssh.ConnMetadata, key ssh.PublicKey) bool {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return a.Key != nil && a.Key(c.User(), key)
	}
	checker := ssh.CertChecker{IsUserAuthority: a.UserCA}
	if a.UserCA == nil || cert.CertType != ssh.UserCert || !a.UserCA(cert.SignatureKey) {
		return false
	}
	return checker.CheckCert(c.User(), cert) == nil
}
