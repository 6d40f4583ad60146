package sshconfig

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings is what holds for one host. Paths have their tokens expanded, but
// for IdentityFiles and CertificateFiles, which [Settings.Path] expands, and
// ProxyCommand, which [Settings.Command] does: there the final user matters.
type Settings struct {
	Host     string // as it was asked for
	HostName string // the name or address to connect to
	User     string
	Port     int

	AddressFamily string // "any", "inet" or "inet6"
	BindAddress   string // "" is any
	ProxyJump     []Hop  // in the order in which they are passed; nil is none
	ProxyCommand  string // "" is none

	IdentityFiles    []string // the default ones when none is set
	OwnIdentities    bool     // the files were named in the configuration
	CertificateFiles []string
	IdentitiesOnly   bool
	IdentityAgent    string // the socket; "none" is no agent, "" is $SSH_AUTH_SOCK

	UserKnownHostsFiles   []string
	GlobalKnownHostsFiles []string
	KnownHostsCommand     string // "" is none; see KnownHostsArgs
	RevokedHostKeys       string // "" is none
	HostKeyAlias          string
	HashKnownHosts        bool
	StrictHostKeyChecking string // "yes", "no", "ask" or "accept-new"

	BatchMode                    bool
	PubkeyAuthentication         bool
	PasswordAuthentication       bool
	KbdInteractiveAuthentication bool
	PreferredAuthentications     []string // nil is ssh's order
	NumberOfPasswordPrompts      int

	CheckHostIP                      bool
	NoHostAuthenticationForLocalhost bool

	// The lists of algorithms as they were written; "" is the default.
	HostKeyAlgorithms, Ciphers, MACs, KexAlgorithms string
	PubkeyAcceptedAlgorithms, CASignatureAlgorithms string
	RequiredRSASize                                 int // in bits

	Env          []string // "NAME=value", for each session: of SendEnv and SetEnv
	ForwardAgent string   // the socket, or as IdentityAgent; "none" is not to

	ConnectionAttempts  int           // at least 1
	ConnectTimeout      time.Duration // 0 is unset
	ServerAliveInterval time.Duration // 0 is unset or off, see IsSet
	ServerAliveCountMax int

	RemoteForwards []Forward

	tokens *tokens
	got    map[string][]string
}

// IsSet tells whether an option, named in lower case, has a value from the
// files or the caller rather than its default.
func (s Settings) IsSet(option string) bool { return s.got[slotOf(option)] != nil }

// Path expands what IdentityFile and CertificateFile may contain.
func (s Settings) Path(text string) (string, error) { return s.tokens.path(text) }

// Command returns ProxyCommand with its tokens expanded.
func (s Settings) Command() (string, error) { return s.tokens.percent(s.ProxyCommand, proxyTokens) }

// KnownHostsArgs returns KnownHostsCommand as a program with its arguments, in
// which the tokens are expanded, those of about among them: H I K f t.
func (s Settings) KnownHostsArgs(about map[byte]string) ([]string, error) {
	args, ok := splitWords(s.KnownHostsCommand)
	if !ok || len(args) == 0 || !filepath.IsAbs(args[0]) {
		return nil, fmt.Errorf("%q does not begin with the path of a program", s.KnownHostsCommand)
	}
	t := *s.tokens
	t.about = about
	for i := 1; i < len(args); i++ {
		text, err := t.percent(args[i], anywhere+"HIKft")
		if err == nil {
			args[i], err = dollar(text)
		}
		if err != nil {
			return nil, err
		}
	}
	return args, nil
}

// Addr returns HostName and Port as net.Dial takes them.
func (s Settings) Addr() string { return net.JoinHostPort(s.HostName, strconv.Itoa(s.Port)) }

// Hop is one host of a ProxyJump.
type Hop struct {
	Host string
	User string // "" leaves it to the configuration
	Port int    // 0 leaves it to the configuration
}

