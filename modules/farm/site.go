package farm

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"farmrun/luahost/remote"
	"farmrun/modules/farm/nodeset"
)

// Site is what a site file says about its hosts.
type Site struct {
	// Groups names sets of hosts, in the syntax of nodeset; "web" is @web.
	Groups map[string]string
	// Hosts has the settings of sets of hosts. Where two sets share a host,
	// what the set with fewer hosts says counts, setting by setting.
	Hosts map[string]Settings
	// Lock is where rollouts on the site lock each other out, unless a script
	// says otherwise; without a Path there is no lock.
	Lock SiteLock
	// Fence is the directory on each host that says which run owns it, for all
	// logins; "" is one in each login's home. See package fence.
	Fence string
}

// SiteLock is a file on one of the site's hosts; see Lock.
type SiteLock struct{ Host, Path string }

// Settings are what a site file says about some hosts. A zero field says
// nothing.
type Settings struct {
	Login
	// PasswordGroup names the hosts that share their passwords: one that was
	// given for the hosts of a group goes to no other host.
	PasswordGroup string
	// SudoAccount is whose password the host's sudo asks for; "" is the user who
	// is logged in.
	SudoAccount string
	Vars        map[string]any // whatever the site's scripts want to know
}

// ErrSite is wrapped by what is wrong with a site file.
var ErrSite = errors.New("site")

// site is a Site that has been understood.
type site struct {
	groups map[string]string
	known  map[string]Settings // every host that the site names
	lock   SiteLock
	fence  string
}

// Define makes s the farm's site: from now on only the hosts that it names are
// good. It fails, and changes nothing, when a set cannot be read or a group
// goes round in a circle, and when hosts have been asked for already.
func (f *Farm) Define(s Site) error {
	built := &site{groups: maps.Clone(s.Groups), known: map[string]Settings{}}
	for _, name := range slices.Sorted(maps.Keys(s.Groups)) {
		members, err := built.expand("@" + name)
		if err != nil {
			return fmt.Errorf("%w: group %q: %w", ErrSite, name, err)
		}
		for _, h := range members {
			built.known[h] = Settings{}
		}
	}
	if err := built.settle(s.Hosts); err != nil {
		return err
	}
	if err := built.setLock(s.Lock); err != nil {
		return err
	}
	if built.fence = s.Fence; s.Fence != "" {
		if err := remote.CheckPath(s.Fence); err != nil {
			return fmt.Errorf("%w: fence: %w", ErrSite, err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.hosts) > 0 && !f.late {
		return fmt.Errorf("%w: hosts have been used before the site was defined", ErrSite)
	}
	f.site = built
	return nil
}

// setLock checks where the site's lock is to lie.
func (s *site) setLock(l SiteLock) error {
	if l == (SiteLock{}) {
		return nil
	}
	if _, known := s.known[l.Host]; !known {
		return fmt.Errorf("%w: lock: %w", ErrSite, &UnknownError{Name: l.Host, Known: s.names()})
	}
	if err := remote.CheckPath(l.Path); err != nil {
		return fmt.Errorf("%w: lock: %w", ErrSite, err)
	}
	s.lock = l
	return nil
}

// lateSite tells whether there is a site file that nobody has read, and lets it define
// the site although hosts have been used: they stay as they are.
func (f *Farm) lateSite() bool {
	if f.config.HasSite == nil || f.defined() || !f.config.HasSite() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = true
	return true
}

// PasswordGroup returns the group of a host, whose hosts share their passwords;
// "" for one of no group.
func (f *Farm) PasswordGroup(host string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.site == nil {
		return ""
	}
	return f.site.known[host].PasswordGroup
}

// defined tells whether the farm has a site.
func (f *Farm) defined() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.site != nil
}

// rule is one entry of Site.Hosts with its set written out.
type rule struct {
	set      string
	hosts    []string
	settings Settings
}

// settle gives each host its settings, the larger sets first.
func (s *site) settle(hosts map[string]Settings) error {
	var rules []rule
	for set, settings := range hosts {
		members, err := s.expand(set)
		if err != nil {
			return fmt.Errorf("%w: hosts %q: %w", ErrSite, set, err)
		}
		rules = append(rules, rule{set, members, settings})
	}
	slices.SortFunc(rules, func(a, b rule) int {
		return cmp.Or(len(b.hosts)-len(a.hosts), cmp.Compare(a.set, b.set))
	})
	for _, r := range rules {
		for _, h := range r.hosts {
			s.known[h] = s.known[h].with(r.settings)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.known)) {
		if err := s.known[name].checkForwards(); err != nil {
			return fmt.Errorf("%w: forwards of %s: %w", ErrSite, name, err)
		}
		if shell := s.known[name].Shell; shell != nil && !*shell && !s.known[name].isSSH() {
			return fmt.Errorf("%w: shell of %s: only a login by ssh sends commands as they are", ErrSite, name)
		}
	}
	return nil
}

// checkForwards looks for tunnels that no login could open.
func (s Settings) checkForwards() error {
	for _, f := range s.Forwards {
		switch {
		case !s.isSSH():
			return errors.New("only a login by ssh opens them")
		case f.Listen < 1 || f.Listen > 65535:
			return fmt.Errorf("%d is no port to listen on", f.Listen)
		case f.To == "":
			return errors.New("there is no address to lead to")
		}
	}
	return nil
}

func (s Settings) isSSH() bool {
	return s.Program == nil && slices.Contains([]string{"", "ssh", "slogin"}, s.Login.Login)
}

// with returns s with what over says put over it.
func (s Settings) with(over Settings) Settings {
	merged := Settings{
		Login: Login{
			Login:    s.Login.Login,
			Program:  s.Program,
			Address:  cmp.Or(over.Address, s.Address),
			User:     cmp.Or(over.User, s.User),
			Port:     cmp.Or(over.Port, s.Port),
			Options:  merge(s.Options, over.Options),
			Dialogue: s.Dialogue,
			Shell:    cmp.Or(over.Shell, s.Shell),
		},
		PasswordGroup: cmp.Or(over.PasswordGroup, s.PasswordGroup),
		SudoAccount:   cmp.Or(over.SudoAccount, s.SudoAccount),
		Vars:          merge(s.Vars, over.Vars),
	}
	if over.Login.Login != "" || over.Program != nil {
		merged.Login.Login, merged.Program = over.Login.Login, over.Program
	}
	if over.Dialogue != nil {
		merged.Dialogue = over.Dialogue
	}
	merged.Forwards = s.Forwards
	if over.Forwards != nil {
		merged.Forwards = over.Forwards
	}
	return merged
}

func merge[V any](under, over map[string]V) map[string]V {
	merged := maps.Clone(under)
	if merged == nil {
		merged = map[string]V{}
	}
	maps.Copy(merged, over)
	return merged
}

// expand reads a set of hosts in the terms of the site's groups.
func (s *site) expand(set string) ([]string, error) {
	return nodeset.Parse(set, nodeset.Groups{
		Find:  func(name string) (string, bool) { set, ok := s.groups[name]; return set, ok },
		Names: func() []string { return slices.Sorted(maps.Keys(s.groups)) },
		All:   s.names,
	})
}

// names returns the names of all hosts, sorted.
func (s *site) names() []string { return slices.Sorted(maps.Keys(s.known)) }
