package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/deadline"
)

// state is where a host stands with the budget.
type state int

const (
	in   state = iota // on the air, as far as is known
	out               // from the begin of its turn until it has been verified
	sick              // Healthy said no, or its turn failed and nobody has said yes since
)

// progress is where a host stands in the rollout.
type progress int

const (
	pending progress = iota
	taken            // its turn has begun
	done
	failed
	watched // it has no turn
)

// member is one host of a rollout. Its fields belong to the goroutine of run,
// but for asking, which belongs to whoever asks the host: run while it is
// idle (or the look that it has sent out), its own verify while it is out.
type member struct {
	name     string
	state    state
	progress progress
	answer   error           // what Healthy said last
	asked    int             // in which look it was last asked while it was idle; 0 is in none
	round    int             // in which look it was last asked without a reason of its own; 0 is in none
	begun    int             // after which look its turn began
	yes      int             // how often in a row it has said yes since its turn
	noes     int             // how often in a row it has said that it is unhealthy
	asking   <-chan struct{} // closed when the last call of Healthy is over; nil before the first
}

// rollout is one Run. One goroutine, run's, decides everything: it alone
// begins turns and knows the states. Each host that is out has a goroutine
// that performs one phase (the turn, then the verification) and reports on
// ended.
type rollout struct {
	gate    *Gate
	cfg     Config
	turn    Turn
	stop    <-chan struct{} // the operator's
	members []*member

	ended    chan phase
	running  int // members that are out
	batch    int // how many batches have begun
	left     int // turns that may still begin in this one
	done     []string
	failed   []Failure
	counted  int           // those of them that count against MaxFailures
	usedUp   time.Time     // since when sick hosts have used up the budget; zero if they do not
	halt     *HaltError    // why no further turn begins; nil as long as some may
	over     chan struct{} // closed when no further turn will begin
	look     *look         // the hosts are being asked while turns are under way; nil if not
	looks    int           // how many there were
	lookedAt time.Time     // when the last was over
	roundAt  time.Time     // when the last began that asked hosts without a reason of their own
	stale    bool          // a turn that has begun after it is over: its answers are older
	emitting sync.Mutex
}

// phase is the end of one phase of a host that is out.
type phase struct {
	member *member
	turn   bool // the turn; else the verification
	err    error
}

func newRollout(g *Gate, cfg Config, hosts []string, turn Turn) *rollout {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := &rollout{gate: g, cfg: cfg, turn: turn, stop: g.stopping()}
	for _, h := range hosts {
		r.members = append(r.members, &member{name: h})
	}
	for _, h := range cfg.Watched {
		r.members = append(r.members, &member{name: h, progress: watched})
	}
	r.ended = make(chan phase, len(hosts))
	r.over = make(chan struct{})
	return r
}

// run begins turns as long as it may, and returns when none is under way.
func (r *rollout) run(ctx context.Context) {
	for r.halt == nil && r.next() != nil {
		switch {
		case ctx.Err() != nil:
			r.shut("", context.Cause(ctx))
		case isClosed(r.stop):
			r.shut("", ErrStopped)
		case r.running == r.cfg.MaxOffline, r.left == 0 && r.running > 0:
			r.await(ctx)
		case r.left == 0:
			r.nextBatch()
		default:
			r.advance(ctx)
		}
	}
	for r.running > 0 {
		r.await(ctx)
	}
	r.endLook()
	r.emit(Event{Kind: Finished, Err: r.err()})
}

// nextBatch lets the turns of another batch begin.
func (r *rollout) nextBatch() {
	r.left = len(r.members)
	if sizes := r.cfg.Batches; len(sizes) > 0 {
		r.left = sizes[min(r.batch, len(sizes)-1)]
	}
	r.batch++
}

// advance asks the hosts that are due and begins as many turns as the budget
// allows. If that is none, it waits for something to change.
func (r *rollout) advance(ctx context.Context) {
	r.askIdle(ctx, min(r.left, r.cfg.MaxOffline-r.running))
	begun := false
	for m := r.nextAllowed(ctx); m != nil && r.begin(ctx, m); m = r.nextAllowed(ctx) {
		begun = true
	}
	m := r.next()
	switch {
	case begun, r.stale, m == nil, r.halt != nil, ctx.Err() != nil, isClosed(r.stop):
	case m.asked != r.looks: // the answers have changed the order
	case r.running > 0:
		r.await(ctx)
	case r.cfg.Mend && m.noes == 1:
		sleep(ctx, r.cfg.Interval, r.stop) // it is asked again
	default:
		r.waitForTheSick(ctx)
	}
}

