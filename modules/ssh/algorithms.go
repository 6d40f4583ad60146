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

// hostKeyAlgorithms returns what kinds of host key to ask for: those first of
// which one is known, so that a host with several shows that one.
func (l *login) hostKeyAlgorithms() ([]string, error) {
	list, err := pick("HostKeyAlgorithms", l.settings.HostKeyAlgorithms, supported.HostKeys, hostKeys)
	if err != nil {
		return nil, err
	}
	if list == nil {
		list = supported.HostKeys
	}
	types, cert := l.types, false
	if types == nil {
		if types, cert, err = l.dialer.known.Types(keyFiles(l.settings), keyName(l.settings)); err != nil {
			return nil, l.keyError(err, "")
		}
	}
	if len(types) == 0 && !cert {
		return list, nil
	}
	first := make([]string, 0, 2*len(list))
	if cert {
		first = append(first, matching("*-cert-v01@*", list)...)
	}
	for _, t := range types {
		first = append(first, signatures(t, list)...)
	}
	return unique(append(first, list...)), nil
}

// signatures returns the algorithms of list that a plain key of type t signs by.
func signatures(t string, list []string) []string {
	if t == ssh.KeyAlgoRSA {
		return matching(ssh.KeyAlgoRSASHA512+","+ssh.KeyAlgoRSASHA256+","+ssh.KeyAlgoRSA, list)
	}
	return matching(t, list)
}
