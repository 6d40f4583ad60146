package expect

import (
	"context"
	"errors"
	"slices"
	"sync"

	"farmrun/luahost/remote"
)

// Sessions are those that scripts have open on hosts, so that the operator can
// take one over. The zero value is none. It may be shared between goroutines.
type Sessions struct {
	mu   sync.Mutex
	open map[string][]*dialogue // by host, the newest last
}

// add returns how to take d out again.
func (s *Sessions) add(d *dialogue) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string][]*dialogue{}
	}
	s.open[d.host] = append(s.open[d.host], d)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open[d.host] = slices.DeleteFunc(s.open[d.host], func(other *dialogue) bool { return other == d })
	}
}

// newest returns the session on a host that was opened last and whose other end
// is not gone; nil if there is none.
func (s *Sessions) newest(host string) *dialogue {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range slices.Backward(s.open[host]) {
		if !d.Ended() {
			return d
		}
	}
	return nil
}

// IsOpen tells whether a script has a session open on a host whose other end is not gone.
func (s *Sessions) IsOpen(host string) bool { return s.newest(host) != nil }

// TakeOver gives the operator a session on a host, until he types ~. or the
// other end goes: the one that a script has open there, or a new one, with a
// terminal of the type term, which is closed then. It fails as host does, and
// with what config.Screen fails of.
func (s *Sessions) TakeOver(ctx context.Context, host Host, term string, config Config) error {
	d := s.newest(host.Name())
	if d == nil {
		size := remote.TerminalOptions{Term: term}.WithDefaults()
		t, err := openOn(ctx, host, size)
		if err != nil {
			return err
		}
		d = newDialogue(t, size, Options{Mask: config.Mask})
		d.host, d.name = host.Name(), "a session on "+host.Name()
		defer d.Close()
	}
	err := d.giveTo(ctx, config.Screen, usualEscape)
	if errors.Is(err, ErrEnd) {
		return nil
	}
	return err
}

// openOn opens a terminal on host within openTimeout.
func openOn(ctx context.Context, host Host, size remote.TerminalOptions) (remote.Terminal, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return host.Terminal(ctx, size)
}