// nextAllowed returns the host whose turn may begin by the answers of the last
// look; nil is none.
func (r *rollout) nextAllowed(ctx context.Context) *member {
	for r.halt == nil && len(r.ended) > 0 { // a turn may have failed meanwhile
		r.phaseEnded(ctx, <-r.ended)
	}
	m := r.next()
	switch {
	case m == nil, r.halt != nil, ctx.Err() != nil, isClosed(r.stop), m.asked != r.looks, r.stale,
		r.left == 0, r.running == r.cfg.MaxOffline:
		return nil
	case r.rank(m) == 0, r.offlineBut(m) < r.cfg.MaxOffline:
		return m
	}
	return nil
}

// pending returns the hosts whose turns are still to come, in order.
func (r *rollout) pending() []*member {
	var list []*member
	for _, m := range r.members {
		if m.progress == pending {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b *member) int { return r.rank(a) - r.rank(b) })
	return list
}

// rank says which hosts are taken first: those that need no room in the budget,
// then the other unhealthy ones.
func (r *rollout) rank(m *member) int {
	switch {
	case r.cfg.Mend && m.state == sick && m.noes >= 2:
		return 0
	case m.state == sick:
		return 1
	}
	return 2
}

// next returns the first of pending; nil if none is left.
func (r *rollout) next() (first *member) {
	for _, m := range r.members {
		if m.progress == pending && (first == nil || r.rank(m) < r.rank(first)) {
			first = m
		}
	}
	return first
}

// offlineBut counts the hosts other than m that use the budget.
func (r *rollout) offlineBut(m *member) int {
	n := 0
	for _, other := range r.members {
		if other != m && other.state != in {
			n++
		}
	}
	return n
}

// begin starts m's turn, unless the gate was told to stop.
func (r *rollout) begin(ctx context.Context, m *member) bool {
	if !r.gate.mayBegin() {
		return false
	}
	m.state, m.progress, m.begun = out, taken, r.looks
	r.running++
	r.left--
	r.usedUp = time.Time{}
	r.emit(Event{Kind: TurnBegan, Host: m.name})
	go func() { r.ended <- phase{member: m, turn: true, err: r.takeTurn(ctx, m.name)} }()
	return true
}

// takeTurn calls the turn function and returns what came of it, in time even
// if the function is not.
func (r *rollout) takeTurn(ctx context.Context, host string) error {
	late := timeoutError("the turn took longer than " + deadline.Text(r.cfg.TurnTimeout))
	ctx, cancel := deadline.With(ctx, r.cfg.TurnTimeout, late)
	defer cancel()
	answer, _ := call(func() error {
		defer r.gate.turnReturned()
		return r.turn(ctx, host)
	})
	select {
	case err := <-answer:
		return turnError(ctx, err)
	case <-ctx.Done():
	}
	grace := time.NewTimer(r.cfg.Grace)
	defer grace.Stop()
	select {
	case err := <-answer:
		return turnError(ctx, err)
	case <-grace.C:
		return fmt.Errorf("%w; %w for another %s", context.Cause(ctx), ErrAbandoned, deadline.Text(r.cfg.Grace))
	}
}

