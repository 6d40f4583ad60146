package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/journal"
	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/modules/farm/nodeset"
)

// DefaultParallel is how many hosts Each works on at once when told nothing.
const DefaultParallel = 32

// ErrStopped is why hosts were not begun when the operator stopped the run.
var ErrStopped = errors.New("stopped by the operator")

// EachOptions says how Each goes about it. The zero value is fine.
type EachOptions struct {
	Parallel      int  // how many hosts at once; 0 is DefaultParallel
	StopOnFailure bool // begins no further host when one has failed
	// First has one host do its part before any other begins, and begins no
	// other if it fails, so that what is wrong everywhere goes wrong once.
	First bool
}

// Each calls work for every host, for several of them at once, and waits for
// all. The error is nil or an *EachError. No further host is begun once Stop
// was called, ctx has ended, work has returned a *luahost.ExitRequest, or, if
// so wanted, a host has failed.
func (f *Farm) Each(ctx context.Context, hosts []*Host, opts EachOptions, work func(ctx context.Context, h *Host) error) error {
	if err := unique(hosts); err != nil {
		return err
	}
	f.busy.Add(1)
	defer f.busy.Add(-1)
	e := &each{farm: f, opts: opts, work: work, errs: make([]error, len(hosts)), running: map[string]time.Time{}}
	f.mu.Lock()
	f.working[e] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.working, e)
	}()
	e.part = part{partOf(ctx).rollout, int(f.eachs.Add(1))}
	if err := f.record(e.part, journal.Record{Kind: journal.EachBegan, Hosts: Names(hosts)}); err != nil {
		return err
	}
	begin := 0
	if opts.First {
		e.errs[0], begin = e.do(ctx, hosts[0]), 1
		e.over.Store(e.errs[0] != nil)
	}
	e.parallel(ctx, hosts, begin)
	err := e.err(hosts)
	ended := journal.Record{Kind: journal.EachEnded}
	if err != nil {
		ended.Error, ended.Said = err.Error(), remote.SaidBy(err)
	}
	f.record(e.part, ended)
	return err
}

// parallel has the hosts from the given one on do their parts, and waits.
func (e *each) parallel(ctx context.Context, hosts []*Host, begin int) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(cmp.Or(e.opts.Parallel, DefaultParallel), len(hosts)) {
		wg.Go(func() {
			for i := range next {
				e.errs[i] = e.do(ctx, hosts[i])
			}
		})
	}
	for i := begin; i < len(hosts); i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// each is one Each under way.
type each struct {
	farm *Farm
	part part
	opts EachOptions
	work func(context.Context, *Host) error
	errs []error     // of each host, in their order
	over atomic.Bool // because of a host that failed

	mu      sync.Mutex           // guards the rest
	running map[string]time.Time // the hosts at work, and since when
	done    int                  // how many have been, those that failed included
	failed  int
}

// count notes that a host begins, or has ended with err.
func (e *each) count(h *Host, begins bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if begins {
		e.running[h.name] = time.Now()
		return
	}
	delete(e.running, h.name)
	e.done++
	if err != nil {
		e.failed++
	}
}

// standing says how far it is.
func (e *each) standing() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := fmt.Sprintf("%d running", len(e.running))
	if len(e.running) > 0 {
		var longest time.Duration
		for _, began := range e.running {
			longest = max(longest, time.Since(began))
		}
		text += fmt.Sprintf(" (%s), for up to %v", nodeset.Fold(slices.Sorted(maps.Keys(e.running))), longest.Round(time.Second))
	}
	return fmt.Sprintf("%d done, %s, %d failed, %d not begun", e.done-e.failed, text, e.failed, len(e.errs)-len(e.running)-e.done)
}

// do does one host's part, or returns a *notBegun.
func (e *each) do(ctx context.Context, h *Host) error {
	switch {
	case ctx.Err() != nil:
		return &notBegun{context.Cause(ctx)}
	case e.farm.stopped() && !atWork(ctx):
		return &notBegun{ErrStopped}
	case e.over.Load():
		return &notBegun{}
	}
	h.use()
	defer h.release()
	err := e.perform(ctx, h)
	if _, exit := errors.AsType[*luahost.ExitRequest](err); exit || err != nil && e.opts.StopOnFailure {
		e.over.Store(true)
	}
	return err
}