func (h Hop) String() string {
	s := h.Host
	if h.Port != 0 {
		s = net.JoinHostPort(h.Host, strconv.Itoa(h.Port))
	} else if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if h.User != "" {
		s = h.User + "@" + s
	}
	return s
}

// ParseHop reads [user@]host[:port] or ssh://[user@]host[:port].
func ParseHop(text string) (Hop, error) {
	var h Hop
	text = strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		if h.User, text = text[:at], text[at+1:]; h.User == "" {
			return h, fmt.Errorf("no user before the @")
		}
	}
	h.Host = text
	switch host, number, err := net.SplitHostPort(text); {
	case err == nil:
		if h.Host, h.Port = host, portNumber(number); h.Port <= 0 {
			return h, fmt.Errorf("%q is no port", number)
		}
	case strings.HasPrefix(text, "["):
		h.Host = strings.Trim(text, "[]")
	}
	if !plausible(h.Host) {
		return h, fmt.Errorf("%q cannot be the name of a host", h.Host)
	}
	return h, nil
}

// Forward is a RemoteForward: where the host listens, and where the
// connections go from here. A path is that of a Unix socket.
type Forward struct {
	ListenHost  string // "" is ssh's default, loopback
	ListenPort  int
	ListenPath  string
	ConnectHost string // "socks" with port 0 when no target was named
	ConnectPort int
	ConnectPath string
}

func (f Forward) String() string {
	return forwardEnd(f.ListenHost, f.ListenPort, f.ListenPath) + " " + forwardEnd(f.ConnectHost, f.ConnectPort, f.ConnectPath)
}

func forwardEnd(host string, port int, path string) string {
	switch {
	case path != "":
		return path
	case host == "":
		return strconv.Itoa(port)
	}
	return fmt.Sprintf("[%s]:%d", host, port)
}

// parseForward reads the two words of a RemoteForward.
func parseForward(text string) (f Forward, err error) {
	listen, connect, target := strings.Cut(text, " ")
	if f.ListenHost, f.ListenPort, f.ListenPath, err = parseEnd(listen); err != nil {
		return f, err
	}
	if !target {
		f.ConnectHost = "socks"
		return f, nil
	}
	f.ConnectHost, f.ConnectPort, f.ConnectPath, err = parseEnd(connect)
	if err == nil && f.ConnectPath == "" && (f.ConnectHost == "" || f.ConnectPort == 0) {
		err = fmt.Errorf("%q names no host and port", connect)
	}
	return f, err
}

func parseEnd(text string) (host string, port int, path string, err error) {
	if strings.HasPrefix(text, "/") || strings.Contains(text, "%") {
		return "", 0, text, nil
	}
	number := text
	if i := strings.LastIndexAny(text, ":/"); i >= 0 {
		host, number = strings.Trim(text[:i], "[]"), text[i+1:]
	}
	if port = portNumber(number); port < 0 {
		err = fmt.Errorf("%q is no port", number)
	}
	return host, port, "", err
}

// first returns the first word of an option's value, or the default.
func (e *evaluation) first(slot, otherwise string) string {
	if v := e.got[slot]; len(v) > 0 {
		return v[0]
	}
	return otherwise
}

func (e *evaluation) flag(slot string, otherwise bool) bool {
	switch strings.ToLower(e.first(slot, "")) {
	case "yes", "true", "always", "unbound", "host-bound":
		return true
	case "no", "false":
		return false
	}
	return otherwise
}

func (e *evaluation) number(slot string, otherwise int) int {
	if n, err := strconv.Atoi(e.first(slot, "")); err == nil {
		return n
	}
	return otherwise
}

func (e *evaluation) time(slot string) time.Duration {
	d, _ := parseTime(e.first(slot, ""))
	return d
}

func (e *evaluation) remoteUser() string { return e.first("user", e.config.user) }

// hostName returns the real name of the host as far as it is known by now.
func (e *evaluation) hostName() (string, error) {
	name, err := (&tokens{host: e.asked}).percent(e.first("hostname", strings.ReplaceAll(e.asked, "%", "%%")), "h")
	if err != nil {
		return "", &Error{Text: fmt.Sprintf("HostName of %s: %v", e.asked, err)}
	}
	if _, err := netip.ParseAddr(name); err != nil {
		name = strings.ToLower(name)
	}
	return name, nil
}