// turnError returns what a turn failed of: if its time was up that comes
// first, even if the function found nothing wrong.
func turnError(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	if err == nil || err == ctx.Err() {
		return cause
	}
	if strings.Contains(err.Error(), cause.Error()) {
		return &causedError{err, cause}
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// causedError is an error that names its cause already.
type causedError struct {
	error
	cause error
}

func (e *causedError) Unwrap() []error { return []error{e.cause, e.error} }

// await waits for the end of a phase, for the operator's word, or for the hosts
// that are not in a turn to be asked again, and acts on it.
func (r *rollout) await(ctx context.Context) {
	stop := r.stop
	if isClosed(r.over) {
		stop = nil // known
	}
	var recheck <-chan time.Time
	if r.look == nil && r.halt == nil { // else they are being asked, or nobody needs to know
		timer := time.NewTimer(time.Until(r.lookedAt.Add(r.cfg.Recheck)))
		defer timer.Stop()
		recheck = timer.C
	}
	select {
	case answers := <-r.look.over():
		r.noteAll(ctx, answers)
	case <-recheck:
		r.beginLook(ctx, 0)
	case p := <-r.ended:
		r.phaseEnded(ctx, p)
	case <-stop:
		if r.next() != nil {
			r.shut("", ErrStopped)
		} else {
			close(r.over)
		}
	}
}

// phaseEnded acts on the end of a phase.
func (r *rollout) phaseEnded(ctx context.Context, p phase) {
	if p.turn {
		r.turnEnded(ctx, p.member, p.err)
	} else {
		r.verified(p.member, p.err)
	}
}

// turnEnded has a host verified whose turn is over. A failure that halts the
// rollout leaves the host as it is.
func (r *rollout) turnEnded(ctx context.Context, m *member, err error) {
	r.emit(Event{Kind: TurnEnded, Host: m.name, Err: err})
	if err != nil {
		r.fail(m, err)
		if ctx.Err() != nil || errors.Is(err, ErrAbandoned) {
			r.shut(m.name, err)
		}
		if r.halt != nil {
			m.state = sick
			r.turnOver(m)
			return
		}
	}
	go func() { r.ended <- phase{member: m, err: r.verify(ctx, m)} }()
}

// turnOver notes that m's turn uses the budget no more.
func (r *rollout) turnOver(m *member) {
	r.running--
	r.stale = r.stale || m.begun == r.looks
}

// verified takes a host out of the budget, or leaves it in as sick.
func (r *rollout) verified(m *member, err error) {
	r.turnOver(m)
	m.state, m.answer, m.yes = in, err, r.cfg.Times
	if r.cfg.Settle > 0 {
		m.yes++
	}
	if err != nil {
		m.state, m.yes = sick, 0
	}
	switch {
	case m.progress == failed: // by its turn; counted then
	case err != nil:
		r.fail(m, err)
	default:
		m.progress = done
		r.done = append(r.done, m.name)
		r.emit(Event{Kind: HostDone, Host: m.name})
	}
}

// fail counts m as failed and halts the rollout if that is one too many.
func (r *rollout) fail(m *member, err error) {
	m.progress, m.answer = failed, err
	r.failed = append(r.failed, Failure{Host: m.name, Err: err})
	r.emit(Event{Kind: HostFailed, Host: m.name, Err: err})
	if !errors.Is(err, ErrGoOn) {
		r.counted++
	}
	if r.counted > r.cfg.MaxFailures {
		r.shut(m.name, err)
	}
}

// waitForTheSick gives sick hosts that use up the budget the time that the
// Config allows, and halts when it has passed.
func (r *rollout) waitForTheSick(ctx context.Context) {
	budget := &BudgetError{MaxOffline: r.cfg.MaxOffline}
	next := r.next()
	for _, m := range r.members {
		if m != next && m.state == sick {
			budget.Sick = append(budget.Sick, Failure{Host: m.name, Err: m.answer})
		}
	}
	if r.usedUp.IsZero() {
		r.usedUp = time.Now()
		r.emit(Event{Kind: Waiting, Err: budget, Wait: r.cfg.Wait})
	}
	left := r.cfg.Wait - time.Since(r.usedUp)
	if left <= 0 {
		r.shut("", budget)
		return
	}
	sleep(ctx, min(left, r.cfg.Interval), r.stop)
}

// shut lets no further turn begin. The first reason is the one that counts.
func (r *rollout) shut(host string, why error) {
	if r.halt != nil {
		return
	}
	r.halt = &HaltError{Host: host, Err: why}
	if !isClosed(r.over) {
		close(r.over)
	}
	r.emit(Event{Kind: Halting, Host: host, Err: why})
}

func (r *rollout) report() Report {
	rep := Report{Done: r.done, Failed: r.failed}
	for _, m := range r.members {
		if m.progress == pending {
			rep.Left = append(rep.Left, m.name)
		}
	}
	return rep
}

// err returns what Run returns.
func (r *rollout) err() error {
	switch {
	case r.halt != nil:
		r.halt.Report = r.report()
		return r.halt
	case len(r.failed) > 0:
		return &FailedError{Failed: r.failed}
	}
	return nil
}

// emit tells of one event, never of two at once.
func (r *rollout) emit(e Event) {
	if r.cfg.Events == nil {
		return
	}
	r.emitting.Lock()
	defer r.emitting.Unlock()
	e.Time = time.Now()
	r.cfg.Events(e)
}
