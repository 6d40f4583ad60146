package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// model watches a gate from outside, knowing only what the gate was told: what
// Healthy answered and what turns did. It asserts at the begin of each turn
// that the turn was allowed.
type model struct {
	t     *testing.T
	cfg   Config
	dice  dice
	mu    sync.Mutex
	hosts map[string]*modelHost

	failures int
	closed   string    // why no further turn may begin
	closedAt time.Time // a turn that had begun in the same instant is no fault
	begun    int
	looks    int
	rounds   int       // looks in which hosts are asked that are not known to need it
	roundAt  time.Time // when the last of those began
	most     int       // hosts out at once, as far as the gate could know
}

// dice are thrown by many goroutines.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (d *dice) IntN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(n)
}

func (m *model) oneIn(n int) bool { return m.dice.IntN(n) == 0 }

func (m *model) seconds(least, most int) time.Duration {
	return time.Duration(least+m.dice.IntN(most-least+1)) * time.Second
}

type modelHost struct {
	sick    bool // the truth
	asked   bool
	said    error // what Healthy answered last
	noes    int   // how often in a row it has said no, and not been silent
	look    int   // in or after which it was last asked
	round   int   // the same of rounds
	deaf    bool  // a call of Healthy hangs: it cannot be asked anew
	back    int   // after which it was back from its turn
	backIn  int   // the same of rounds
	inTurn  bool
	began   bool      // so the gate told
	ended   time.Time // when its turn ended; zero before that
	yes     int       // how often in a row it has said yes since then
	backAt  time.Time // when it had first said yes often enough after its turn; zero before that
	settled bool      // it has said yes again since the settle time passed
	failed  bool      // so the gate told: it is like any other sick host then
	turns   int
}

// counts tells whether the host uses the budget, by what the gate was told.
func (h *modelHost) counts() bool {
	back := h.settled || h.failed && h.yes > 0
	return h.inTurn || h.said != nil || !h.ended.IsZero() && !back
}

func (m *model) healthy(_ context.Context, host string) error {
	m.mu.Lock()
	h := m.hosts[host]
	if h.inTurn {
		m.t.Errorf("%s is asked during its turn", host)
	}
	h.look, h.round = m.looks, m.rounds
	m.mu.Unlock()
	if m.oneIn(60) {
		time.Sleep(m.cfg.HealthTimeout - time.Nanosecond) // deaf to ctx; noted just before the gate may go on
		m.mu.Lock()
		h.said, h.yes, h.noes, h.deaf = errSick, 0, 0, true // for the gate it was silent
		m.mu.Unlock()
		time.Sleep(m.seconds(1, 20))
		m.mu.Lock()
		h.deaf = false
		h.look, h.round = m.looks, m.rounds
		m.mu.Unlock()
		return nil
	}
	time.Sleep(m.seconds(0, 2) + time.Nanosecond) // never in the instant in which a turn begins
	m.mu.Lock()
	defer m.mu.Unlock()
	h.asked = true
	h.said = nil
	if h.sick {
		h.said, h.yes = errSick, 0
		h.noes++
		return errSick
	}
	h.noes = 0
	m.saidYes(h)
	return nil
}

func (m *model) saidYes(h *modelHost) {
	if h.ended.IsZero() {
		return
	}
	h.yes++
	if h.yes < m.cfg.Times {
		return
	}
	if h.backAt.IsZero() {
		h.backAt = time.Now()
	}
	if time.Since(h.backAt) >= m.cfg.Settle {
		h.settled = true
	}
}

// begin checks that host's turn may begin now.
func (m *model) begin(host string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hosts[host]
	if h.turns++; h.turns > 1 {
		m.t.Errorf("%s has a second turn", host)
	}
	if m.closed != "" && time.Now().After(m.closedAt) {
		m.t.Errorf("%s: its turn begins after the rollout was closed: %s", host, m.closed)
	}
	others, sick := 0, 0
	for name, o := range m.hosts {
		if o == h {
			continue
		}
		if o.counts() {
			others++
		}
		if o.said != nil {
			sick++
		}
		if !o.asked && o.said == nil && o.turns == 0 {
			m.t.Errorf("%s: its turn begins before %s was asked", host, name)
		}
	}
	mends := m.cfg.Mend && h.noes >= 2
	if others >= m.cfg.MaxOffline && !mends {
		m.t.Errorf("%s: its turn begins with %d others out (%d sick) and a budget of %d", host, others, sick, m.cfg.MaxOffline)
	}
	m.checkBatch(host)
	h.inTurn = true
	m.begun++
	if !mends {
		m.most = max(m.most, others+1)
	}
}

