package practice

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"
)

// The limits of a server's health, as HAProxy's "fall" and "rise".
const (
	fall = 2 // failed checks in a row take a server out
	rise = 1 // good ones bring it back
)

// admin is what the operator wants of a server.
type admin int

const (
	ready admin = iota
	drain       // no new sessions; the ones it has go on
	maint       // out of service, and not checked
)

// server is one web server as the balancer sees it.
type server struct {
	name   string
	socket string // where it serves
	weight int    // 1 to begin with
	credit int    // of the round robin

	admin  admin
	health int // 0 is down; rise+fall-1 is as well as can be
	last   checkResult
	since  time.Time // of the last change

	sessions, mostSessions, everSessions int
	failedChecks, timesDown, failures    int
}

const wellest = rise + fall - 1

func (s *server) up() bool { return s.admin != maint && s.health >= rise }

// serving tells whether new sessions may go to the server.
func (s *server) serving() bool { return s.up() && s.admin == ready && s.weight > 0 }

// pool is the balancer's backend. Its methods may be called from any goroutine.
type pool struct {
	mu      sync.Mutex
	servers []*server
	started time.Time
	changed func(out int) // called, locked, when more or fewer are out of service
	out     int
}

func newPool(webs []*host) *pool {
	p := &pool{started: time.Now()}
	for _, w := range webs {
		p.servers = append(p.servers, &server{name: w.spec.Name, socket: httpSocket(w.farm.net(), w.spec.Name), weight: 1, health: wellest, since: p.started})
	}
	return p
}

// pick returns the server whose turn it is (a weighted round robin), with a
// session more, or nil when none serves.
func (p *pool) pick() *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *server
	total := 0
	for _, s := range p.servers {
		if !s.serving() {
			continue
		}
		s.credit += s.weight
		total += s.weight
		if best == nil || s.credit > best.credit {
			best = s
		}
	}
	if best == nil {
		return nil
	}
	best.credit -= total
	best.sessions++
	best.everSessions++
	best.mostSessions = max(best.mostSessions, best.sessions)
	return best
}

// done ends a session that pick began.
func (p *pool) done(s *server, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.sessions--
	if failed {
		s.failures++
	}
}

// named returns the server of that name, or nil.
func (p *pool) named(name string) *server {
	for _, s := range p.servers {
		if s.name == name {
			return s
		}
	}
	return nil
}

// setState does what the operator wants. A server that comes back from
// maintenance is taken to be well until a check has said otherwise, as with
// HAProxy.
func (p *pool) setState(s *server, to admin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.admin == to {
		return
	}
	if s.admin == maint {
		s.health = rise
	}
	s.admin = to
	p.note(s)
}

func (p *pool) setWeight(s *server, weight int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.weight = weight
	p.note(s)
}

// checked notes how a check went.
func (p *pool) checked(s *server, r checkResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.admin == maint {
		return
	}
	wasUp := s.up()
	s.last = r
	switch {
	case r.ok && wasUp:
		s.health = min(s.health+1, wellest)
	case r.ok:
		s.health = wellest
	case s.health > rise:
		s.health--
		s.failedChecks++
	default:
		if wasUp {
			s.failedChecks++
			s.timesDown++
		}
		s.health = 0
	}
	if s.up() != wasUp {
		p.note(s)
	}
}

// note dates a change of s, and counts again who is out of service.
func (p *pool) note(s *server) {
	s.since = time.Now()
	out := 0
	for _, s := range p.servers {
		if !s.serving() {
			out++
		}
	}
	if out != p.out && p.changed != nil {
		p.changed(out)
	}
	p.out = out
}

// watch has f called with how many servers are out of service, now and
// whenever that changes, until the function it returns is called. There is
// room for one at a time.
func (p *pool) watch(f func(out int)) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = f
	f(p.out)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed = nil
	}
}

// hostPort is for the admin socket, which wants them apart. It is the address
// that a server has on the machine itself.
func (s *server) hostPort() (string, string) { return "127.0.0.1", "80" }

// dial connects to the server whose name is the host of addr.
func (p *pool) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "unix", p.named(name).socket)
}

// status is HAProxy's word for the state of a server.
func (s *server) status() string {
	switch {
	case s.admin == maint:
		return "MAINT"
	case s.health == 0:
		return "DOWN"
	case s.admin == drain:
		return "DRAIN"
	case s.health < wellest:
		return "UP " + strconv.Itoa(s.health-rise+1) + "/" + strconv.Itoa(fall)
	}
	return "UP"
}
