package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/deadline"
	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
)

// Rollout says how a rollout takes its hosts. Where a field's zero value is not
// explained here, it is that of gate.Config.
type Rollout struct {
	MaxOffline  int
	MaxFailures int
	Mend        bool          // take hosts that say they are unhealthy whatever the budget
	Turn        time.Duration // a host's whole turn; 0 is gate.DefaultTurnTimeout
	Settle      time.Duration // on the air this long before the next leaves it
	Within      time.Duration // how long a host may take to get well after its turn
	Wait        time.Duration // how long to wait for sick hosts that use up the budget
	Batches     []int         // how many hosts to take together at first, then, and so on
	Times       int           // how often in a row a host has to be healthy after its turn
	Watched     []*Host       // hosts without a turn that count as long as they are sick
	// Healthy tells whether a host does its work; required.
	Healthy func(ctx context.Context, h *Host) error
	// Look says in a line how a host stands on which an earlier run was at work
	// when it ended. nil says whether it is healthy.
	Look func(ctx context.Context, h *Host) (string, error)
	// Done tells of a host whose turn was done before the run was resumed whether
	// it still is as that has left it: somebody may have changed it since. One that
	// is not has another turn. nil takes all for done.
	Done func(ctx context.Context, h *Host) (bool, error)
	// Undo puts back what a failed turn did; nil leaves the host as it is. Its
	// context does not end with the turn's.
	Undo func(ctx context.Context, h *Host) error
	// TakeBack is what the operator's Undo does with a host whose turn failed;
	// it is as Undo. nil does nothing.
	TakeBack func(ctx context.Context, h *Host) error
	// Back is a host's turn on the way back: when a turn has failed, all hosts
	// whose turns began are taken through it. nil leaves them as they are.
	Back func(ctx context.Context, h *Host) error
	// Lock is held while the rollout lasts; the zero Lock is none.
	Lock Lock
}

// undoWithin is how long putting a host back may take.
const undoWithin = 10 * time.Minute

// rollout is one Rollout under way.
type rollout struct {
	Rollout
	farm  *Farm
	part  part // in the records
	about About
	turn  func(ctx context.Context, h *Host) error
	hosts map[string]*Host // those watched as well
	held  *held            // its lock, or the run's; nil if it has none

	fences *fences // nil if nobody could go on with it

	early      sync.Map // by name: how hosts were when their fences were looked at
	earlyUntil time.Time
}

// Rollout takes the hosts through turn, one after the other, so that never
// more than r.MaxOffline of them are out of service. A farm has one rollout at
// a time. What happens is written down before it does.
//
// In a run that is resumed the first rollout goes on with the first one of the
// run, the second with the second: hosts that are done are only watched, and
// those that were in the middle of their turns are looked at and go first.
//
// The error is as that of gate.Gate.Run, but that a halt is a *HaltError; a
// *LockedError if another has the lock; or what journal or lock failed of.
func (f *Farm) Rollout(ctx context.Context, hosts []*Host, r Rollout, turn func(ctx context.Context, h *Host) error) error {
	if err := unique(hosts); err != nil {
		return err
	}
	for _, h := range hosts {
		if err := h.needShell("a rollout on " + h.name); err != nil {
			return err
		}
	}
	run, err := f.enter(hosts, r, turn)
	if err != nil {
		return err
	}
	defer f.leave()
	if f.config.About != nil && !f.config.DryRun {
		if run.about, err = f.config.About(); err != nil {
			return err
		}
	}
	run.fences = run.newFences()
	if err := run.takeLock(ctx); err != nil {
		return err
	}
	defer run.dropLock(ctx)
	return run.run(ctx, Names(hosts))
}

// enter makes a rollout the one of the farm.
func (f *Farm) enter(hosts []*Host, r Rollout, turn func(context.Context, *Host) error) (*rollout, error) {
	run := &rollout{Rollout: r, farm: f, turn: turn, hosts: map[string]*Host{}}
	for _, h := range slices.Concat(hosts, r.Watched) {
		run.hosts[h.name] = h
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rollout != nil {
		return nil, gate.ErrBusy
	}
	f.rollout = run
	f.busy.Add(1)
	run.part.rollout = int(f.rollouts.Add(1))
	return run, nil
}

func (f *Farm) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rollout = nil
	f.busy.Add(-1)
}

