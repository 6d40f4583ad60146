package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
)

// Rollout says how a rollout takes its hosts. Where a field's zero value is not
// explained here, it is that of gate.Config.
type Rollout struct {
	MaxOffline  int
	MaxFailures int
	Mend        bool          // take sick hosts whatever the budget
	Turn        time.Duration // a host's whole turn; 0 is gate.DefaultTurnTimeout
	Settle      time.Duration // on the air this long before the next leaves it
	Within      time.Duration // how long a host may take to get well after its turn
	Wait        time.Duration // how long to wait for sick hosts that use up the budget
	// Healthy tells whether a host does its work; required.
	Healthy func(ctx context.Context, h *Host) error
	// Undo puts back what a failed turn did; nil leaves the host as it is. Its
	// context does not end with the turn's.
	Undo func(ctx context.Context, h *Host) error
}

// undoWithin is how long putting a host back may take.
const undoWithin = 10 * time.Minute

// Rollout takes the hosts through turn, one after the other, so that never
// more than r.MaxOffline of them are out of service. A farm has one rollout at
// a time. The error is as that of gate.Gate.Run.
func (f *Farm) Rollout(ctx context.Context, hosts []*Host, r Rollout, turn func(ctx context.Context, h *Host) error) error {
	if err := unique(hosts); err != nil {
		return err
	}
	f.busy.Add(1)
	defer f.busy.Add(-1)
	byName := map[string]*Host{}
	for _, h := range hosts {
		byName[h.name] = h
		h.use()
		defer h.release()
	}
	settle := r.Settle
	if f.config.DryRun {
		settle = 0
	}
	log := &rolloutLog{farm: f, part: part{rollout: int(f.rollouts.Add(1))}, total: len(hosts), began: map[string]time.Time{}}
	err := f.record(log.part, journal.Record{
		Kind: journal.RolloutBegan, Hosts: Names(hosts), MaxOffline: cmp.Or(r.MaxOffline, gate.DefaultMaxOffline),
	})
	if err != nil {
		return err
	}
	_, err = f.gate.Run(ctx, gate.Config{
		MaxOffline:  r.MaxOffline,
		MaxFailures: r.MaxFailures,
		Mend:        r.Mend,
		TurnTimeout: r.Turn,
		Settle:      settle,
		Within:      r.Within,
		Wait:        r.Wait,
		Grace:       r.grace(),
		Healthy:     func(ctx context.Context, name string) error { return r.Healthy(ctx, byName[name]) },
		Events:      log.event,
	}, Names(hosts), func(ctx context.Context, name string) error {
		if err := log.failure(); err != nil {
			return err
		}
		err := turn(log.part.context(ctx), byName[name])
		if err != nil && r.Undo != nil {
			return f.undo(ctx, byName[name], err, r.Undo)
		}
		return err
	})
	return err
}

// grace is how long a turn whose time is up has to return: long enough for
// its undo.
func (r Rollout) grace() time.Duration {
	if r.Undo == nil {
		return 0
	}
	return undoWithin + gate.DefaultGrace
}

// undo puts a host back after its turn failed with cause.
func (f *Farm) undo(ctx context.Context, h *Host, cause error, undo func(context.Context, *Host) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	f.config.Console.Note(h.name, "failed: %s", alone(gate.Event{Host: h.name, Err: cause}))
	f.config.Console.Note(h.name, "putting it back as it was")
	if err := undo(ctx, h); err != nil {
		return errors.Join(cause, fmt.Errorf("and could not be put back: %w", err))
	}
	f.config.Console.Note(h.name, "is as it was before its turn")
	return cause
}

// rolloutLog tells the operator how a rollout goes.
type rolloutLog struct {
	farm  *Farm
	part  part
	total int

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
	if e.Kind == gate.HostDone || e.Kind == gate.HostFailed || e.Kind == gate.TurnEnded {
		r.Seconds = e.Time.Sub(l.began[e.Host]).Seconds()
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
		say("", "waiting up to %v: %v", e.Wait, e.Err)
	case gate.Settling:
		if e.Wait > 0 && !l.farm.stopped() { // which would end the wait
			say(e.Host, "healthy; settling for %v", e.Wait)
		}
	case gate.HostDone:
		say(e.Host, "done in %v", e.Time.Sub(l.began[e.Host]).Round(100*time.Millisecond))
	case gate.HostFailed:
		say(e.Host, "failed: %s", alone(e))
	}
}

// alone returns what e's error says without the host's name, which stands
// before the line anyway.
func alone(e gate.Event) string { return strings.TrimPrefix(e.Err.Error(), e.Host+": ") }
