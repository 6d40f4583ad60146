// Package farm knows which hosts there are and who may work on them when: the
// site's hosts and groups, what each does in parallel with the others (Each),
// and rollouts, which take hosts off the air one at a time (Rollout).
//
// A Farm is made once for a run. A Host is one machine of it, which logs in
// when it is first asked to do something. How to log in is Config.Dial's
// affair, so the package knows of no protocol; and but for the files lua*.go it
// knows nothing of Lua.
package farm

import (
	"container/list"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
)

// Conn is a login on a host. It may be used by several goroutines at once.
// What else it can do it shows by Dialer, Listener and Terminals.
type Conn interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
	Close() error
}

// Dialer is a Conn that opens connections from the host's side.
type Dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// Listener is a Conn that listens on the host's side.
type Listener interface {
	Listen(ctx context.Context, network, addr string) (net.Listener, error)
}

// Terminals is a Conn that opens terminals on the host.
type Terminals interface {
	// Terminal opens one; the caller closes it. ctx bounds the opening only.
	Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error)
}

// Login says how to log in to a host. The zero value leaves all to the login's
// own configuration, such as ssh_config(5).
type Login struct {
	Login   string   // "ssh", "slogin", "telnet", "rlogin"; "" is ssh
	Program []string // instead of Login: a program on this machine that leads to a terminal on the host
	Address string   // the name or address to connect to; "" is the host's name
	User    string
	Port    int
	Options map[string]string // of the login: for ssh the keywords of ssh_config(5)
	// Forwards are the tunnels that are open for as long as the login is, beside
	// those of its own configuration. Only ssh has them.
	Forwards []Forward
	// Shell says whether commands are wrapped for a shell, of which almost all that
	// farmrun does makes use; nil is yes. Without, a host gets the commands of
	// host:run and host:query as they are, and no others.
	Shell *bool
	// Dialogue is what the site knows of the dialogue by which a login without
	// ssh begins, in whatever form Config.Dial takes it; nil is nothing.
	Dialogue any
}

// Forward is a tunnel from a host to an address as this machine sees it.
type Forward struct {
	Listen int    // the port on the host's 127.0.0.1
	To     string // "dev:2401"
}

// Config says what a Farm works with. Dial is required.
type Config struct {
	// Dial logs in to a host.
	Dial func(ctx context.Context, host string, login Login) (Conn, error)
	// LoggedIn is called when a login has been made and before anybody uses it;
	// the host does so already under its context. Its error ends the login. nil
	// does nothing.
	LoggedIn func(ctx context.Context, h *Host) error
	// Here runs commands on this machine; nil is a farm without farm.here.
	Here Conn
	// Record is told what Each and Rollout do, as they do it; nil is nobody. No
	// two calls overlap. What a record announces (journal.Kind.Announces) begins
	// after it has returned, and does not if it fails.
	Record func(journal.Record) error
	// Console shows what hosts say; nil shows nothing.
	Console *console.Console
	// About says what run this is, when the first rollout begins; nil is one
	// that cannot be resumed.
	About func() (About, error)
	// HasSite tells whether there is a site file, which the script may not have
	// read: a rollout reads it, for the lock and the fence. nil is none.
	HasSite func() bool
	// Over tells of another run, whose mark is on a host, whether it is known to be
	// over, so that nobody goes on with it; nil knows of none.
	Over func(id, token string) bool
	// Past is what the run had done before it was resumed; nil if it was not.
	// The farm goes on with it.
	Past *journal.State
	// Recall returns what an earlier run has been given to remember; nil knows
	// of none.
	Recall func(host, name string) (value string, ok bool)
	// LockWait is how long a rollout waits for a lock that another has.
	LockWait time.Duration
	// Operator is asked what to do about failures in rollouts; nil is nobody.
	Operator Operator
	// DryRun prints commands that are no queries and does not run them.
	DryRun bool
	// Idle is with how many logins open those end that nobody needs just now; in a
	// rollout of no more than twice as many hosts it is with all. 0 is DefaultIdle.
	Idle int
}

// DefaultIdle is how many logins may be open when Config.Idle is 0.
const DefaultIdle = 256

// ErrUnsupported is returned for what a host's login cannot do.
var ErrUnsupported = errors.New("this login cannot do that")

// ErrNoShell is wrapped by the error of a call that needs a shell, on a host whose
// Login.Shell is false. Nothing was sent to it.
const ErrNoShell = remote.Refusal("this host takes commands only as they are (shell = false in the site file)")

// Farm is the hosts of a site. Its methods may be called from any goroutine.
// Close it to log out everywhere.
type Farm struct {
	config Config
	gate   gate.Gate
	busy   atomic.Int32 // how many of Each and Rollout are under way

	deciding        chan struct{}  // has one place: whoever holds it has the operator decide
	recording       sync.Mutex     // held while Config.Record is called, which may wait for a disk
	standing        sync.Mutex     // guards state
	state           *journal.State // what the records come to
	rollouts, eachs atomic.Int32   // how many have begun

	mu      sync.Mutex
	site    *site
	late    bool // the site may be defined although hosts have been used
	hosts   map[string]*Host
	here    *Host         // this machine; nil until it is wanted
	open    int           // logins
	resting list.List     // of *Host: those whose logins nobody needs, or did not; the last to rest last
	stop    chan struct{} // closed by Stop

	working map[*each]bool // those under way
	rollout *rollout       // the one under way, or nil
	kept    *kept          // the lock that Keep has taken, or nil
}

// New returns a farm without a site: every host name is good.
func New(config Config) *Farm {
	if config.Console == nil {
		config.Console = &console.Console{}
	}
	if config.Idle == 0 {
		config.Idle = DefaultIdle
	}
	state := config.Past
	if state == nil {
		state = &journal.State{}
	}
	return &Farm{config: config, state: state, hosts: map[string]*Host{}, working: map[*each]bool{}, stop: make(chan struct{}), deciding: make(chan struct{}, 1)}
}

// Stop lets no further host begin: neither a turn of a rollout nor a part of
// an Each. Those at work go on to their end. It may be called more than once.
func (f *Farm) Stop() {
	f.gate.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped() {
		close(f.stop)
	}
}

// Busy tells whether an Each or a Rollout is under way, so that there is
// something that Stop lets come to its end.
func (f *Farm) Busy() bool { return f.busy.Load() > 0 }

// Working says how far each Each is that is under way, a line each.
func (f *Farm) Working() (lines []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := range f.working {
		lines = append(lines, e.standing())
	}
	return lines
}

// Standing says where the hosts of the rollout that is under way stand, a line
// each for the rollout and for those in the middle; nothing if none is.
func (f *Farm) Standing() []string {
	f.mu.Lock()
	run := f.rollout
	f.mu.Unlock()
	if run == nil {
		return nil
	}
	return run.standing()
}

func (f *Farm) stopped() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

// Close logs out everywhere. No host may be at work.
func (f *Farm) Close() error {
	f.mu.Lock()
	hosts := make([]*Host, 0, len(f.hosts))
	for _, h := range f.hosts {
		hosts = append(hosts, h)
	}
	f.mu.Unlock()
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(func() { h.Close() })
	}
	wg.Wait()
	if here, ok := f.config.Here.(io.Closer); ok {
		return here.Close()
	}
	return nil
}