// perform does one host's part between its records.
func (e *each) perform(ctx context.Context, h *Host) error {
	began := time.Now()
	err := e.farm.record(e.part, journal.Record{Kind: journal.PartBegan, Time: began, Host: h.name})
	if err != nil {
		return err
	}
	e.count(h, true, nil)
	err = e.work(e.part.context(ctx), h)
	e.count(h, false, err)
	r := journal.Record{Kind: journal.PartEnded, Host: h.name, Seconds: seconds(time.Since(began))}
	e.farm.record(e.part, failed(r, err))
	return err
}

// notBegun is a host that was left alone, and why; a nil Err is because
// another had failed.
type notBegun struct{ Err error }

func (e *notBegun) Error() string { return "not begun" }

// Failure is a host and what was wrong with it.
type Failure struct {
	Host string
	Err  error
}

// EachError is that not all hosts of several did their part.
type EachError struct {
	Failed []Failure // in the order of the hosts
	Left   []string  // not begun
	Why    error     // why they were not: ErrStopped, the context's cause, or nil if because of a failure
	Total  int       // how many hosts there were
}

// err returns an *EachError unless every host did its part.
func (e *each) err(hosts []*Host) error {
	all := &EachError{Total: len(hosts)}
	for i, err := range e.errs {
		left, isLeft := err.(*notBegun)
		switch {
		case isLeft:
			all.Left, all.Why = append(all.Left, hosts[i].name), left.Err
		case err != nil:
			all.Failed = append(all.Failed, Failure{hosts[i].name, err})
		}
	}
	if len(all.Failed)+len(all.Left) == 0 {
		return nil
	}
	return all
}

// Error counts and names the hosts.
func (e *EachError) Error() string {
	var parts []string
	if len(e.Failed) > 0 {
		names := make([]string, len(e.Failed))
		for i, f := range e.Failed {
			names[i] = f.Host
		}
		parts = append(parts, fmt.Sprintf("failed on %d of %d hosts: %s", len(e.Failed), e.Total, nodeset.Fold(names)))
	}
	if e.Why != nil {
		parts = append(parts, e.Why.Error())
	}
	if len(e.Left) > 0 {
		parts = append(parts, fmt.Sprintf("%d not begun: %s", len(e.Left), nodeset.Fold(e.Left)))
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns one error for each host that failed, and Why.
func (e *EachError) Unwrap() []error {
	var errs []error
	for _, f := range e.Failed {
		errs = append(errs, f.Err)
	}
	if e.Why != nil {
		errs = append(errs, e.Why)
	}
	return errs
}

// Failures returns the errors by the hosts' names.
func (e *EachError) Failures() map[string]error {
	m := make(map[string]error, len(e.Failed))
	for _, f := range e.Failed {
		m[f.Host] = f.Err
	}
	return m
}

// only returns the failure of the only host there was.
func (e *EachError) only() (failure *luahost.Error, ok bool) {
	if e.Total == 1 && len(e.Failed) == 1 {
		ok = errors.As(e.Failed[0].Err, &failure)
	}
	return failure, ok
}

// Group is hosts that failed alike.
type Group struct {
	Hosts []string
	Err   error // of the first of them
}

// howLong matches times in a failure, which are never quite the same.
var howLong = lazyregexp.New(`\b\d+(\.\d+)?(ms|s|m)\b`)

// Groups folds the failures that say the same but for the host's name and
// how long something took.
func (e *EachError) Groups() []Group {
	var groups []Group
	index := map[string]int{}
	for _, f := range e.Failed {
		text := howLong().ReplaceAllString(strings.ReplaceAll(f.Err.Error(), f.Host, "%h"), "%t")
		i, seen := index[text]
		if !seen {
			i = len(groups)
			index[text] = i
			groups = append(groups, Group{Err: f.Err})
		}
		groups[i].Hosts = append(groups[i].Hosts, f.Host)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return len(b.Hosts) - len(a.Hosts) })
	return groups
}
