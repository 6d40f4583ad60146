package farm

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/deadline"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/modules/farm/lockfile"
)

// Lock is where the lock lies that a rollout holds: one rollout at a time works
// on a farm whose operators have agreed on it. The zero value is no lock.
type Lock struct {
	Host *Host
	Path string // see lockfile.Lock
}

// LockedError is a rollout that did not begin because of another's lock.
type LockedError struct {
	Host string // which has the lock
	Path string
	*lockfile.HeldError
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("the farm is locked (%s on %s): %v", e.Path, e.Host, e.HeldError)
}

// Unwrap returns the *lockfile.HeldError.
func (e *LockedError) Unwrap() error { return e.HeldError }

// Kind says what sort of failure this is, in luahost's word.
func (e *LockedError) Kind() string { return "refused" }

// Hint says what to do.
func (e *LockedError) Hint() string {
	hint := "--lock-wait 10m waits for it; farmrun unlock takes it away from who is gone"
	if run := e.Holder.Run; run != "" {
		hint += fmt.Sprintf("; if that run was killed, farmrun resume %s goes on with it, on %s", run, e.Holder.Machine)
	}
	return hint
}

// SiteLock returns the lock that the site file has agreed on; zero if none.
func (f *Farm) SiteLock() (Lock, error) {
	f.mu.Lock()
	s := f.site
	f.mu.Unlock()
	if s == nil || s.lock.Path == "" {
		return Lock{}, nil
	}
	h, err := f.Host(s.lock.Host)
	return Lock{h, s.lock.Path}, err
}

// Holder returns who has the lock; nil is nobody.
func (l Lock) Holder(ctx context.Context) (*lockfile.Holder, error) { return l.file().Read(ctx) }

// Break takes the lock away from holder, if that still has it.
func (l Lock) Break(ctx context.Context, holder lockfile.Holder) error {
	return l.file().Drop(ctx, holder)
}

func (l Lock) file() lockfile.Lock { return lockfile.Lock{Runner: runner{l.Host}, Path: l.Path} }

// runner runs commands on a host, in a dry run as well.
type runner struct{ host *Host }

func (r runner) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	a, err := r.host.attempt(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	return lent{r.host, a}.Run(ctx, cmd)
}

const (
	lockEvery = 2 * time.Second  // how often a lock is tried that another has
	lockTime  = 30 * time.Second // for one look at it
)

// held is a lock that a rollout has.
type held struct {
	Lock
	me lockfile.Holder

	asking sync.WaitGroup // the goroutines of ask
	mu     sync.Mutex
	last   *answer // what was asked last; nil at first
}

// answer is whether a lock is held still.
type answer struct {
	asked time.Time
	there chan struct{} // closed when err is there
	err   error         // nil if it is
}

// oldest is how long before a turn it may have been asked whether the rollout has
// its lock still: hosts whose health is asked meanwhile may take far longer.
const oldest = 5 * time.Second

// takeLock takes the rollout's lock and keeps it until dropLock. It waits for
// one that another has as long as the Config says.
func (r *rollout) takeLock(ctx context.Context) error {
	if r.Lock.Path == "" || r.farm.config.DryRun {
		return nil
	}
	l := &held{Lock: r.Lock, me: r.me()}
	if err := r.record(l.record(journal.LockTaken)); err != nil {
		return err
	}
	err := r.waitForLock(ctx, l)
	if err == nil {
		r.held = l
		return nil
	}
	if !mayHave(err) {
		r.record(l.record(journal.LockReleased))
	}
	return err
}

// mayHave tells whether the rollout may have its lock although an attempt to take
// or to drop it failed so: the line was cut, perhaps. A run that may is one to be
// resumed, which puts that right.
func mayHave(err error) bool {
	_, another := errors.AsType[*lockfile.HeldError](err)
	return !another && !errors.Is(err, lockfile.ErrFree) && !errors.Is(err, ErrStopped)
}

// record is what the journal says of the lock.
func (l *held) record(kind journal.Kind) journal.Record {
	return journal.Record{Kind: kind, Host: l.Host.name, Name: l.Path}
}

