// Package gate lets hosts leave the air one at a time. It keeps two promises
// whatever the caller's functions do: never are more hosts out of service than
// the budget allows, counting those that were sick for another reason, and
// once a turn has failed no further host is touched.
//
// A Gate guards one farm. Run takes the hosts of a rollout through a turn
// each:
//
//	var g gate.Gate
//	report, err := g.Run(ctx, gate.Config{
//		Healthy: func(ctx context.Context, host string) error { … },
//		Settle:  30 * time.Second,
//	}, hosts, func(ctx context.Context, host string) error { … })
//
// A host counts against the budget from the moment its turn begins until Healthy
// has said yes for it and says so again after the settle time; a host that is
// unhealthy counts as long as it is. An unhealthy host whose turn is still to come
// is taken first, for it costs nothing. The rest go in the order given.
//
// Before each turn, or each wave of turns that begin together, and every
// Config.Recheck while turns are in progress, the gate has a look at the hosts
// that are not in a turn. It asks those whose turns are next, those whose last
// answer was no or missing, those that a turn has changed and that have not said
// yes twice since, and of the rest twice as many as begin, but at least ten, in
// rounds: all of them once before any for the second time. Looks that follow each
// other within Config.Interval leave the rest out but for the first, if it is more than
// ten hosts. So no answer that counts is older than one look for every ten hosts, those
// within Config.Interval counted as one, and the cost grows with the number of hosts, not
// with its square. A single answer that is missing counts for nothing: the host is asked
// again at once.
//
// The package knows no Lua, no network and no clock but time's, so its tests
// run in a synctest bubble.
package gate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config says how careful a rollout is. The zero value is refused, because
// without Healthy there is no way to know when a host is back.
type Config struct {
	// MaxOffline is how many hosts may be out of service at once. As many
	// turns run side by side. 0 is 1.
	MaxOffline int
	// MaxFailures is how many turns may fail without halting the rollout, those
	// not counted that fail with ErrGoOn. 0 halts at the first. A host whose
	// turn failed keeps counting against the budget until Healthy says yes for
	// it.
	MaxFailures int

	// Batches is how many hosts the first batch has, the second, and so on; the
	// last number holds for all that follow. A batch begins when every host of
	// the one before has left the budget or failed. However large a batch is, no
	// more of its hosts are out of service at once than MaxOffline. nil is one
	// batch of all hosts.
	Batches []int
	// Watched are hosts that have no turn, but are asked how they are and count
	// against the budget as long as they are sick.
	Watched []string

	// Mend lets the turn of an unhealthy host begin although other unhealthy hosts
	// use up the budget: a rollback has to, on a farm that a bad release has broken.
	// The host must have said twice in a row that it is unhealthy; one that gives no
	// answer may well be healthy.
	Mend bool

	// Healthy tells whether a host does its work. nil means yes, and an error no.
	// An error made by NoAnswer, a panic, or nothing within HealthTimeout is no
	// answer: the host counts as unhealthy, but see Mend. It is required. It is
	// called from several goroutines at once, for one host never more than
	// once at a time. Its context ends with HealthTimeout.
	Healthy func(ctx context.Context, host string) error
	// HealthTimeout is how long one answer may take. 0 is 30 s.
	HealthTimeout time.Duration
	// Times is how many times in a row Healthy has to say yes for a host after
	// its turn, Interval apart. 0 is 1.
	Times int
	// Recheck is how often the gate has a look at hosts that are not in a turn while
	// others are, besides before each turn. 0 is 15 s.
	Recheck time.Duration
	// HealthParallel is how many hosts are asked at once. 0 is 32.
	HealthParallel int

	// TurnTimeout is how long a turn may take, without the checks that follow
	// it and without the time for which the turn stops the clock by
	// deadline.Pause. 0 is 10 m.
	TurnTimeout time.Duration
	// Grace is how long a turn whose context has ended has to return before it
	// is given up. 0 is 5 s.
	Grace time.Duration
	// Within is how long a host may take after its turn until Healthy says
	// yes. An answer begun within it is waited for. 0 is 1 m.
	Within time.Duration
	// Interval is how long to wait before a host is asked again that is not known to
	// need it sooner. 0 is 2 s.
	Interval time.Duration
	// Settle is how long a host has to have been back before the next leaves
	// the air. Healthy is asked again when it has passed. The last host
	// settles as well, so that a rollout that ends well has left all hosts
	// well. 0 is no time at all.
	Settle time.Duration
	// Wait is how long the rollout waits, asking every Interval, for hosts to
	// get well that use up the budget by being sick. 0 halts at once.
	Wait time.Duration

	// Events is told what happens, as it happens; nil is nobody. No two calls
	// overlap, and the turn, the check or the wait that an event announces
	// begins after the call has returned. It may call Stop.
	Events func(Event)
}

// Turn does one host's part of a rollout. It must return soon after its
// context ends.
type Turn func(ctx context.Context, host string) error

// The defaults of Config.
const (
	DefaultMaxOffline     = 1
	DefaultHealthTimeout  = 30 * time.Second
	DefaultHealthParallel = 32
	DefaultTimes          = 1
	DefaultRecheck        = 15 * time.Second
	DefaultTurnTimeout    = 10 * time.Minute
	DefaultGrace          = 5 * time.Second
	DefaultWithin         = time.Minute
	DefaultInterval       = 2 * time.Second
)