// checkAges checks, when a turn begins, that the last answers of all hosts are
// young enough to count. The caller holds m.mu.
func (m *model) checkAges(host string) {
	for name, h := range m.hosts {
		idle := name == host || !h.began || h.back > 0
		if !idle || h.deaf || h.back >= m.looks { // it was not idle when the last look began
			continue
		}
		oldest := m.rounds - (len(m.hosts)+leastAsked-1)/leastAsked + 1
		now := name == host || h.said != nil || !h.ended.IsZero() && h.yes < 2
		if h.backIn < m.rounds && h.round < oldest || now && h.look < m.looks {
			m.t.Errorf("%s: its turn begins after look %d, and %s was asked in look %d: it said %v", host, m.looks, name, h.look, h.said)
		}
	}
}

// checkBatch checks that nothing of the batch before is under way when the first
// turn of a batch begins. The caller holds m.mu.
func (m *model) checkBatch(host string) {
	if len(m.cfg.Batches) == 0 {
		return
	}
	begin := 0
	for i := 0; begin < m.begun; i++ {
		begin += m.cfg.Batches[min(i, len(m.cfg.Batches)-1)]
	}
	if begin != m.begun { // not the first
		return
	}
	for name, o := range m.hosts {
		if o.inTurn || !o.ended.IsZero() && !o.failed && !o.settled {
			m.t.Errorf("%s begins a batch while %s of the one before is not back", host, name)
		}
	}
}

func (m *model) event(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e.Kind {
	case Checking:
		m.looks++
		if len(m.hosts) <= leastAsked || time.Since(m.roundAt) >= min(DefaultInterval, m.cfg.Recheck) {
			m.rounds, m.roundAt = m.rounds+1, time.Now()
		}
	case TurnBegan:
		m.hosts[e.Host].began = true
		m.checkAges(e.Host)
	case HostDone:
		m.hosts[e.Host].back, m.hosts[e.Host].backIn = m.looks, m.rounds
	case HostFailed:
		m.hosts[e.Host].failed = true
	}
}

func (m *model) end(host string, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hosts[host]
	h.inTurn, h.ended = false, time.Now()
	if err != nil {
		m.failures++
		if m.failures > m.cfg.MaxFailures {
			m.close("a turn failed")
		}
	}
	return err
}

// close notes that no further turn may begin. The caller holds m.mu.
func (m *model) close(why string) {
	if m.closed == "" {
		m.closed, m.closedAt = why, time.Now()
	}
}

// turn takes a random time and ends in a random way.
func (m *model) turn(ctx context.Context, host string) error {
	m.begin(host)
	d, fate := m.seconds(1, 40), m.dice.IntN(40)
	if fate == 1 {
		d = m.cfg.TurnTimeout + 4*time.Second
	}
	if fate == 2 {
		time.Sleep(d) // deaf to ctx
	} else if !sleep(ctx, d, nil) {
		return m.end(host, ctx.Err())
	}
	m.mu.Lock()
	m.hosts[host].sick = m.oneIn(12) // what was sick is mostly cured, what was not may sicken
	m.mu.Unlock()
	switch {
	case fate == 3:
		return m.end(host, errTurn)
	case fate == 4:
		_ = m.end(host, errTurn)
		panic("a bug in the turn")
	}
	return m.end(host, ctx.Err())
}

// meddle makes hosts sick and well at random times until ctx ends.
func (m *model) meddle(ctx context.Context, names []string) {
	for {
		h := m.hosts[names[m.dice.IntN(len(names))]]
		if !sleep(ctx, m.seconds(1, 400), nil) {
			return
		}
		m.mu.Lock()
		if !h.inTurn {
			h.sick = !h.sick
		}
		m.mu.Unlock()
	}
}

