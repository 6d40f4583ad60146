// Package sshconfig reads the configuration of OpenSSH's client, so that a
// host is reached here as it would be by ssh(1). [Load] parses the files once;
// [Config.Settings] then says, for one host, the same as ssh -G would:
//
//	config, err := sshconfig.Load(sshconfig.Sources{})
//	settings, err := config.Settings(ctx, "webserv1", sshconfig.Override{})
//
// It follows ssh_config(5): Host, Match and Include, the first value wins,
// some options gather values, tokens such as %h and ${VAR} are expanded. To
// Match a host looks as in "ssh HOST": a shell, with no command. What
// ssh would refuse is refused, with the file and the line. Options that only
// matter to a terminal or to features that farmrun has not are read over;
// [Settings.Unsupported] and [Settings.Refusal] tell of those that matter.
package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Sources says where a configuration comes from. The zero value is what ssh
// reads by itself: ~/.ssh/config and then /etc/ssh/ssh_config.
type Sources struct {
	// File is read instead of both, as by ssh -F; it must exist. "none" reads
	// no file at all.
	File string
	// Home is the operator's home directory; "" is os.UserHomeDir. (ssh takes
	// it from the passwd file even where $HOME says otherwise.)
	Home string
	// User is the operator's login name; "" is that of this process.
	User string
	// System is the system-wide file; "" is /etc/ssh/ssh_config.
	System string
}

// Config is a parsed configuration. It is not changed after Load and may be
// used by many goroutines.
type Config struct {
	files  []*file
	home   string
	user   string
	local  string // the name of this machine
	lookup func(ctx context.Context, host string) ([]string, error)
	// addresses returns those of this machine; it is asked once.
	addresses func() ([]netip.Addr, error)
	execs     sync.Map // of Match exec: the command -> *verdict
}

// file is one configuration file, cut into blocks.
type file struct {
	name   string
	user   bool // a user's file: relative Includes are below ~/.ssh
	blocks []block
	exact  map[string][]int // which blocks name a host without wildcards
	open   []int            // the blocks that have to be looked at for every host
}

// block is a Host or Match line with what follows it, or the start of a file.
type block struct {
	hosts []string // patterns of a Host line
	match []criterion
	all   bool // the start of a file, where no Host or Match is
	lines []line
}

// line is one option.
type line struct {
	file *file
	no   int
	key  string   // in lower case
	args []string // the words after it
	rest string   // the same as it was written
	incl []*file  // of an Include
}

func (l *line) errorf(format string, args ...any) error {
	return &Error{File: l.file.name, Line: l.no, Text: fmt.Sprintf(format, args...)}
}

// Error is a configuration that cannot be used.
type Error struct {
	File string // "" for an option that came from no file
	Line int
	Text string
}

func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Text
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s line %d: %s", e.File, e.Line, e.Text)
}

// Load reads and parses the files. Its errors are those of ssh: an *Error
// names the file and the line.
func Load(from Sources) (*Config, error) {
	c := &Config{home: from.Home, user: from.User, lookup: net.DefaultResolver.LookupHost, addresses: sync.OnceValues(ownAddresses)}
	if err := c.whereWeAre(); err != nil {
		return nil, err
	}
	if from.File == "none" {
		return c, nil
	}
	if from.File != "" {
		return c, c.add(parser{config: c, user: true}, from.File, true)
	}
	own := filepath.Join(c.home, ".ssh", "config")
	if err := c.add(parser{config: c, user: true, guarded: true}, own, false); err != nil {
		return nil, err
	}
	system := from.System
	if system == "" {
		system = "/etc/ssh/ssh_config"
	}
	return c, c.add(parser{config: c}, system, false)
}

// whereWeAre fills in what the tokens need to know of this machine.
func (c *Config) whereWeAre() (err error) {
	if c.home == "" {
		if c.home, err = os.UserHomeDir(); err != nil {
			return fmt.Errorf("the home directory: %w", err)
		}
	}
	if c.user == "" {
		c.user = os.Getenv("USER")
		if u, err := user.Current(); err == nil {
			c.user = u.Username
		}
	}
	c.local, err = os.Hostname()
	return err
}

// add parses one of the top files.
func (c *Config) add(p parser, name string, must bool) error {
	f, err := p.parse(name)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil
	}
	if err != nil {
		return err
	}
	c.files = append(c.files, f)
	return nil
}

// Override is what the caller knows better than the files do, as the command
// line of ssh does. The zero value overrides nothing.
type Override struct {
	User string   // "" leaves it to the files
	Port int      // 0 leaves it to the files
	Set  []string // options as ssh -o takes them: "ConnectTimeout=5"
}

