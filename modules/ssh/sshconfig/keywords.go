package sshconfig

import (
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// checks says for each option how its words are checked when they are read,
// whatever host they are for. Options with nil are known to ssh and of no
// concern here. The list is that of OpenSSH 10, with the older names.
var checks = map[string]func(*line) error{
	"addressfamily":                    oneOf("any", "inet", "inet6"),
	"batchmode":                        flag,
	"bindaddress":                      word,
	"bindinterface":                    word,
	"canonicaldomains":                 whatever,
	"canonicalizefallbacklocal":        flag,
	"canonicalizehostname":             oneOf("true", "false", "yes", "no", "always"),
	"canonicalizemaxdots":              number,
	"casignaturealgorithms":            word,
	"certificatefile":                  word,
	"checkhostip":                      flag,
	"ciphers":                          word,
	"clearallforwardings":              flag,
	"connectionattempts":               number,
	"connecttimeout":                   duration,
	"forwardagent":                     word,
	"globalknownhostsfile":             files,
	"hashknownhosts":                   flag,
	"hostkeyalgorithms":                word,
	"hostkeyalias":                     word,
	"hostname":                         word,
	"identitiesonly":                   flag,
	"identityagent":                    word,
	"identityfile":                     word,
	"ignoreunknown":                    word,
	"kexalgorithms":                    word,
	"knownhostscommand":                whatever,
	"macs":                             word,
	"nohostauthenticationforlocalhost": flag,
	"numberofpasswordprompts":          number,
	"passwordauthentication":           flag,
	"kbdinteractiveauthentication":     flag,
	"port":                             port,
	"preferredauthentications":         word,
	"proxycommand":                     whatever,
	"proxyjump":                        jump,
	"proxyusefdpass":                   flag,
	"pubkeyauthentication":             oneOf("true", "false", "yes", "no", "unbound", "host-bound"),
	"pubkeyacceptedalgorithms":         word,
	"refuseconnection":                 word,
	"remoteforward":                    forward,
	"requiredrsasize":                  number,
	"revokedhostkeys":                  word,
	"sendenv":                          whatever,
	"serveralivecountmax":              number,
	"serveraliveinterval":              duration,
	"sessiontype":                      oneOf("none", "subsystem", "default"),
	"setenv":                           assignments,
	"stricthostkeychecking":            oneOf("true", "false", "yes", "no", "ask", "off", "accept-new"),
	"tag":                              word,
	"user":                             word,
	"userknownhostsfile":               files,

	"compression": flag, "controlpath": word, "enablesshkeysign": flag,
	"exitonforwardfailure": flag, "forwardx11": flag, "forwardx11trusted": flag,
	"forwardx11timeout": duration, "gatewayports": flag, "gssapiauthentication": flag,
	"gssapidelegatecredentials": flag, "hostbasedauthentication": flag,
	"permitlocalcommand":    flag,
	"streamlocalbindunlink": flag, "tcpkeepalive": flag, "visualhostkey": flag,
	"fallbacktorsh": nil, "usersh": nil, "protocol": nil, "cipher": nil, "userknownhostsfile2": nil,
	"globalknownhostsfile2": nil, "rhostsauthentication": nil, "useroaming": nil,
	"useprivilegedport": nil, "afstokenpassing": nil, "kerberosauthentication": nil,
	"kerberostgtpassing": nil, "rsaauthentication": nil, "rhostsrsaauthentication": nil,
	"compressionlevel": nil, "smartcarddevice": nil, "pkcs11provider": nil,
	"gssapikeyexchange": nil, "gssapitrustdns": nil, "gssapirenewalforcesrekey": nil,
	"gssapikexalgorithms": nil, "gssapiclientidentity": nil, "gssapiserveridentity": nil,
	"addkeystoagent":              nil,
	"canonicalizepermittedcnames": nil, "channeltimeout": nil,
	"controlmaster": nil, "controlpersist": nil, "dynamicforward": nil,
	"enableescapecommandline": nil, "escapechar": nil, "fingerprinthash": nil,
	"forkafterauthentication": nil, "hostbasedacceptedalgorithms": nil,
	"ipqos": nil, "kbdinteractivedevices": nil,
	"localcommand": nil, "localforward": nil, "loglevel": nil,
	"logverbose": nil, "obscurekeystroketiming": nil, "permitremoteopen": nil,
	"protocolkeepalives": nil,
	"rekeylimit":         nil, "remotecommand": nil, "requesttty": nil,
	"securitykeyprovider": nil,
	"setuptimeout":        nil, "stdinnull": nil,
	"streamlocalbindmask": nil, "syslogfacility": nil, "tunnel": nil,
	"tunneldevice": nil, "updatehostkeys": nil, "verifyhostkeydns": nil,
	"versionaddendum": nil, "warnweakcrypto": nil, "xauthlocation": nil,
}

// aliases are the older names of options.
var aliases = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication",
	"skeyauthentication":              "kbdinteractiveauthentication",
	"tisauthentication":               "kbdinteractiveauthentication",
	"dsaauthentication":               "pubkeyauthentication",
	"pubkeyacceptedkeytypes":          "pubkeyacceptedalgorithms",
	"hostbasedkeytypes":               "hostbasedacceptedalgorithms",
	"rsaminsize":                      "requiredrsasize",
	"identity":                        "identityfile",
	"identityfile2":                   "identityfile",
	"keepalive":                       "tcpkeepalive",
}

