package sshconfig

import (
	"fmt"
	"net"
	"strings"
)

// canonicalName returns the full name of a host for CanonicalizeHostname: with
// the first of CanonicalDomains under which it has an address. A name that has
// enough dots, or that only a proxy will look up, stays as it is.
func (e *evaluation) canonicalName(name string) (string, error) {
	mode := strings.ToLower(e.first("canonicalizehostname", "no"))
	behindProxy := len(e.got["proxy"]) == 2 && !strings.EqualFold(e.got["proxy"][1], "none")
	if !isCanonical(mode) || behindProxy && mode != "always" || net.ParseIP(name) != nil {
		return name, nil
	}
	if full, anchored := strings.CutSuffix(name, "."); anchored {
		return full, nil
	}
	if strings.Count(name, ".") > e.number("canonicalizemaxdots", 1) {
		return name, nil
	}
	domains := e.got["canonicaldomains"]
	for _, domain := range domains {
		full := name + "." + domain
		if addrs, err := e.config.lookup(e.ctx, full+"."); err == nil && len(addrs) > 0 {
			return strings.ToLower(full), nil
		}
	}
	if !e.flag("canonicalizefallbacklocal", true) {
		return "", &Error{Text: fmt.Sprintf("could not resolve host %q in any of %s", name, strings.Join(domains, " "))}
	}
	return name, nil
}
