package sshconfig

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// criterion is one condition of a Match line.
type criterion struct {
	name   string // in lower case
	arg    string
	negate bool
	line   *line
}

// parseMatch reads the conditions of a Match line. Its words are cut in the
// older of ssh's two ways: "=" stands for a blank and only '"' quotes.
func parseMatch(l *line) ([]criterion, error) {
	var criteria []criterion
	rest := l.rest
	for {
		var word string
		if word, rest = cutOld(rest); word == "" || word[0] == '#' {
			break
		}
		c := criterion{line: l}
		c.name, c.negate = strings.CutPrefix(strings.ToLower(word), "!")
		switch c.name {
		case "all":
			next, _ := cutOld(rest)
			if len(criteria) > 0 || next != "" && next[0] != '#' {
				return nil, l.errorf("'%s' cannot be combined with other Match attributes", word)
			}
		case "canonical", "final":
		case "host", "originalhost", "user", "localuser", "exec":
			if c.arg, rest = cutOld(rest); c.arg == "" || c.arg[0] == '#' {
				return nil, l.errorf("Missing Match criteria for %s", c.name)
			}
		case "command", "localnetwork", "sessiontype", "tagged", "version":
			left := rest
			if c.arg, rest = cutOld(rest); left == "" || left[0] == '#' {
				return nil, l.errorf("Missing Match criteria for %s", c.name)
			}
			if c.name == "localnetwork" && !areNetworks(c.arg) {
				return nil, l.errorf("Invalid network list %q", c.arg)
			}
		default:
			return nil, l.errorf("Unsupported Match attribute %s", word)
		}
		criteria = append(criteria, c)
	}
	if len(criteria) == 0 {
		return nil, l.errorf("One or more attributes required for Match")
	}
	return criteria, nil
}

// cutOld cuts the first word off text. A quote left open takes all.
func cutOld(text string) (word, rest string) {
	end := strings.IndexAny(text, blanks+`"=`)
	if end < 0 {
		return text, ""
	}
	if text[end] == '"' {
		inner, after, _ := strings.Cut(text[end+1:], `"`)
		return text[:end] + inner, strings.TrimLeft(after, blanks)
	}
	return text[:end], afterKey(text[end:])
}

// holds tells whether what stands in b is for this host. In a file that is
// included from a block that does not hold nothing does, and no command runs.
func (e *evaluation) holds(f *file, b *block, active bool) (bool, error) {
	switch {
	case b.all || !active:
		return active, nil
	case b.hosts != nil:
		return matchHostLine(e.host, b.hosts), nil
	}
	result := true
	for _, c := range b.match {
		ok, err := e.fulfils(c, result)
		if err != nil {
			return false, err
		}
		result = result && ok != c.negate
	}
	return result, nil
}

// fulfils tells whether c, regardless of a "!", is true. so is false when an
// earlier condition of the line failed: then no command needs to run.
func (e *evaluation) fulfils(c criterion, so bool) (bool, error) {
	switch c.name {
	case "all":
		return true, nil
	case "final":
		e.wantFinal = true
		return e.final, nil
	case "canonical":
		return e.final, nil
	case "originalhost":
		return matchList(strings.ToLower(e.asked), c.arg, true) > 0, nil
	case "user":
		return matchList(e.remoteUser(), c.arg, false) > 0, nil
	case "localuser":
		return matchList(e.config.user, c.arg, false) > 0, nil
	case "exec":
		if !so {
			return false, nil
		}
		command, err := e.expand(c.arg, "CLdhijklnpru")
		if err != nil {
			return false, c.line.errorf("%v", err)
		}
		return e.config.succeeds(e.ctx, command)
	case "command":
		return matchOptional("", c.arg), nil
	case "sessiontype":
		return matchList(e.sessionType(), c.arg, false) > 0, nil
	case "tagged":
		return matchOptional(e.first("tag", ""), c.arg), nil
	case "version":
		return matchList(release, c.arg, false) > 0, nil
	case "localnetwork":
		return e.onNetwork(c.arg)
	}
	host, err := e.hostName()
	return matchList(strings.ToLower(host), c.arg, true) > 0, err
}

