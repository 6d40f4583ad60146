package farm

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/deadline"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/modules/farm/lockfile"
)

// Lock is where the lock lies that a rollout holds: one rollout at a time works
// on a farm whose operators have agreed on it. The zero value is no lock. A run
// that has to look around, or to prepare something, before it can begin its
// rollout keeps the lock from then on (Keep).
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
	hint := "farmrun --lock-wait 10m … waits for it; farmrun unlock takes it away from who is gone"
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
	if err := r.host.needShell("a lock"); err != nil {
		return remote.Result{}, err
	}
	a, release, err := r.host.borrow(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	defer release()
	cmd.NeedStderr = true
	return lent{r.host, a}.Run(ctx, cmd)
}

const (
	lockEvery = 2 * time.Second // how often a lock is tried that another has
	lockTime  = time.Minute     // for one look at it; the login may take half of that to find that there is none
)

// held is a lock that this run has.
type held struct {
	Lock
	farm *Farm
	part part // that it was taken for
	me   lockfile.Holder

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

// Keep takes a lock, as a rollout does, until the Closer that it returns is
// closed. Meanwhile the rollouts that are to hold that lock use this one. A run
// keeps one lock at a time. The zero Lock is none, and a dry run takes none.
func (f *Farm) Keep(ctx context.Context, l Lock) (io.Closer, error) {
	k := &kept{farm: f}
	f.mu.Lock()
	busy := f.kept != nil
	if !busy {
		f.kept = k
	}
	f.mu.Unlock()
	if busy {
		return nil, errKept
	}
	f.busy.Add(1) // while it waits
	defer f.busy.Add(-1)
	var err error
	if k.held, err = f.take(ctx, l, part{}); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

var errKept = errors.New("this run keeps the lock already")

// kept is a lock that the run has for all its rollouts.
type kept struct {
	farm *Farm
	held *held // nil if there is no lock to be had
	once sync.Once
}

// Close lets go of the lock. Further calls do nothing.
func (k *kept) Close() error {
	k.once.Do(func() {
		k.held.drop(context.Background())
		k.farm.mu.Lock()
		defer k.farm.mu.Unlock()
		k.farm.kept = nil
	})
	return nil
}

// keeps returns the lock l if the run keeps it, or else nil.
func (f *Farm) keeps(l Lock) *held {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil || f.kept.held == nil || f.kept.held.Lock != l {
		return nil
	}
	return f.kept.held
}

// takeLock takes the rollout's lock and keeps it until dropLock.
func (r *rollout) takeLock(ctx context.Context) (err error) {
	if r.held = r.farm.keeps(r.Lock); r.held == nil {
		r.held, err = r.farm.take(ctx, r.Lock, r.part)
	}
	return err
}

// dropLock lets go of the rollout's lock, unless it is one that the run keeps.
func (r *rollout) dropLock(ctx context.Context) {
	if r.held != nil && r.held == r.farm.keeps(r.Lock) {
		r.held.asking.Wait()
	} else {
		r.held.drop(ctx)
	}
	r.held = nil
}

// take takes a lock. It waits for one that another has as long as the Config
// says. nil is no lock.
func (f *Farm) take(ctx context.Context, l Lock, p part) (*held, error) {
	if l.Path == "" || f.config.DryRun {
		return nil, nil
	}
	h := &held{Lock: l, farm: f, part: p, me: lockfile.Holder{Token: rand.Text()}}
	if f.config.About != nil {
		about, err := f.config.About()
		if err != nil {
			return nil, err
		}
		h.me = holder(about)
	}
	if err := h.record(journal.LockTaken); err != nil {
		return nil, err
	}
	err := h.wait(ctx)
	if err == nil {
		return h, nil
	}
	if !mayHave(err) {
		h.record(journal.LockReleased)
	}
	return nil, err
}

// holder is a run as the holder of a lock.
func holder(run About) lockfile.Holder {
	return lockfile.Holder{
		Token: cmp.Or(run.Token, rand.Text()), Run: run.ID, User: run.User, Machine: run.Machine, PID: run.PID,
		Why: "farmrun " + strings.Join(run.Command, " "),
	}
}

// mayHave tells whether the rollout may have its lock although an attempt to take
// or to drop it failed so: the line was cut, perhaps. A run that may is one to be
// resumed, which puts that right.
func mayHave(err error) bool {
	_, another := errors.AsType[*lockfile.HeldError](err)
	return !another && !errors.Is(err, lockfile.ErrFree) && !errors.Is(err, ErrStopped)
}

// record has the journal say something of the lock.
func (l *held) record(kind journal.Kind) error {
	return l.farm.record(l.part, journal.Record{Kind: kind, Host: l.Host.name, Name: l.Path})
}

// tell tells the operator something about the lock.
func (l *held) tell(format string, args ...any) {
	l.farm.config.Console.Note("", "farmrun: "+format, args...)
}

// wait takes the lock as soon as nobody else has it.
func (l *held) wait(ctx context.Context) error {
	until := time.Now().Add(l.farm.config.LockWait)
	for told := false; ; told = true {
		l.me.Since = time.Now().Truncate(time.Second)
		err := l.try(ctx, l.take)
		other, isHeld := errors.AsType[*lockfile.HeldError](err)
		if err == nil {
			return nil
		}
		if !isHeld {
			return fmt.Errorf("the lock on %s: %w", l.Host.name, err)
		}
		err = &LockedError{l.Host.name, l.Path, other}
		if l.farm.stopped() || time.Until(until) <= 0 {
			return err
		}
		if !told {
			l.tell("waiting up to %s: %v", deadline.Text(l.farm.config.LockWait), err)
		}
		if err := l.farm.pause(ctx, min(lockEvery, time.Until(until))); err != nil {
			return err
		}
	}
}

// take takes the lock, and tells the operator when it was there already: the
// run was killed while it had it.
func (l *held) take(ctx context.Context, me lockfile.Holder) error {
	since, err := l.file().Take(ctx, me)
	if err == nil && !since.IsZero() {
		l.tell("the lock %s on %s is this run's own, since %s", l.Path, l.Host.name, since.Local().Format(time.DateTime))
	}
	return err
}

// pause waits for d, or until the operator stops the farm.
func (f *Farm) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-f.stop:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
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

// drop lets go of the lock, also where ctx has ended. A halted rollout lets go of
// it as well: whoever mends the farm, by resume, by a rollback, or from another
// machine, must not have to break a lock first, and a host that was left off the
// air counts against everybody's budget anyway. So a lock that is found with
// nobody behind it is one of a run that was killed. nil is no lock.
func (l *held) drop(ctx context.Context) {
	if l == nil {
		return
	}
	l.asking.Wait()
	err := l.try(context.WithoutCancel(ctx), l.file().Drop)
	if err != nil {
		l.tell("the lock %s on %s was not given back: %v", l.Path, l.Host.name, err)
	}
	if err == nil || !mayHave(err) {
		l.record(journal.LockReleased)
	}
}