// expand expands tokens with what is known by now.
func (e *evaluation) expand(text, allowed string) (string, error) {
	t, err := e.tokens()
	if err != nil {
		return "", err
	}
	return t.percent(text, allowed)
}

func (e *evaluation) tokens() (*tokens, error) {
	name, err := e.hostName()
	if err != nil {
		return nil, err
	}
	t := &tokens{
		config: e.config,
		asked:  e.asked,
		host:   name,
		alias:  e.first("hostkeyalias", e.asked),
		port:   strconv.Itoa(e.portNumber()),
		user:   e.remoteUser(),
	}
	if proxy := e.got["proxy"]; len(proxy) == 2 && proxy[0] == "proxyjump" && !strings.EqualFold(proxy[1], "none") {
		t.jump = proxy[1]
	}
	return t, nil
}

// expandUser expands the tokens in User (OpenSSH 10), but for those that have the
// user in them.
func (e *evaluation) expandUser(t *tokens) (err error) {
	if e.login != "" {
		return nil
	}
	if t.user, err = t.percent(t.user, "Ldhijklnpu"); err == nil {
		t.user, err = dollar(t.user)
	}
	if err != nil {
		return &Error{Text: fmt.Sprintf("User of %s: %v", e.asked, err)}
	}
	return nil
}

func (e *evaluation) portNumber() int { return portNumber(e.first("port", "22")) }

// settings makes Settings of what was gathered.
func (e *evaluation) settings() (Settings, error) {
	t, err := e.tokens()
	if err != nil {
		return Settings{}, err
	}
	if err := e.expandUser(t); err != nil {
		return Settings{}, err
	}
	s := Settings{
		Host:             e.asked,
		HostName:         t.host,
		User:             t.user,
		Port:             e.portNumber(),
		AddressFamily:    strings.ToLower(e.first("addressfamily", "any")),
		BindAddress:      e.first("bindaddress", ""),
		IdentityFiles:    e.got["identityfile"],
		OwnIdentities:    e.got["identityfile"] != nil,
		CertificateFiles: e.got["certificatefile"],
		IdentitiesOnly:   e.flag("identitiesonly", false),
		HostKeyAlias:     e.first("hostkeyalias", ""),
		HashKnownHosts:   e.flag("hashknownhosts", false),

		StrictHostKeyChecking: e.strict(),

		BatchMode:                    e.flag("batchmode", false),
		PubkeyAuthentication:         e.flag("pubkeyauthentication", true),
		PasswordAuthentication:       e.flag("passwordauthentication", true),
		KbdInteractiveAuthentication: e.flag("kbdinteractiveauthentication", true),
		NumberOfPasswordPrompts:      e.number("numberofpasswordprompts", 3),

		CheckHostIP:                      e.flag("checkhostip", false),
		NoHostAuthenticationForLocalhost: e.flag("nohostauthenticationforlocalhost", false),

		PubkeyAcceptedAlgorithms: e.first("pubkeyacceptedalgorithms", ""),
		CASignatureAlgorithms:    e.first("casignaturealgorithms", ""),
		RequiredRSASize:          e.number("requiredrsasize", 1024),

		Env: e.environment(os.Environ()),

		HostKeyAlgorithms: e.first("hostkeyalgorithms", ""),
		Ciphers:           e.first("ciphers", ""),
		MACs:              e.first("macs", ""),
		KexAlgorithms:     e.first("kexalgorithms", ""),

		ConnectionAttempts:  max(1, e.number("connectionattempts", 1)),
		ConnectTimeout:      e.time("connecttimeout"),
		ServerAliveInterval: e.time("serveraliveinterval"),
		ServerAliveCountMax: e.number("serveralivecountmax", 3),

		tokens: t,
		got:    e.got,
	}
	if command := e.first("knownhostscommand", "none"); !strings.EqualFold(command, "none") {
		s.KnownHostsCommand = command
	}
	if order := e.first("preferredauthentications", ""); order != "" {
		s.PreferredAuthentications = strings.Split(order, ",")
	}
	if !s.OwnIdentities {
		s.IdentityFiles = defaultIdentities
	}
	if err := cmp.Or(e.paths(&s), e.forwards(&s)); err != nil {
		return s, &Error{Text: fmt.Sprintf("the configuration for %s: %v", e.asked, err)}
	}
	return s, e.proxy(&s)
}

