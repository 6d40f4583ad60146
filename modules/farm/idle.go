package farm

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"farmrun/luahost/remote"
)

// use says that somebody needs the host's login until release.
func (h *Host) use() {
	h.mu.Lock()
	h.users++
	h.mu.Unlock()
}

// release ends a use. If more logins are open than shall stay, those end that nobody
// has needed for longest.
func (h *Host) release() {
	h.mu.Lock()
	h.users--
	idle := h.users == 0 && h.login != nil
	h.mu.Unlock()
	if !idle {
		return
	}
	for _, other := range h.farm.tooMany(h) {
		other.logOut(other.unused())
	}
}

// borrow returns a login that was made, which stays open until release at least.
func (h *Host) borrow(ctx context.Context) (a *attempt, release func(), err error) {
	h.use()
	if a, err = h.attempt(ctx); err != nil {
		h.release()
		return nil, nil, err
	}
	return a, h.release, nil
}

// unused returns the host's login, if nobody needs it, and no more as the host's:
// whoever comes next finds no login, not one that is about to be closed.
func (h *Host) unused() (a *attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users == 0 {
		a, h.login = h.login, nil
	}
	return a
}

// away is 1 if the host has to be logged in to, else 0.
func (h *Host) away() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.login == nil {
		return 1
	}
	return 0
}

// count notes that there are so many more logins.
func (f *Farm) count(logins int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open += logins
}

// tooMany notes that nobody needs the login of h any more, and returns the hosts whose
// logins are to end. In a rollout twice as many may be open, since that asks each host
// a dozen times how it is, unless it has more hosts than that, which lose theirs before
// they are asked again.
func (f *Farm) tooMany(h *Host) (hosts []*Host) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.resting != nil {
		f.resting.Remove(h.resting)
	}
	h.resting = f.resting.PushBack(h)
	most := f.config.Idle
	if f.rollout != nil && len(f.rollout.hosts) <= 2*most {
		most *= 2
	}
	for f.open-len(hosts) > most && f.resting.Len() > 0 {
		first := f.resting.Remove(f.resting.Front()).(*Host)
		first.resting = nil
		hosts = append(hosts, first)
	}
	return hosts
}

// opened returns a thing that was opened by the host's login, which stays until the
// thing is closed: holding makes one whose Close calls close instead.
func opened[T io.Closer](ctx context.Context, h *Host, open func(Conn) (T, error), holding func(T, func() error) T) (none T, err error) {
	a, release, err := h.borrow(ctx)
	if err != nil {
		return none, err
	}
	thing, err := open(a.conn)
	if err != nil {
		release()
		return none, err
	}
	return holding(thing, sync.OnceValue(func() error {
		defer release()
		return thing.Close()
	})), nil
}

type heldConn struct {
	net.Conn
	close func() error
}

func (c *heldConn) Close() error { return c.close() }

// CloseWrite ends one direction, where the connection can.
func (c *heldConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

type heldListener struct {
	net.Listener
	close func() error
}

func (l *heldListener) Close() error { return l.close() }

type heldTerminal struct {
	remote.Terminal
	close func() error
}

// Unwrap is for remote.TerminalAs.
func (t *heldTerminal) Unwrap() remote.Terminal { return t.Terminal }

func (t *heldTerminal) Close() error { return t.close() }
