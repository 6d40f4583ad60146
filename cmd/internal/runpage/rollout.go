package runpage

import (
	"slices"
	"strings"
	"time"

	"farmrun/luahost/deadline"
	"farmrun/luahost/journal"
)

// rollout is one rollout, or what of it came before or after a break: it begins
// anew where a run is resumed.
type rollout struct {
	Number     int
	Again      bool // it went on here
	Began      time.Time
	Ended      time.Time
	MaxOffline int
	Error      string
	GoingBack  bool // its hosts were taken back
	Hosts      []*host
	Steps      []string // the names of the steps, as they first began
	Down       []level
	MostDown   int

	byName map[string]*host
}

// host is a host's part in a rollout.
type host struct {
	Name       string
	Outcome    string // a word or two
	Class      string // how it is shown: "done", "failed", "sick", "left", "out"
	Began      time.Time
	Took       time.Duration
	Error      string
	Output     string
	Bars       []bar
	Lines      []line
	Recordings []recording
	More       bool // it has said more than is shown

	open map[string]int // the places in Bars of what is under way, by what it is
	down []span         // when it was out of service
}

// span is a stretch of time; its end is zero while it goes on.
type span struct{ from, to time.Time }

// bar is a stretch of time in a host's row.
type bar struct {
	Name        string
	Class       string // "step", "wait", "sick"
	Colour      int    // of a step, from 0
	Began       time.Time
	Took        time.Duration
	Failed      bool
	Error       string
	Left, Width float64 // shares of the rollout's time
	Nested      bool    // within another step: in the table only
}

// level is how many hosts were out of service during a stretch of time.
type level struct {
	Left, Width float64
	Hosts       int
	Height      float64 // a share of the most
}

// colours is how many the steps have before they come round.
const colours = 6

// rollouts returns what the records tell of rollouts, in order. What is under way
// goes on until end.
func rollouts(records []journal.Record, end time.Time) []*rollout {
	var all []*rollout
	for _, r := range records {
		if r.Rollout == 0 {
			continue
		}
		if r.Kind == journal.RolloutBegan {
			all = append(all, newRollout(r, all))
			continue
		}
		if i := slices.IndexFunc(all, func(o *rollout) bool { return o.Number == r.Rollout && o.Ended.IsZero() }); i >= 0 {
			all[i].note(r)
		}
	}
	for _, o := range all {
		if o.Ended.IsZero() {
			o.close(end)
		}
		o.measure()
	}
	return all
}

func newRollout(r journal.Record, before []*rollout) *rollout {
	o := &rollout{Number: r.Rollout, Began: r.Time, MaxOffline: r.MaxOffline, byName: map[string]*host{}}
	for _, name := range r.Hosts {
		h := &host{Name: name, Outcome: string(journal.Untried), Class: "left", open: map[string]int{}}
		o.Hosts = append(o.Hosts, h)
		o.byName[name] = h
	}
	for _, b := range before {
		if b.Number == r.Rollout {
			o.follow(b)
		}
	}
	return o
}

// follow makes o go on with what came before a break.
func (o *rollout) follow(before *rollout) {
	o.Again = true
	o.Steps = slices.Clone(before.Steps) // for the same colours
	if before.Ended.IsZero() {
		before.close(before.last())
	}
	for _, h := range before.Hosts {
		if now := o.byName[h.Name]; now != nil && h.Class == "done" {
			now.Outcome, now.Class = "done before", "done"
		}
	}
}

// last is when the last thing began that is known of the rollout.
func (o *rollout) last() time.Time {
	last := o.Began
	for _, h := range o.Hosts {
		for _, b := range h.Bars {
			if at := b.Began.Add(b.Took); at.After(last) {
				last = at
			}
		}
	}
	return last
}

func (o *rollout) note(r journal.Record) {
	switch r.Kind {
	case journal.RolloutEnded:
		o.Error = r.Error
		o.close(r.Time)
		return
	case journal.GoingBack:
		o.GoingBack = true
	}
	h := o.byName[r.Host]
	if h == nil || r.Each > 0 {
		return
	}
	if r.Kind == journal.StepBegan && !strings.Contains(r.Step, "/") && !slices.Contains(o.Steps, r.Step) {
		o.Steps = append(o.Steps, r.Step)
	}
	h.note(r, slices.Index(o.Steps, r.Step))
}

// note adds a record to a host's row; colour is that of the step.
func (h *host) note(r journal.Record, colour int) {
	switch r.Kind {
	case journal.Sick:
		h.leave(r.Time)
		h.begin(r, "sick", bar{Name: "sick", Class: "sick", Failed: true, Error: r.Error})
		if h.Class == "left" {
			h.Outcome, h.Class = "sick", "sick"
		}
	case journal.Well:
		h.comeBack(r.Time)
		h.end(r, "sick")
		if h.Class == "sick" {
			h.Outcome, h.Class = string(journal.Untried), "left"
		}
	case journal.TurnBegan:
		h.leave(r.Time)
		h.end(r, "sick")
		h.Began, h.Outcome, h.Class = r.Time, string(journal.Middle), "out"
	case journal.StepBegan:
		h.end(r, "undo")
		nested := strings.Contains(r.Step, "/")
		h.begin(r, "step "+r.Step, bar{Name: r.Step, Class: "step", Colour: max(0, colour) % colours, Nested: nested})
	case journal.StepEnded:
		h.end(r, "step "+r.Step)
	case journal.UndoBegan:
		h.leave(r.Time)
		h.Began, h.Outcome, h.Class = r.Time, string(journal.Middle), "out"
		h.begin(r, "undo", bar{Name: "undo", Class: "wait"})
	case journal.UndoEnded:
		h.end(r, "undo")
		if r.Error == "" {
			h.Outcome, h.Class = string(journal.Back), "back"
		}
	case journal.Verifying:
		h.begin(r, "wait", bar{Name: "verifying", Class: "wait"})
	case journal.Healthy:
		h.end(r, "wait")
		if h.Class == "failed" {
			h.comeBack(r.Time)
		}
	case journal.Settling:
		h.begin(r, "wait", bar{Name: "settling", Class: "wait"})
	default:
		h.outcome(r)
	}
}

