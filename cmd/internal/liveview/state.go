package liveview

import (
	"time"

	"farmrun/luahost/journal"
)

// state is what is shown of how a host stands.
type state string

// The states, in the order in which they want to be looked at.
const (
	failed    state = "failed"
	sick      state = "sick"
	out       state = "out"
	verifying state = "verifying"
	settling  state = "settling"
	toCome    state = "to come"
	back      state = "taken back"
	done      state = "done"
)

// states is the order of the states.
var states = []state{failed, sick, out, verifying, settling, toCome, back, done}

// host is where one host of a rollout stands.
type host struct {
	name  string
	state state
	was   state     // before it was sick
	well  bool      // though its turn failed
	note  string    // its step, or what is wrong with it
	began time.Time // its turn
	took  time.Duration
}

// offline tells whether the host uses the budget, as far as the records tell.
func (h *host) offline() bool {
	return h.state != done && h.state != back && h.state != toCome && !h.well
}

// rollout is where a rollout stands.
type rollout struct {
	began     time.Time
	budget    int
	hosts     []*host
	byName    map[string]*host
	halted    bool // no further turn begins
	goingBack bool // but on the way back
}

func newRollout(r journal.Record) *rollout {
	new := &rollout{began: r.Time, budget: r.MaxOffline, byName: map[string]*host{}}
	for _, name := range r.Hosts {
		h := &host{name: name, state: toCome}
		new.hosts = append(new.hosts, h)
		new.byName[name] = h
	}
	for _, name := range r.Done {
		if h := new.byName[name]; h != nil {
			h.state = done
		}
	}
	return new
}

func (o *rollout) note(r journal.Record) {
	switch r.Kind {
	case journal.Halting:
		o.halted = true
	case journal.GoingBack:
		o.goingBack = true
	}
	if h := o.byName[r.Host]; h != nil {
		h.record(r)
	}
}

// record notes what becomes of the host. One whose turn failed is asked how it
// is as well, and remains one that failed.
func (h *host) record(r journal.Record) {
	if h.state == failed && r.Kind != journal.TurnBegan && r.Kind != journal.UndoBegan {
		h.well = h.well || r.Kind == journal.Healthy
		return
	}
	switch r.Kind {
	case journal.Sick:
		if h.state != sick {
			h.was = h.state
		}
		h.state, h.note = sick, r.Error
	case journal.Well:
		h.state, h.note = h.was, ""
	case journal.TurnBegan:
		h.state, h.note, h.began, h.well = out, "", r.Time, false
	case journal.StepBegan:
		h.note = r.Step
	case journal.UndoBegan:
		h.state, h.note, h.began, h.well = out, "undo", r.Time, false
	case journal.HostBack:
		h.state, h.note = back, ""
	case journal.Verifying:
		h.state, h.note = verifying, ""
	case journal.Settling:
		h.state = settling
	case journal.HostDone:
		h.state, h.note, h.took = done, "", r.Time.Sub(h.began)
	case journal.HostFailed, journal.HostUnknown:
		h.state, h.note, h.took = failed, r.Error, r.Time.Sub(h.began)
	}
}

// with returns the hosts in a state.
func (o *rollout) with(s state) []*host {
	var hosts []*host
	for _, h := range o.hosts {
		if h.state == s {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// left is how long the turns that are to come may take, by those that are over;
// 0 where that is not known.
func (o *rollout) left(now time.Time) time.Duration {
	var took, spent time.Duration
	over, open := 0, 0
	for _, h := range o.hosts {
		switch {
		case h.state == done && h.began.IsZero(): // before the run was resumed
		case h.state == done:
			over, took = over+1, took+h.took
		case h.state == failed:
		case h.began.IsZero():
			open++
		default:
			open, spent = open+1, spent+now.Sub(h.began)
		}
	}
	if over == 0 || o.halted {
		return 0
	}
	return max(0, (took/time.Duration(over)*time.Duration(open)-spent)/time.Duration(max(1, o.budget)))
}

// each is where hosts stand that do something side by side.
type each struct {
	number int
	began  time.Time
	total  int
	order  []string
	atWork map[string]bool
	done   int
	failed int
}

func newEach(r journal.Record) *each {
	return &each{number: r.Each, began: r.Time, total: len(r.Hosts), order: r.Hosts, atWork: map[string]bool{}}
}

func (e *each) note(r journal.Record) {
	switch {
	case r.Kind == journal.PartBegan:
		e.atWork[r.Host] = true
	case r.Kind == journal.PartEnded:
		delete(e.atWork, r.Host)
		if e.done++; r.Error != "" {
			e.done, e.failed = e.done-1, e.failed+1
		}
	}
}

// names returns the hosts at work, in order.
func (e *each) names() []string {
	var names []string
	for _, name := range e.order {
		if e.atWork[name] {
			names = append(names, name)
		}
	}
	return names
}