// Settings returns what holds for host, which may be written user@host. ctx
// bounds the commands of Match exec.
func (c *Config) Settings(ctx context.Context, host string, over Override) (Settings, error) {
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		if over.User == "" {
			over.User = host[:at]
		}
		host = host[at+1:]
	}
	if !plausible(host) {
		return Settings{}, &Error{Text: fmt.Sprintf("%q cannot be the name of a host", host)}
	}
	e := evaluation{ctx: ctx, config: c, asked: host, host: host, got: map[string][]string{}}
	if err := e.override(over); err != nil {
		return Settings{}, err
	}
	if err := e.read(); err != nil {
		return Settings{}, err
	}
	if e.wantFinal || e.canonical() {
		if err := e.again(); err != nil {
			return Settings{}, err
		}
	}
	return e.settings()
}

// plausible keeps out names that a shell or ssh itself would take for
// something else; they could only come from a mistake.
func plausible(host string) bool {
	if host == "" || host[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("'`\"$\\;&<>|(){}", r)
	})
}

// evaluation is the reading of a Config for one host.
type evaluation struct {
	ctx       context.Context
	config    *Config
	asked     string // the name as it was given
	host      string // the name that Host lines see
	final     bool
	wantFinal bool
	login     string              // the user that the caller named, in whose name no token is expanded
	got       map[string][]string // the first value of an option, or all of those that gather
}

func (e *evaluation) override(over Override) error {
	if over.User != "" {
		e.login = over.User
		e.got["user"] = []string{over.User}
	}
	if over.Port != 0 {
		e.got["port"] = []string{strconv.Itoa(over.Port)}
	}
	for _, set := range over.Set {
		l, err := parseOption(set)
		if err != nil {
			return err
		}
		if err := e.take(&l); err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluation) read() error {
	for _, f := range e.config.files {
		if err := e.readFile(f, true); err != nil {
			return err
		}
	}
	return nil
}

// readFile takes what holds for the host from f. An inactive reading, of a
// file included from a block that does not hold, only looks for errors.
func (e *evaluation) readFile(f *file, active bool) error {
	for _, i := range f.candidates(e.host) {
		b := &f.blocks[i]
		holds, err := e.holds(f, b, active)
		if err != nil {
			return err
		}
		for j := range b.lines {
			if err := e.readLine(&b.lines[j], holds && active); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) readLine(l *line, active bool) error {
	for _, f := range l.incl {
		if err := e.readFile(f, active); err != nil {
			return err
		}
	}
	if active || !known(l.key) {
		return e.take(l)
	}
	return nil
}

// candidates returns, in order, the blocks of f that may hold for host.
func (f *file) candidates(host string) []int {
	named := f.exact[host]
	if len(named) == 0 {
		return f.open
	}
	both := slices.Concat(named, f.open)
	slices.Sort(both)
	return both
}

// take notes the option of l if it has no value as yet.
func (e *evaluation) take(l *line) error {
	if !known(l.key) {
		if ignored := e.got["ignoreunknown"]; len(ignored) > 0 && matchList(strings.ToLower(l.key), ignored[0], true) > 0 {
			return nil
		}
		return l.errorf("Bad configuration option: %s", l.key)
	}
	slot := slotOf(l.key)
	switch {
	case slot == "sendenv":
		e.got[slot] = append(e.got[slot], l.args...)
	case gathers(slot):
		value := l.args[0]
		if slot == "remoteforward" {
			value = strings.Join(l.args, " ")
		}
		if !slices.Contains(e.got[slot], value) {
			e.got[slot] = append(e.got[slot], value)
		}
	case e.got[slot] != nil || unsets(slot, l.args):
	case slot == "proxy":
		e.got[slot] = []string{l.key, l.rest}
	case slot == "knownhostscommand":
		e.got[slot] = []string{l.rest}
	default:
		e.got[slot] = l.args
	}
	return nil
}

// again reads everything once more, as ssh does for Match final and canonical:
// what already has a value keeps it, and Host lines see the real name.
func (e *evaluation) again() error {
	name, err := e.hostName()
	if err == nil {
		name, err = e.canonicalName(name)
	}
	if err != nil {
		return err
	}
	e.final = true
	e.host = name
	e.got["hostname"] = []string{strings.ReplaceAll(name, "%", "%%")}
	return e.read()
}

func (e *evaluation) canonical() bool {
	mode := e.got["canonicalizehostname"]
	return mode != nil && isCanonical(mode[0])
}