func canonicalKey(key string) string {
	if name, ok := aliases[key]; ok {
		return name
	}
	return key
}

// known tells whether ssh knows the option at all. Apple's ssh has one more.
func known(key string) bool {
	key = canonicalKey(key)
	_, ok := checks[key]
	return ok || key == "include" || key == "usekeychain" && runtime.GOOS == "darwin"
}

// slotOf returns under what name the value of an option is kept: the two ways
// of a proxy share one, for the first of them wins over the other.
func slotOf(key string) string {
	switch key = canonicalKey(key); key {
	case "proxyjump", "proxycommand":
		return "proxy"
	}
	return key
}

// gathers tells whether the option has all its values rather than the first.
func gathers(slot string) bool {
	return slot == "identityfile" || slot == "certificatefile" || slot == "remoteforward" || slot == "sendenv"
}

// unsets tells whether the words leave the option as if it had not been set.
func unsets(slot string, args []string) bool {
	return (slot == "connecttimeout" || slot == "serveraliveinterval") && args[0] == "none"
}

func isCanonical(mode string) bool {
	mode = strings.ToLower(mode)
	return mode == "yes" || mode == "true" || mode == "always"
}

// check looks whether the words of l can be the option's value, and leaves in
// l.args only those. An unknown option is found out later: IgnoreUnknown may
// allow it for some hosts.
func check(l *line) error {
	l.key = canonicalKey(l.key)
	if look := checks[l.key]; look != nil {
		return look(l)
	}
	return nil
}

func word(l *line) error {
	switch {
	case len(l.args) == 0 || l.args[0] == "":
		return l.errorf("Missing argument.")
	case len(l.args) > 1:
		return l.errorf("keyword %s extra arguments at end of line", l.key)
	}
	return nil
}

func whatever(*line) error { return nil }

func oneOf(names ...string) func(*line) error {
	return func(l *line) error {
		if err := word(l); err != nil {
			return err
		}
		for _, name := range names {
			if strings.EqualFold(name, l.args[0]) {
				return nil
			}
		}
		return l.errorf("unsupported option %q.", l.args[0])
	}
}

func flag(l *line) error { return oneOf("yes", "no", "true", "false")(l) }

func number(l *line) error {
	if err := word(l); err != nil {
		return err
	}
	if _, err := strconv.Atoi(l.args[0]); err != nil {
		return l.errorf("integer value %q is invalid", l.args[0])
	}
	return nil
}

func port(l *line) error {
	if err := word(l); err != nil {
		return err
	}
	if n := portNumber(l.args[0]); n <= 0 {
		return l.errorf("Bad number '%s'.", l.args[0])
	}
	return nil
}

// portNumber returns the port that text names, and -1 if it names none.
func portNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		if n, err = net.LookupPort("tcp", text); err != nil {
			return -1
		}
	}
	if n < 0 || n > 65535 {
		return -1
	}
	return n
}

func duration(l *line) error {
	if err := word(l); err != nil {
		return err
	}
	if _, ok := parseTime(l.args[0]); !ok && l.args[0] != "none" {
		return l.errorf("invalid time value.")
	}
	return nil
}

// parseTime reads a time as sshd_config(5) describes it under TIME FORMATS:
// numbers with the units s m h d w, seconds where there is none.
func parseTime(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	var total time.Duration
	for text != "" {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		n, err := strconv.Atoi(text[:digits])
		if err != nil || n > 1<<31 {
			return 0, false
		}
		unit := time.Second
		if text = text[digits:]; text != "" {
			var ok bool
			if unit, ok = units[text[0]|0x20]; !ok {
				return 0, false
			}
			text = text[1:]
		}
		total += time.Duration(n) * unit
	}
	return total, true
}

func files(l *line) error {
	if len(l.args) == 0 {
		return l.errorf("Missing argument.")
	}
	for i, arg := range l.args {
		switch {
		case arg == "":
			return l.errorf("keyword %s empty argument", l.key)
		case strings.EqualFold(arg, "none") && len(l.args) > 1:
			return l.errorf("keyword %s %q argument must appear alone.", l.key, l.args[i])
		}
	}
	return nil
}

func assignments(l *line) error {
	for _, arg := range l.args {
		if !strings.Contains(arg, "=") {
			return l.errorf("Invalid SetEnv.")
		}
	}
	return nil
}

func jump(l *line) error {
	l.rest, _, _ = strings.Cut(l.rest, "#")
	l.rest = strings.TrimRight(l.rest, blanks)
	if strings.EqualFold(l.rest, "none") {
		return nil
	}
	for hop := range strings.SplitSeq(l.rest, ",") {
		if _, err := ParseHop(hop); err != nil {
			return l.errorf("Invalid ProxyJump %q", l.rest)
		}
	}
	return nil
}

func forward(l *line) error {
	if len(l.args) == 0 || l.args[0] == "" {
		return l.errorf("Missing argument.")
	}
	if len(l.args) > 2 {
		return l.errorf("keyword %s extra arguments at end of line", l.key)
	}
	if _, err := parseForward(strings.Join(l.args, " ")); err != nil {
		return l.errorf("Bad forwarding specification.")
	}
	return nil
}
