package sshconfig

import (
	"fmt"
	"slices"
	"strings"
)

// spellings are the names of options that messages have.
var spellings = map[string]string{
	"canonicalizepermittedcnames": "CanonicalizePermittedCNAMEs", "controlpath": "ControlPath", "dynamicforward": "DynamicForward",
	"forwardx11": "ForwardX11", "gssapiauthentication": "GSSAPIAuthentication",
	"hostbasedauthentication": "HostbasedAuthentication", "kbdinteractivedevices": "KbdInteractiveDevices", "localcommand": "LocalCommand",
	"localforward": "LocalForward", "pkcs11provider": "PKCS11Provider", "remotecommand": "RemoteCommand",
	"securitykeyprovider": "SecurityKeyProvider", "sessiontype": "SessionType", "tunnel": "Tunnel", "verifyhostkeydns": "VerifyHostKeyDNS",
}

// Unsupported returns, by their names, the options that hold for the host and
// that ssh would heed, but farmrun does not. Those that only matter to speed, to
// the look of a terminal or to something else that farmrun never does are not
// among them; nor are those that only matter where a login fails: see LoginOptions.
func (s Settings) Unsupported() (names []string) {
	for option, name := range spellings {
		switch {
		case slices.Contains(loginOnly, option), !s.wants(option):
		case option == "localcommand" && !s.wants("permitlocalcommand"):
		case option == "canonicalizepermittedcnames" && !s.wants("canonicalizehostname"):
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// loginOnly are options that are often set for all hosts, most of which do not need them:
// another way to log in, a library for security keys, or a connection that is there already.
var loginOnly = []string{"controlpath", "gssapiauthentication", "kbdinteractivedevices", "securitykeyprovider"}

// LoginOptions returns, by their names, unsupported options by which ssh might
// get in where farmrun does not.
func (s Settings) LoginOptions() (names []string) {
	for _, option := range append([]string{"hostbasedauthentication", "pkcs11provider"}, loginOnly...) {
		if s.wants(option) {
			names = append(names, spellings[option])
		}
	}
	slices.Sort(names)
	return names
}

// wants tells whether an option has a value that turns something on.
func (s Settings) wants(option string) bool {
	value := s.got[option]
	return len(value) > 0 && !slices.Contains([]string{"no", "false", "none", "default", "internal"}, strings.ToLower(value[0]))
}

// Refusal returns why there must be no connection to the host: its configuration
// says so, or restricts it in a way that farmrun cannot keep to.
func (s Settings) Refusal() error {
	first := func(option string) string { return append(s.got[option], "")[0] }
	switch {
	case s.wants("refuseconnection"):
		return fmt.Errorf("refused by the configuration: %s", first("refuseconnection"))
	case s.wants("bindinterface"):
		return fmt.Errorf("BindInterface is not supported: the connection might take another way than over %s; BindAddress takes an address of it", first("bindinterface"))
	case s.wants("proxyusefdpass"):
		return fmt.Errorf("ProxyUseFdpass is not supported")
	}
	return nil
}

// environment returns the variables that SendEnv takes from environ and those
// that SetEnv sets, whose first line counts.
func (e *evaluation) environment(environ []string) (env []string) {
	var patterns []string
	for _, p := range e.got["sendenv"] {
		if not, is := strings.CutPrefix(p, "-"); is {
			patterns = slices.DeleteFunc(patterns, func(q string) bool { return Match(q, not) })
		} else {
			patterns = append(patterns, p)
		}
	}
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if slices.ContainsFunc(patterns, func(p string) bool { return Match(name, p) }) {
			env = append(env, v)
		}
	}
	return append(env, e.got["setenv"]...)
}