// outcome notes what became of the host.
func (h *host) outcome(r journal.Record) {
	word, class := journal.Progress(""), ""
	switch r.Kind {
	case journal.HostDone:
		word, class = journal.Done, "done"
	case journal.HostFailed:
		word, class = journal.Failed, "failed"
		if h.Class == "back" { // its steps were taken back
			word = "failed, and " + journal.Back
		}
	case journal.HostBack:
		word, class = journal.Back, "back"
	case journal.HostUnknown:
		word, class = journal.Unknown, "failed"
	default:
		return
	}
	h.end(r, "wait")
	h.end(r, "undo")
	h.Outcome, h.Class, h.Took = string(word), class, r.Time.Sub(h.Began)
	if class == "done" || class == "back" {
		h.comeBack(r.Time)
	}
	if r.Error != "" { // of one that is taken back it stays
		h.Error, h.Output = r.Error, r.Output
	}
}

// begin opens a bar for something that is under way until end.
func (h *host) begin(r journal.Record, what string, b bar) {
	h.end(r, what)
	b.Began = r.Time
	h.open[what] = len(h.Bars)
	h.Bars = append(h.Bars, b)
}

// end closes the bar of what was under way.
func (h *host) end(r journal.Record, what string) {
	i, open := h.open[what]
	if !open {
		return
	}
	delete(h.open, what)
	b := &h.Bars[i]
	b.Took = r.Time.Sub(b.Began)
	if r.Error != "" {
		b.Failed, b.Error = true, r.Error
	}
}

// leave notes that the host is out of service from then on.
func (h *host) leave(at time.Time) {
	if n := len(h.down); n == 0 || !h.down[n-1].to.IsZero() {
		h.down = append(h.down, span{from: at})
	}
}

// comeBack notes that it is in service from then on.
func (h *host) comeBack(at time.Time) {
	if n := len(h.down); n > 0 && h.down[n-1].to.IsZero() {
		h.down[n-1].to = at
	}
}

// close ends all that is under way.
func (o *rollout) close(at time.Time) {
	o.Ended = at
	for _, h := range o.Hosts {
		for what := range h.open {
			h.end(journal.Record{Time: at}, what)
		}
		if h.Class == "out" {
			h.Took = at.Sub(h.Began)
		}
		h.comeBack(at)
	}
}

// measure says where in the rollout's time everything stands.
func (o *rollout) measure() {
	for _, h := range o.Hosts {
		for i := range h.Bars {
			b := &h.Bars[i]
			b.Left, b.Width = o.share(b.Began), o.share(b.Began.Add(b.Took))-o.share(b.Began)
		}
	}
	o.levels()
}

// share is where in the rollout's time something is, from 0 to 1.
func (o *rollout) share(at time.Time) float64 {
	all := o.Ended.Sub(o.Began)
	if all <= 0 {
		return 0
	}
	return min(1, max(0, float64(at.Sub(o.Began))/float64(all)))
}

// levels counts the hosts that were out of service.
func (o *rollout) levels() {
	type change struct {
		at time.Time
		by int
	}
	changes := []change{{o.Ended, 0}}
	for _, h := range o.Hosts {
		for _, d := range h.down {
			changes = append(changes, change{d.from, 1}, change{d.to, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	down, since := 0, o.Began
	for _, c := range changes {
		if c.at.After(since) {
			left := o.share(since)
			o.Down = append(o.Down, level{Left: left, Width: o.share(c.at) - left, Hosts: down})
			o.MostDown = max(o.MostDown, down)
			since = c.at
		}
		down += c.by
	}
	for i := range o.Down {
		o.Down[i].Height = float64(o.Down[i].Hosts) / float64(max(1, o.MostDown, o.MaxOffline))
	}
}

// Length is how long the rollout took; where a clock was wrong that may be
// nonsense, but it can be reckoned with.
func (o *rollout) Length() time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	return max(0, min(century, o.Ended.Sub(o.Began)))
}

// Count is how many hosts are shown as class.
func (o *rollout) Count(class string) int {
	n := 0
	for _, h := range o.Hosts {
		if h.Class == class {
			n++
		}
	}
	return n
}

// tick is a mark on the axis of time.
type tick struct {
	Left float64
	Text string
}

// Ticks returns some round times after the rollout's begin.
func (o *rollout) Ticks() []tick {
	const most = 5
	step := steps[len(steps)-1]
	for _, s := range steps {
		if o.Length() <= most*s {
			step = s
			break
		}
	}
	for o.Length() > most*step {
		step *= 2
	}
	var ticks []tick
	for d := time.Duration(0); d <= o.Length()/20*17; d += step { // the last needs room for its text, on a phone
		ticks = append(ticks, tick{o.share(o.Began.Add(d)), deadline.Text(d)})
	}
	return ticks
}

// steps are between which two ticks the time is round.
var steps = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
}
