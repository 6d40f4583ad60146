package farm

import (
	"fmt"
	"slices"

	"farmrun/luahost"
	"farmrun/modules/farm/nodeset"
)

// hereName is what the host is called that stands for this machine.
const hereName = "here"

// Hosts returns the hosts of a set, in the syntax and order of nodeset. It
// fails for a set that cannot be read, one that is empty, and one with a host
// or group that the site does not name.
func (f *Farm) Hosts(set string) ([]*Host, error) {
	f.mu.Lock()
	s := f.site
	f.mu.Unlock()
	if s == nil {
		s = &site{}
	}
	names, err := s.expand(set)
	if err != nil {
		return nil, err
	}
	hosts := make([]*Host, len(names))
	for i, name := range names {
		if hosts[i], err = f.Host(name); err != nil {
			return nil, err
		}
	}
	return hosts, nil
}

// Host returns the host of that name. It fails when the site does not name it.
func (f *Farm) Host(name string) (*Host, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.hosts[name]; h != nil {
		return h, nil
	}
	h := &Host{farm: f, name: name}
	if f.site != nil {
		settings, known := f.site.known[name]
		if !known {
			return nil, &UnknownError{Name: name, Known: f.site.names()}
		}
		h.settings = settings
	}
	f.hosts[name] = h
	return h, nil
}

// Here returns the host that stands for this machine.
func (f *Farm) Here() (*Host, error) {
	if f.config.Here == nil {
		return nil, fmt.Errorf("%s: %w", hereName, ErrUnsupported)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.here == nil { // not one of f.hosts: the site may have a host of that name
		f.here = &Host{farm: f, name: hereName, fixed: f.config.Here}
	}
	return f.here, nil
}

// UnknownError is a host that the site does not name.
type UnknownError struct {
	Name  string
	Known []string // sorted
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the site has no host %q%s", e.Name, luahost.DidYouMean(e.Name, e.Known))
}

// Hint names the hosts there are.
func (e *UnknownError) Hint() string {
	return "the site file names its hosts: " + nodeset.Fold(e.Known)
}

// Kind says that the arguments are wrong.
func (e *UnknownError) Kind() string { return "usage" }

// Names returns the hosts' names, in order.
func Names(hosts []*Host) []string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.name
	}
	return names
}

// unique refuses a list with a host in it twice, or with none.
func unique(hosts []*Host) error {
	if len(hosts) == 0 {
		return fmt.Errorf("there are no hosts to work on")
	}
	names := slices.Sorted(slices.Values(Names(hosts)))
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return fmt.Errorf("host %s is named twice", names[i])
		}
	}
	return nil
}