// withDefaults returns c with its zero values filled in, or says what about c
// makes no sense.
func (c Config) withDefaults() (Config, error) {
	if c.Healthy == nil {
		return c, ErrNoHealthy
	}
	fill := func(name string, d *time.Duration, def time.Duration) error {
		if *d == 0 {
			*d = def
		}
		if *d < 0 {
			return fmt.Errorf("gate: %s is negative: %v", name, *d)
		}
		return nil
	}
	count := func(name string, n *int, def int) error {
		if *n == 0 {
			*n = def
		}
		if *n < 0 {
			return fmt.Errorf("gate: %s is negative: %d", name, *n)
		}
		return nil
	}
	for _, err := range []error{
		count("MaxOffline", &c.MaxOffline, DefaultMaxOffline),
		count("MaxFailures", &c.MaxFailures, 0),
		count("HealthParallel", &c.HealthParallel, DefaultHealthParallel),
		count("Times", &c.Times, DefaultTimes),
		fill("Recheck", &c.Recheck, DefaultRecheck),
		checkBatches(c.Batches),
		fill("HealthTimeout", &c.HealthTimeout, DefaultHealthTimeout),
		fill("TurnTimeout", &c.TurnTimeout, DefaultTurnTimeout),
		fill("Grace", &c.Grace, DefaultGrace),
		fill("Within", &c.Within, DefaultWithin),
		fill("Interval", &c.Interval, DefaultInterval),
		fill("Settle", &c.Settle, 0),
		fill("Wait", &c.Wait, 0),
	} {
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func checkBatches(batches []int) error {
	for _, n := range batches {
		if n < 1 {
			return fmt.Errorf("gate: a batch has at least 1 host, not %d", n)
		}
	}
	return nil
}

// Gate lets one rollout at a time through to one farm. The zero value is an
// open gate. It may be shared between goroutines; it must not be copied.
type Gate struct {
	mu      sync.Mutex
	running bool
	turns   int // turn functions that have not returned, those given up included
	halted  bool
	stopped bool
	stop    chan struct{} // closed by Stop; made when first needed
}

// Stop lets no further turn begin, in this rollout or any later one. Turns
// under way go on to their end and are checked as always, only without the
// settle time. Stop does not wait for them. It may be called more than once.
func (g *Gate) Stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.stopped {
		g.stopped = true
		close(g.stopping())
	}
}

// stopping returns the channel that Stop closes. The caller holds g.mu.
func (g *Gate) stopping() chan struct{} {
	if g.stop == nil {
		g.stop = make(chan struct{})
	}
	return g.stop
}

// Halt closes the gate as a rollout that halts does.
func (g *Gate) Halt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.halted = true
}

// Reopen lets rollouts through again after one has halted. Only the operator's
// word, or that hosts are to be taken back, is a reason to call it; a gate that
// was told to Stop stays closed.
func (g *Gate) Reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.halted = false
}

// Run takes the hosts through turn, in order, and returns when no turn is
// under way any more. The report says what became of each host, whatever the
// error is.
//
// The error is nil when every host is done. It is a *HaltError when the
// rollout ended before its last host: a turn failed, a host was not healthy
// after its turn, sick hosts used up the budget (*BudgetError), Stop was
// called (ErrStopped), or ctx ended, which also ends the turns under way. It
// is a *FailedError when every host had its turn and no more of them failed
// than Config.MaxFailures allows. Anything else means that nothing was
// touched and nobody asked: ErrNoHealthy, ErrNoHosts, a host named twice, a
// negative number in the Config, ErrBusy while another rollout or a turn that
// was given up is still at work, and a *HaltError with ErrHalted or ErrStopped
// when the gate was closed before.
func (g *Gate) Run(ctx context.Context, cfg Config, hosts []string, turn Turn) (Report, error) {
	cfg, err := cfg.withDefaults()
	if err == nil {
		err = checkHosts(slices.Concat(hosts, cfg.Watched))
	}
	if err == nil && len(hosts) == 0 {
		err = ErrNoHosts
	}
	if err == nil {
		err = g.enter(hosts)
	}
	if err != nil {
		return Report{Left: hosts}, err
	}
	r := newRollout(g, cfg, hosts, turn)
	r.run(ctx)
	g.leave(r.halt != nil)
	return r.report(), r.err()
}

func checkHosts(hosts []string) error {
	seen := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		if h == "" {
			return fmt.Errorf("gate: a host has no name")
		}
		if seen[h] {
			return fmt.Errorf("gate: host %s is named twice", h)
		}
		seen[h] = true
	}
	return nil
}

// enter makes the caller the one rollout of the gate.
func (g *Gate) enter(hosts []string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.running || g.turns > 0:
		return ErrBusy
	case g.stopped:
		return &HaltError{Err: ErrStopped, Report: Report{Left: hosts}}
	case g.halted:
		return &HaltError{Err: ErrHalted, Report: Report{Left: hosts}}
	}
	g.running = true
	return nil
}

func (g *Gate) leave(halted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running, g.halted = false, halted
}

// mayBegin counts a turn as begun unless the gate was told to stop: once Stop
// has returned it is false.
func (g *Gate) mayBegin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.turns++
	return true
}

// turnReturned counts a turn's function as returned.
func (g *Gate) turnReturned() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns--
}