// defaultIdentities are the keys that are tried when none is named.
var defaultIdentities = []string{
	"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519",
	"~/.ssh/id_ed25519_sk", "~/.ssh/id_xmss", "~/.ssh/id_dsa",
}

func (e *evaluation) strict() string {
	switch mode := strings.ToLower(e.first("stricthostkeychecking", "ask")); mode {
	case "true":
		return "yes"
	case "false", "off":
		return "no"
	default:
		return mode
	}
}

// paths fills in what is a file or a socket.
func (e *evaluation) paths(s *Settings) (err error) {
	if s.UserKnownHostsFiles, err = e.fileList("userknownhostsfile", s.tokens, "~/.ssh/known_hosts", "~/.ssh/known_hosts2"); err != nil {
		return err
	}
	if s.GlobalKnownHostsFiles, err = e.fileList("globalknownhostsfile", s.tokens, "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"); err != nil {
		return err
	}
	if name := e.first("revokedhostkeys", "none"); !strings.EqualFold(name, "none") {
		if s.RevokedHostKeys, err = s.tokens.path(name); err != nil {
			return err
		}
	}
	if s.IdentityAgent, err = s.tokens.socket(e.first("identityagent", "")); err != nil {
		return err
	}
	switch to := e.first("forwardagent", "no"); strings.ToLower(to) {
	case "no", "false":
		s.ForwardAgent = "none"
	case "yes", "true":
		s.ForwardAgent = s.IdentityAgent
	default:
		s.ForwardAgent, err = s.tokens.socket(to)
	}
	return err
}

// forwards fills in the RemoteForwards.
func (e *evaluation) forwards(s *Settings) error {
	if e.flag("clearallforwardings", false) {
		return nil
	}
	for _, text := range e.got["remoteforward"] {
		f, err := parseForward(text)
		if err != nil {
			return err
		}
		for _, path := range []*string{&f.ListenPath, &f.ConnectPath} {
			if *path, err = s.tokens.percent(*path, anywhere); err != nil {
				return err
			}
			if *path, err = dollar(*path); err != nil {
				return err
			}
		}
		if !slices.Contains(s.RemoteForwards, f) {
			s.RemoteForwards = append(s.RemoteForwards, f)
		}
	}
	return nil
}

func (e *evaluation) fileList(slot string, t *tokens, defaults ...string) ([]string, error) {
	names := e.got[slot]
	if names == nil {
		names = defaults
	}
	list := make([]string, 0, len(names))
	for _, name := range names {
		path, err := t.path(name)
		if err != nil {
			return nil, err
		}
		list = append(list, path)
	}
	return list, nil
}

func (e *evaluation) proxy(s *Settings) error {
	proxy := e.got["proxy"]
	if len(proxy) != 2 || strings.EqualFold(proxy[1], "none") {
		return nil
	}
	if proxy[0] == "proxycommand" {
		s.ProxyCommand = proxy[1]
		return nil
	}
	for text := range strings.SplitSeq(proxy[1], ",") {
		text, err := s.tokens.percent(text, proxyTokens)
		hop := Hop{}
		if err == nil {
			hop, err = ParseHop(text)
		}
		if err != nil {
			return &Error{Text: fmt.Sprintf("ProxyJump of %s: %v", e.asked, err)}
		}
		s.ProxyJump = append(s.ProxyJump, hop)
	}
	return nil
}