// waitForLock takes a lock as soon as nobody else has it.
func (r *rollout) waitForLock(ctx context.Context, l *held) error {
	until := time.Now().Add(r.farm.config.LockWait)
	for told := false; ; told = true {
		err := l.try(ctx, r.taking(l))
		other, isHeld := errors.AsType[*lockfile.HeldError](err)
		if err == nil {
			return nil
		}
		if !isHeld {
			return fmt.Errorf("the lock on %s: %w", l.Host.name, err)
		}
		err = &LockedError{l.Host.name, l.Path, other}
		if r.farm.stopped() || time.Until(until) <= 0 {
			return err
		}
		if !told {
			r.tell("", "waiting up to %s: %v", deadline.Text(r.farm.config.LockWait), err)
		}
		if err := r.pause(ctx, min(lockEvery, time.Until(until))); err != nil {
			return err
		}
	}
}

// taking returns what takes the lock, and tells the operator when it was there
// already: the run was killed while it had it.
func (r *rollout) taking(l *held) func(context.Context, lockfile.Holder) error {
	return func(ctx context.Context, me lockfile.Holder) error {
		since, err := l.file().Take(ctx, me)
		if err == nil && !since.IsZero() {
			r.tell("", "the lock %s on %s is this run's own, since %s", l.Path, l.Host.name, since.Local().Format(time.DateTime))
		}
		return err
	}
}

// pause waits for d, or until the operator stops the farm.
func (r *rollout) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-r.farm.stop:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// me is the rollout as the holder of a lock.
func (r *rollout) me() lockfile.Holder {
	run := r.about
	return lockfile.Holder{
		Token: cmp.Or(run.Token, rand.Text()), Run: run.ID, User: run.User, Machine: run.Machine, PID: run.PID,
		Since: time.Now().Truncate(time.Second), Why: "farmrun " + strings.Join(run.Command, " "),
	}
}

// try does something with the lock in its time.
func (l *held) try(ctx context.Context, do func(context.Context, lockfile.Holder) error) error {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	return do(ctx, l.me)
}

// askLock begins to ask whether the rollout has its lock still. The answer is for
// checkLock; dropLock waits for it.
func (r *rollout) askLock(ctx context.Context) {
	if r.held != nil {
		r.held.ask(ctx)
	}
}

// checkLock fails if the rollout has not got its lock any more: somebody has
// taken it away, and may be at work. It waits for what askLock has asked last, and
// asks anew if that was long ago.
func (r *rollout) checkLock(ctx context.Context) error {
	if r.held == nil {
		return nil
	}
	if err := r.held.confirmed(ctx); err != nil {
		return fmt.Errorf("it was not touched, because the lock on %s is gone: %w", r.held.Host.name, err)
	}
	return nil
}

// ask begins to ask whether the lock is held still.
func (l *held) ask(ctx context.Context) *answer {
	a := &answer{asked: time.Now(), there: make(chan struct{})}
	l.mu.Lock()
	l.last = a
	l.mu.Unlock()
	l.asking.Go(func() {
		defer close(a.there)
		a.err = l.try(ctx, l.file().Check)
	})
	return a
}

// confirmed returns the last answer, which is of now.
func (l *held) confirmed(ctx context.Context) error {
	l.mu.Lock()
	a := l.last
	l.mu.Unlock()
	if a == nil || time.Since(a.asked) > oldest {
		a = l.ask(ctx)
	}
	select {
	case <-a.there:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// dropLock lets go of the lock, also where ctx has ended. A halted rollout lets
// go of it as well: whoever mends the farm, by resume, by a rollback, or from
// another machine, must not have to break a lock first, and a host that was left
// off the air counts against everybody's budget anyway. So a lock that is found
// with nobody behind it is one of a run that was killed.
func (r *rollout) dropLock(ctx context.Context) {
	if r.held == nil {
		return
	}
	r.held.asking.Wait()
	err := r.held.try(context.WithoutCancel(ctx), r.held.file().Drop)
	if err != nil {
		r.tell("", "the lock %s on %s was not given back: %v", r.held.Path, r.held.Host.name, err)
	}
	if err == nil || !mayHave(err) {
		r.record(r.held.record(journal.LockReleased))
	}
	r.held = nil
}
