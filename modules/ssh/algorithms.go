package ssh

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshconfig"
)

// pick applies a list of algorithms as ssh_config(5) writes it to what there
// is: "+" appends to the defaults, "-" takes from them, "^" puts in front, and
// anything else replaces them. What x/crypto has not is left out. A nil result
// is x/crypto's own default.
func pick(option, spec string, defaults, all []string) ([]string, error) {
	if spec == "" {
		return nil, nil
	}
	var picked []string
	switch spec[0] {
	case '+':
		picked = slices.Concat(defaults, matching(spec[1:], all))
	case '-':
		picked = slices.DeleteFunc(slices.Clone(defaults), func(a string) bool { return sshconfig.MatchList(a, spec[1:]) })
	case '^':
		picked = slices.Concat(matching(spec[1:], all), defaults)
	default:
		picked = matching(spec, all)
	}
	if picked = unique(picked); len(picked) == 0 {
		return nil, fmt.Errorf("farmrun has none of the %s %q", option, spec)
	}
	return picked, nil
}

// matching returns, in the order of the list, those of all that it names.
func matching(list string, all []string) []string {
	var found []string
	for pattern := range strings.SplitSeq(list, ",") {
		for _, a := range all {
			if sshconfig.Match(a, pattern) {
				found = append(found, a)
			}
		}
	}
	return found
}

// unique returns list with each word at its first place only. Lists are short.
func unique(list []string) []string {
	once := list[:0]
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// What x/crypto has; it makes new lists at each call, and every login asks.
var (
	supported = ssh.SupportedAlgorithms()
	insecure  = ssh.InsecureAlgorithms()
	hostKeys  = slices.Concat(supported.HostKeys, insecure.HostKeys)
)

// hostKeyOrder is OpenSSH's: a host with several keys shows both the same one.
var hostKeyOrder = matching("ssh-ed25519-cert-v01@*,ecdsa-*-cert-v01@*,rsa-sha2-512-cert-v01@*,rsa-sha2-256-cert-v01@*,"+
	"ssh-ed25519,ecdsa-*,rsa-sha2-512,rsa-sha2-256", supported.HostKeys)

// setAlgorithms puts the configured lists into config.
func (l *login) setAlgorithms(config *ssh.Config) (err error) {
	s := l.settings
	if s.KexAlgorithms == "" && s.Ciphers == "" && s.MACs == "" {
		return nil
	}
	good, bad := supported, insecure
	if config.KeyExchanges, err = pick("KexAlgorithms", s.KexAlgorithms, good.KeyExchanges, slices.Concat(good.KeyExchanges, bad.KeyExchanges)); err != nil {
		return err
	}
	if config.Ciphers, err = pick("Ciphers", s.Ciphers, good.Ciphers, slices.Concat(good.Ciphers, bad.Ciphers)); err != nil {
		return err
	}
	config.MACs, err = pick("MACs", s.MACs, good.MACs, slices.Concat(good.MACs, bad.MACs))
	return err
}

// hostKeyAlgorithms returns what kinds of host key to ask for, in OpenSSH's order:
// those of which a key is known come first, unless the configuration has an
// order of its own or one is known of the best kind.
func (l *login) hostKeyAlgorithms() ([]string, error) {
	spec := l.settings.HostKeyAlgorithms
	list, err := pick("HostKeyAlgorithms", spec, hostKeyOrder, hostKeys)
	switch {
	case err != nil:
		return nil, err
	case list == nil:
		list = hostKeyOrder
	case !strings.ContainsAny(spec[:1], "+-"):
		return list, nil
	}
	types, cert := l.types, false
	if types == nil {
		if err := l.askCommand(nil); err != nil {
			return nil, err
		}
		types, cert = l.dialer.known.Types(keyFiles(l.settings), keyName(l.settings), l.printed...)
	}
	if slices.Contains(types, plainType(list[0])) {
		return list, nil
	}
	isKnown := func(a string) bool {
		return cert && isCertAlgorithm(a) || slices.Contains(types, plainType(a))
	}
	return slices.Concat(filter(list, isKnown), filter(list, func(a string) bool { return !isKnown(a) })), nil
}

func filter(list []string, keep func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !keep(s) })
}

// certSuffix ends the names of the algorithms of certificates.
const certSuffix = "-cert-v01@openssh.com"

func isCertAlgorithm(a string) bool { return strings.HasSuffix(a, certSuffix) }

// keyAlgorithms are those by which a user's key may sign.
var keyAlgorithms = withCerts(supported.PublicKeyAuths)

// withCerts returns the algorithms and those of their certificates.
func withCerts(plain []string) []string {
	list := slices.Clone(plain)
	for _, a := range plain {
		list = append(list, strings.TrimSuffix(a, "@openssh.com")+certSuffix)
	}
	return list
}

// plainType returns the type of the key that signs by the algorithm a, or that
// its certificates are for.
func plainType(a string) string {
	if plain, is := strings.CutSuffix(a, certSuffix); is {
		if a = plain; strings.HasPrefix(a, "sk-") {
			a += "@openssh.com"
		}
	}
	if strings.HasPrefix(a, "rsa-sha2-") {
		return ssh.KeyAlgoRSA
	}
	return a
}
