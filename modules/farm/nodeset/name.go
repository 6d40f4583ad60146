package nodeset

import (
	"net/netip"
	"strings"
)

// maxName is how long a host's name may be (RFC 1035, section 2.3.4).
const maxName = 253

// maxLabel is how long the parts of a name between the dots may be.
const maxLabel = 63

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// isNameByte tells whether c may be in the name of a host or group. A colon
// may because of IPv6 addresses, and a "%" because of their zones.
func isNameByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("._-:%", c) >= 0
}

// invalid says why name cannot be a host's; "" if it can. A host's name goes to
// ssh as a word, into file names and onto the terminal, so it has to be plain:
// letters, digits, "_", "-" and dots that part them, beginning with none of the
// latter two; or an IP address, an IPv6 one with its zone.
func invalid(name string) string {
	if name == "" {
		return "it is empty"
	}
	if len(name) > maxName {
		return "it is too long"
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return "it has other characters than letters, digits, '.', '-' and '_'"
		}
	}
	if strings.Contains(name, ":") {
		if _, err := netip.ParseAddr(name); err != nil {
			return "a ':' is only in IPv6 addresses; the port is said in the site file, or in ssh's configuration"
		}
		return ""
	}
	if strings.Contains(name, "%") {
		return "a '%' is only in IPv6 addresses, before the zone"
	}
	return invalidLabels(name)
}

func invalidLabels(name string) string {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		switch {
		case label == "":
			return "there is nothing before, after or between its dots"
		case label[0] == '-':
			return "a part of it begins with '-'"
		case len(label) > maxLabel:
			return "a part of it is longer than 63 characters"
		}
	}
	return ""
}