// interfere stops or cancels the rollout at a random time, now and then.
func (m *model) interfere(g *Gate, cancel context.CancelFunc) {
	after := m.seconds(0, 1500)
	closing := func(why string, do func()) {
		time.AfterFunc(after, func() {
			m.mu.Lock()
			m.close(why)
			m.mu.Unlock()
			do()
		})
	}
	switch m.dice.IntN(8) {
	case 0:
		closing("stopped", g.Stop)
	case 1:
		closing("cancelled", cancel)
	}
}

func (m *model) checkReport(names []string, rep Report, err error) {
	for _, name := range m.cfg.Watched {
		if m.hosts[name].turns != 0 {
			m.t.Errorf("%s had a turn and was only to be watched", name)
		}
	}
	if n := len(rep.Done) + len(rep.Failed) + len(rep.Left); n != len(names) {
		m.t.Errorf("%d hosts in the report, %d in the rollout", n, len(names))
	}
	for _, name := range rep.Left {
		if m.hosts[name].turns != 0 {
			m.t.Errorf("%s had a turn and is reported as left", name)
		}
	}
	for _, name := range rep.Done {
		h := m.hosts[name]
		if calm := err == nil && m.closed == ""; h.backAt.IsZero() || calm && !h.settled {
			m.t.Errorf("%s is reported as done; back %v, settled %v", name, h.backAt, h.settled)
		}
	}
	var halt *HaltError
	var failed *FailedError
	switch {
	case err == nil && len(rep.Done) != len(names),
		errors.As(err, &failed) && (len(rep.Left) > 0 || len(rep.Failed) > m.cfg.MaxFailures),
		err != nil && !errors.As(err, &halt) && !errors.As(err, &failed):
		m.t.Errorf("the error %v does not fit the report %+v", err, rep)
	}
}

func runModel(t *testing.T, seed uint64) *model {
	var m *model
	synctest.Test(t, func(t *testing.T) {
		m = &model{t: t, dice: dice{rng: rand.New(rand.NewPCG(seed, 0))}, hosts: map[string]*modelHost{}}
		d := &m.dice
		m.cfg = Config{
			MaxOffline: 1 + d.IntN(3), MaxFailures: d.IntN(3), Mend: d.IntN(4) == 0, Healthy: m.healthy, Events: m.event,
			Settle: m.seconds(0, 2) * 20, Wait: m.seconds(0, 2) * 60,
			TurnTimeout: time.Minute, Grace: 5 * time.Second, HealthTimeout: 10 * time.Second, HealthParallel: 1 + d.IntN(4),
			Times: 1 + d.IntN(3), Recheck: m.seconds(1, 30), Batches: [][]int{nil, {1}, {1, 2}, {1, 3, 2}, {5}}[d.IntN(5)],
		}
		var names []string
		for i := range 1 + d.IntN([]int{8, 8, 8, 40}[d.IntN(4)]) {
			name := fmt.Sprint("h", i)
			names = append(names, name)
			m.hosts[name] = &modelHost{sick: m.oneIn(12)}
		}
		for i := range d.IntN(3) {
			name := fmt.Sprint("w", i)
			m.cfg.Watched = append(m.cfg.Watched, name)
			m.hosts[name] = &modelHost{sick: m.oneIn(12)}
		}
		var g Gate
		ctx, cancel := context.WithCancel(t.Context())
		m.interfere(&g, cancel)
		fate, endFate := context.WithCancel(t.Context())
		go m.meddle(fate, slices.Concat(names, m.cfg.Watched))
		rep, err := g.Run(ctx, m.cfg, names, m.turn)
		m.mu.Lock()
		m.checkReport(names, rep, err)
		m.mu.Unlock()
		endFate()
		cancel()
		time.Sleep(time.Minute) // for the checks that still hang
	})
	return m
}

// TestNoInterleavingBreaksTheBudget runs rollouts in which turns, failures,
// sicknesses and interruptions come at random.
func TestNoInterleavingBreaksTheBudget(t *testing.T) {
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 200
	}
	begun, most := 0, 0
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := runModel(t, seed)
			begun, most = begun+m.begun, max(most, m.most)
		})
	}
	if begun < int(seeds) || most != 3 {
		t.Errorf("the model saw %d turns and at most %d hosts out: it tests too little", begun, most)
	}
	t.Logf("%d rollouts, %d turns", seeds, begun)
}