// run takes the hosts with these names through their turns, but for those that
// are done, and records how it ended.
func (r *rollout) run(ctx context.Context, names []string) error {
	if err := r.takeOver(ctx); err != nil {
		return r.notBegun(err)
	}
	if err := r.distinct(ctx, names); err != nil {
		return r.notBegun(err)
	}
	if err := r.askDone(ctx); err != nil {
		return err
	}
	began := journal.Record{
		Kind: journal.RolloutBegan, Hosts: names, MaxOffline: cmp.Or(r.MaxOffline, gate.DefaultMaxOffline),
	}
	r.look(func(s *journal.Rollout) {
		if s != nil { // the run is resumed
			began.Done = slices.DeleteFunc(s.With(journal.Done), func(name string) bool { return !slices.Contains(names, name) })
		}
	})
	if err := r.record(began); err != nil {
		return err
	}
	err := r.takeTurns(ctx)
	r.fences.clear(ctx)
	if unwritten := r.record(ended(err)); err == nil && unwritten != nil {
		err = &gate.HaltError{Err: unwritten}
	}
	return r.halted(err)
}

// record is Farm.record for what the rollout does.
func (r *rollout) record(rec journal.Record) error { return r.farm.record(r.part, rec) }

// look calls f with where the rollout stands, which does not change meanwhile.
func (r *rollout) look(f func(*journal.Rollout)) {
	r.farm.standing.Lock()
	defer r.farm.standing.Unlock()
	f(r.farm.state.Rollout(r.part.rollout))
}

// takeTurns takes those hosts through their turns that are still to be.
func (r *rollout) takeTurns(ctx context.Context) error {
	var todo, middle []string
	var goingBack bool
	r.look(func(s *journal.Rollout) {
		todo, goingBack = s.Open(), s.GoingBack
		middle = slices.DeleteFunc(slices.Clone(todo), func(name string) bool { return !s.Hosts[name].Progress.Begun() })
	})
	r.lookAt(ctx, middle)
	switch {
	case len(todo) == 0:
		r.tell("", "nothing is left to do of this rollout: the run had done it before")
		return nil
	case goingBack && r.Back != nil:
		return r.goBack(ctx, &gate.HaltError{Err: errWasGoingBack})
	}
	err := r.pass(ctx, r.config(), r.log(len(todo)), todo, func(turn context.Context, h *Host) error {
		return r.takeTurn(ctx, turn, h)
	})
	if r.wantsBack(ctx, err) {
		return r.goBack(ctx, err)
	}
	return err
}

// pass takes hosts through the gate; the rollout's others are watched. No turn
// begins before it is known that what it is about is written down, and that the
// rollout has its lock still, which is asked beside how the hosts are.
func (r *rollout) pass(ctx context.Context, cfg gate.Config, log *rolloutLog, hosts []string, turn func(context.Context, *Host) error) error {
	asking, enough := context.WithCancel(ctx)
	defer enough()
	cfg.Watched = r.but(hosts)
	cfg.Events = func(e gate.Event) {
		if e.Kind == gate.Checking {
			r.askLock(asking)
		}
		log.event(e)
	}
	_, err := r.farm.gate.Run(ctx, cfg, hosts, func(ctx context.Context, name string) error {
		if err := log.failure(); err != nil {
			return &halting{err}
		}
		if err := r.checkLock(ctx); err != nil {
			return err
		}
		h := r.hosts[name]
		h.use()
		defer h.release()
		return r.owned(ctx, h, func(ctx context.Context) error { return turn(ctx, h) })
	})
	return err
}

// errWasGoingBack is why a rollout goes back at once.
var errWasGoingBack = errors.New("a turn had failed before the run was resumed")

// config is what the gate is told, but for what differs on the way back.
func (r *rollout) config() gate.Config {
	cfg := gate.Config{
		MaxOffline:  r.MaxOffline,
		MaxFailures: r.MaxFailures,
		Mend:        r.Mend,
		Batches:     r.Batches,
		Times:       r.Times,
		TurnTimeout: r.Turn,
		Settle:      r.Settle,
		Within:      r.Within,
		Wait:        r.Wait,
		Grace:       r.grace(),
		Healthy:     r.health,

		HealthTimeout: gate.DefaultHealthTimeout + answersWithin,
	}
	if r.farm.config.DryRun {
		cfg.Settle = 0
	}
	return cfg
}

// answersWithin is how long a host may take for a command that does nothing.
const answersWithin = 5 * time.Second

// askHealth asks whether a host does its work. A no is the host's own only if the
// host still answers when it has come: otherwise it may be the line's.
func (r *rollout) askHealth(ctx context.Context, h *Host) error {
	asking, cancel := context.WithTimeoutCause(ctx, gate.DefaultHealthTimeout,
		&luahost.TimeoutError{What: "the health check", After: gate.DefaultHealthTimeout})
	defer cancel()
	err := r.Healthy(asking, h)
	if err == nil || ctx.Err() != nil {
		return err
	}
	answering, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	if _, lost := (runner{h}).Run(answering, remote.Cmd{Line: ":", Query: true, Quiet: true}); lost != nil {
		return gate.NoAnswer(err)
	}
	return err
}

