package gate

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/virtual"
)

var (
	histories    = flag.Int("histories", 3000, "how many histories to simulate")
	firstHistory = flag.Int("first-history", 0, "the seed of the first")
)

// history is a rollout on virtual hosts, the processes that take turns at it, or
// get into one another's way, and the journal that they share.
type history struct {
	*virtual.Farm
	budget int
	fix    bool // some hosts are unhealthy to begin with, and Config.Mend is set

	mu      sync.Mutex
	epoch   int      // of the journal's last owner
	journal []string // "began web1", "step stop web1", "done web1"
	faults  []string
}

// simulate runs the history of a seed to its end.
func simulate(t *testing.T, seed uint64, fenced bool) (h *history) {
	synctest.Test(t, func(t *testing.T) {
		f := virtual.New(seed, 2+int(seed%6))
		f.Fenced = fenced
		d := f.Dice("setup")
		h = &history{Farm: f, budget: 1 + d.IntN(2), fix: d.IntN(2) == 0}
		if h.fix {
			for _, host := range f.Hosts {
				host.Up = d.IntN(4) > 0
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		finished := h.processes(ctx)
		cancel()
		time.Sleep(10 * time.Minute) // for the requests that are still on their way
		synctest.Wait()
		h.check(finished)
	})
	return h
}

// processes has one farmrun after the other work until one succeeds. Each is
// killed, or resumed by a colleague while it lives, or halts and is resumed.
func (h *history) processes(ctx context.Context) bool {
	d := h.Dice("processes")
	for n := range 40 {
		p := &process{h.Process(n), h}
		over := make(chan error, 1)
		go func() { over <- p.run(ctx) }()
		life := time.Duration(1+d.IntN(150_000)) * time.Millisecond
		if n > 12 {
			life = time.Hour // at last nobody is in its way
		}
		select {
		case err := <-over:
			if err == nil {
				return true
			}
			time.Sleep(time.Duration(d.IntN(60_000)) * time.Millisecond) // the operator thinks
		case <-time.After(life):
			if d.IntN(2) == 0 {
				p.Kill()
				time.Sleep(time.Duration(d.IntN(120_000)) * time.Millisecond)
			}
		}
	}
	return false
}

// check notes each fault: a host that was in service has left it beyond the
// budget, or the rollout has not done its work.
func (h *history) check(finished bool) {
	if !finished {
		h.faults = append(h.faults, "the rollout never ends")
	}
	for _, e := range h.History {
		if e.Left && e.Out > h.budget {
			h.faults = append(h.faults, "beyond the budget: "+e.String())
		}
	}
	for _, host := range h.Hosts {
		if finished && (host.Release != 2 || !host.Serves()) {
			h.faults = append(h.faults, fmt.Sprintf("%s ends with release %d, in pool %v, up %v", host.Name, host.Release, host.InPool, host.Up))
		}
	}
}

// String returns all that happened.
func (h *history) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d hosts, budget %d, fix %v\n", len(h.Hosts), h.budget, h.fix)
	for _, e := range h.History {
		fmt.Fprintln(&b, e)
	}
	return b.String() + strings.Join(h.faults, "\n")
}

// write adds an entry to the journal, which refuses one of a former owner.
func (h *history) write(p *process, entry string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.Killed() || h.epoch != p.Epoch {
		return virtual.ErrFenced
	}
	h.journal = append(h.journal, entry)
	return nil
}

// process is one farmrun.
type process struct {
	*virtual.Process
	history *history
}

// run takes the rollout over and goes on with it.
func (p *process) run(ctx context.Context) error {
	middle, left, done := p.takeOver()
	for _, host := range middle {
		if err := p.fence(ctx, host); err != nil {
			return err
		}
	}
	if len(middle)+len(left) == 0 {
		return nil
	}
	var g Gate
	_, err := g.Run(ctx, Config{
		MaxOffline: p.history.budget, Mend: p.history.fix, Watched: done,
		Healthy: p.healthy, HealthTimeout: 10 * time.Second, Settle: 5 * time.Second,
		Events: func(e Event) {
			// No time may pass here: the clock of a bubble stands still while a
			// goroutine waits for the lock that is held meanwhile.
			if e.Kind == HostDone && p.history.write(p, "done "+e.Host) != nil {
				g.Stop()
			}
		},
	}, append(middle, left...), p.turn)
	return err
}

// takeOver makes p the owner of the journal and returns how the hosts stand.
func (p *process) takeOver() (middle, left, done []string) {
	h := p.history
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch++
	p.Epoch = h.epoch
	last := map[string]string{}
	for _, entry := range h.journal {
		words := strings.Fields(entry)
		last[words[len(words)-1]] = words[0]
	}
	for _, host := range h.Names() {
		switch last[host] {
		case "":
			left = append(left, host)
		case "done":
			done = append(done, host)
		default:
			middle = append(middle, host)
		}
	}
	return middle, left, done
}

// fence marks a host that a former owner had begun. No line to it, no going on.
func (p *process) fence(ctx context.Context, host string) error {
	for p.history.Fenced {
		err := p.Mark(ctx, host)
		if err == nil {
			break
		}
		if ctx.Err() != nil || p.Killed() || errors.Is(err, virtual.ErrFenced) {
			return err
		}
		time.Sleep(time.Second)
	}
	return nil
}

func (p *process) healthy(ctx context.Context, host string) error {
	err := p.Call(ctx, host, "healthy", 0, func(h *virtual.Host) error {
		if !h.Serves() {
			return errSick
		}
		return nil
	})
	if err != nil && err != errSick {
		return NoAnswer(err)
	}
	return err
}

// turn is a cutover. Each of its steps is in the journal before it begins.
func (p *process) turn(ctx context.Context, host string) error {
	d := p.history.Dice("turn", p.Number, host)
	step := func(name string, takes time.Duration, do func(*virtual.Host)) error {
		time.Sleep(time.Duration(200_000 + d.IntN(3_000_000))) // until the entry is on the disk
		if err := p.history.write(p, "step "+name+" "+host); err != nil {
			return err
		}
		fails := d.IntN(120) == 0
		return p.Call(ctx, host, name, takes, func(h *virtual.Host) error {
			if fails {
				return errTurn
			}
			do(h)
			return nil
		})
	}
	if p.history.Fenced {
		if err := p.Mark(ctx, host); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		name  string
		takes time.Duration
		do    func(*virtual.Host)
	}{
		{"drain", time.Second, func(h *virtual.Host) { h.InPool = false }},
		{"switch", 0, func(h *virtual.Host) { h.Release = 2 }},
		{"stop", time.Second, func(h *virtual.Host) { h.Up = false }},
		{"start", time.Duration(1+d.IntN(8)) * time.Second, func(h *virtual.Host) { h.Up = true }},
		{"enable", 0, func(h *virtual.Host) { h.InPool = true }},
	} {
		if err := step(s.name, s.takes, s.do); err != nil {
			return err
		}
	}
	return nil
}

// TestHistories runs whole rollouts on virtual hosts: lines hang and lose
// messages, steps fail, farmrun is killed, halts and is resumed, also while it
// lives. Whatever happens, no host leaves service beyond the budget.
func TestHistories(t *testing.T) {
	n := *histories
	if testing.Short() {
		n = min(n, 300)
	}
	for seed := *firstHistory; seed < *firstHistory+n; seed++ {
		if h := simulate(t, uint64(seed), true); len(h.faults) > 0 {
			t.Fatalf("history %d: %v", seed, h)
		}
	}
}

// TestHistoriesWithoutAFence sees that the simulation has not gone blind: the
// requests of a killed process arrive beside its successor's turns.
func TestHistoriesWithoutAFence(t *testing.T) {
	for seed := range uint64(500) {
		for _, fault := range simulate(t, seed, false).faults {
			if strings.HasPrefix(fault, "beyond the budget") {
				return
			}
		}
	}
	t.Error("none of 500 histories is broken without the fence on the hosts")
}