// release is the version of ssh whose configuration is understood here.
const release = "OpenSSH_10.0p2"

// sessionType is the kind of session that ssh would open without a command.
func (e *evaluation) sessionType() string {
	if kind := strings.ToLower(e.first("sessiontype", "default")); kind != "default" {
		return kind
	}
	return "shell"
}

// matchOptional matches something that need not be there: an empty list of
// patterns stands for nothing.
func matchOptional(s, list string) bool {
	if s == "" {
		return list == ""
	}
	return matchList(s, list, false) > 0
}

// areNetworks tells whether list has networks as ssh reads them: each with no
// bit set beyond its length.
func areNetworks(list string) bool {
	for text := range strings.SplitSeq(list, ",") {
		if n, err := network(text); err != nil || n != n.Masked() {
			return false
		}
	}
	return true
}

func network(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	addr, err := netip.ParseAddr(text)
	return netip.PrefixFrom(addr, addr.BitLen()), err
}

// onNetwork tells whether this machine has an address in one of the networks.
func (e *evaluation) onNetwork(list string) (bool, error) {
	addrs, err := e.config.addresses()
	for text := range strings.SplitSeq(list, ",") {
		n, _ := network(text)
		if slices.ContainsFunc(addrs, n.Contains) {
			return true, nil
		}
	}
	return false, err
}

// ownAddresses returns the addresses of the network interfaces that are up.
func ownAddresses() (addrs []netip.Addr, err error) {
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		prefixes, _ := i.Addrs()
		for _, p := range prefixes {
			if n, err := netip.ParsePrefix(p.String()); err == nil {
				addrs = append(addrs, n.Addr())
			}
		}
	}
	return addrs, err
}

// verdict is what a command of Match exec said. It is asked once: a farm's
// hosts mostly share the same few commands.
type verdict struct {
	once sync.Once
	yes  bool
	off  bool // whoever asked was called off, so there is no answer
}

func (c *Config) succeeds(ctx context.Context, command string) (bool, error) {
	for ctx.Err() == nil {
		kept, _ := c.execs.LoadOrStore(command, &verdict{})
		v := kept.(*verdict)
		v.once.Do(func() {
			v.yes = shell(ctx, command) == nil
			v.off = !v.yes && ctx.Err() != nil
		})
		if !v.off {
			return v.yes, nil
		}
		c.execs.CompareAndDelete(command, v)
	}
	return false, context.Cause(ctx)
}

// shell runs a command with the operator's shell, as ssh does.
func shell(ctx context.Context, command string) error {
	name := os.Getenv("SHELL")
	if name == "" {
		name = "/bin/sh"
	}
	cmd := exec.CommandContext(ctx, name, "-c", "exec "+command)
	cmd.WaitDelay = time.Second
	return cmd.Run()
}

// matchHostLine tells whether host is meant by the patterns of a Host line:
// one has to match, and none that begins with "!".
func matchHostLine(host string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(p, "!")
		if !Match(host, p) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// matchList matches s against patterns that commas separate: 1 is a match, -1
// a match of a pattern that begins with "!", 0 none.
func matchList(s, list string, lower bool) int {
	if lower {
		list = strings.ToLower(list)
	}
	result := 0
	for p := range strings.SplitSeq(list, ",") {
		p, negated := strings.CutPrefix(p, "!")
		if !Match(s, p) {
			continue
		}
		if negated {
			return -1
		}
		result = 1
	}
	return result
}

// MatchList tells whether s matches a list of patterns separated by commas,
// none of those that begin with "!" among them. Both are compared in lower case.
func MatchList(s, list string) bool { return matchList(strings.ToLower(s), list, true) > 0 }

// Match tells whether all of s is matched by pattern, in which "*" stands for
// any text and "?" for any one byte.
func Match(s, pattern string) bool {
	star, mark := -1, 0 // where to go back to: after the last "*", and how much it has taken
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j+1, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}