// takeTurn does a host's turn. all is the context of the rollout, which ends
// when the operator ends what runs.
func (r *rollout) takeTurn(all, ctx context.Context, h *Host) error {
	err := r.turn(r.part.context(ctx), h)
	if err == nil {
		return nil
	}
	if all.Err() != nil {
		r.record(failed(journal.Record{Kind: journal.HostUnknown, Host: h.name}, err))
		r.tell(h.name, "what ran on it was ended: how it stands is unknown")
		return err
	}
	if err, ok := r.obey(ctx, h, err); ok {
		return err
	}
	if r.Undo != nil {
		return r.undo(ctx, h, err, r.Undo)
	}
	return err
}

// commandEnds is how long a host may take to end a command whose time is up.
const commandEnds = 10 * time.Second

// grace is how long a turn whose time is up has to return: long enough to end its
// command and to close all that it opened, and for its undo, which may have to do the same.
func (r *rollout) grace() time.Duration {
	const ends = commandEnds + luahost.CloseWithin
	if r.Undo != nil {
		return ends + undoWithin + ends + time.Second
	}
	return ends + time.Second
}

// undo puts a host back, by how, after its turn failed with cause.
func (r *rollout) undo(ctx context.Context, h *Host, cause error, how func(context.Context, *Host) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	r.tell(h.name, "failed: %s", alone(gate.Event{Host: h.name, Err: cause}))
	r.tell(h.name, "putting it back as it was")
	r.record(journal.Record{Kind: journal.UndoBegan, Host: h.name}) // better undone than written down
	err := how(ctx, h)
	r.record(failed(journal.Record{Kind: journal.UndoEnded, Host: h.name}, err))
	if err != nil {
		return errors.Join(cause, &undoError{fmt.Errorf("could not be put back: %w", err)})
	}
	r.tell(h.name, "is as it was before its turn")
	return cause
}

// log returns what tells the operator of so many turns.
func (r *rollout) log(turns int) *rolloutLog {
	return &rolloutLog{farm: r.farm, part: r.part, total: turns, began: map[string]time.Time{}}
}

// rolloutLog tells the operator how a rollout goes.
type rolloutLog struct {
	farm  *Farm
	part  part
	total int
	back  bool // the turns are those of hosts on their way back

	mu    sync.Mutex
	turns int
	began map[string]time.Time
	lost  error // the first record that failed: no turn does anything after it
}

// failure returns why a record failed, nil if none has.
func (l *rolloutLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// record records an event of the gate. The caller holds l.mu.
func (l *rolloutLog) record(e gate.Event) {
	r, ok := recordOf(e)
	if !ok {
		return
	}
	if l.back {
		r.Kind = cmp.Or(backKinds[r.Kind], r.Kind)
	}
	if e.Kind == gate.HostDone || e.Kind == gate.HostFailed || e.Kind == gate.TurnEnded {
		r.Seconds = seconds(e.Time.Sub(l.began[e.Host]))
	}
	l.lost = cmp.Or(l.lost, l.farm.record(l.part, r))
}

func (l *rolloutLog) event(e gate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	say := l.farm.config.Console.Note
	if e.Kind == gate.TurnBegan {
		l.turns++
		l.began[e.Host] = e.Time
	}
	l.record(e)
	switch e.Kind {
	case gate.TurnBegan:
		say(e.Host, "turn %d of %d", l.turns, l.total)
	case gate.Sick:
		say(e.Host, "sick: %s", alone(e))
	case gate.Well:
		say(e.Host, "well again")
	case gate.Waiting:
		if e.Wait > 0 {
			say("", "farmrun: waiting up to %s: %v", deadline.Text(e.Wait), e.Err)
		}
	case gate.Settling:
		if e.Wait > 0 && !l.farm.stopped() { // which would end the wait
			say(e.Host, "healthy; settling for %s", deadline.Text(e.Wait))
		}
	case gate.HostDone:
		say(e.Host, "done in %v", e.Time.Sub(l.began[e.Host]).Round(100*time.Millisecond))
	case gate.HostFailed:
		say(e.Host, "failed: %s", alone(e))
	}
}

// alone returns e's error without the host's name, which stands before the line
// anyway. It is an error, so that the console redacts the host's words in it.
func alone(e gate.Event) error { return aloneError{e.Err, e.Host} }

type aloneError struct {
	error
	host string
}

func (e aloneError) Error() string { return strings.TrimPrefix(e.error.Error(), e.host+": ") }

// Unwrap returns the error with the name.
func (e aloneError) Unwrap() error { return e.error }
