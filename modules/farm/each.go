package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"farmrun/modules/farm/nodeset"
)

// DefaultParallel is how many hosts Each works on at once when told nothing.
const DefaultParallel = 32

// ErrStopped is what hosts fail with that were not begun because the operator
// stopped the run.
var ErrStopped = errors.New("stopped by the operator")

// Each calls work for every host, for at most parallel of them at once (0 is
// DefaultParallel), and waits for all. That one host fails does not stop the
// others. The error is nil or an *EachError. Hosts that were not begun when
// Stop was called, or ctx ended, fail with ErrStopped or ctx's cause.
func (f *Farm) Each(ctx context.Context, hosts []*Host, parallel int, work func(ctx context.Context, h *Host) error) error {
	if err := unique(hosts); err != nil {
		return err
	}
	f.busy.Add(1)
	defer f.busy.Add(-1)
	next := make(chan int)
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	for range min(cmp.Or(parallel, DefaultParallel), len(hosts)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = f.work(ctx, hosts[i], work)
			}
		})
	}
	for i := range hosts {
		next <- i
	}
	close(next)
	wg.Wait()
	return eachError(hosts, errs)
}

func (f *Farm) work(ctx context.Context, h *Host, work func(context.Context, *Host) error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case f.stopped() && !atWork(ctx):
		return ErrStopped
	}
	h.use()
	defer h.release()
	return work(begin(ctx), h)
}

// workKey marks the context of a host's part: what is begun within it belongs
// to it, and Stop does not stop it.
type workKey struct{}

func begin(ctx context.Context) context.Context { return context.WithValue(ctx, workKey{}, true) }

func atWork(ctx context.Context) bool { return ctx.Value(workKey{}) != nil }

// Failure is a host and what was wrong with it.
type Failure struct {
	Host string
	Err  error
}

// EachError is the failure of some hosts of several.
type EachError struct {
	Failed []Failure // in the order of the hosts; never empty
	Total  int       // how many hosts there were
}

func eachError(hosts []*Host, errs []error) error {
	e := &EachError{Total: len(hosts)}
	for i, err := range errs {
		if err != nil {
			e.Failed = append(e.Failed, Failure{hosts[i].name, err})
		}
	}
	if len(e.Failed) == 0 {
		return nil
	}
	return e
}

// Error counts and names the hosts.
func (e *EachError) Error() string {
	names := make([]string, len(e.Failed))
	for i, f := range e.Failed {
		names[i] = f.Host
	}
	return fmt.Sprintf("failed on %d of %d hosts: %s", len(e.Failed), e.Total, nodeset.Fold(names))
}

// Unwrap returns one error for each host that failed.
func (e *EachError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		errs[i] = f.Err
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

// Group is hosts that failed alike.
type Group struct {
	Hosts []string
	Err   error // of the first of them
}

// Groups folds the failures that say the same but for the host's name.
func (e *EachError) Groups() []Group {
	var groups []Group
	index := map[string]int{}
	for _, f := range e.Failed {
		text := strings.ReplaceAll(f.Err.Error(), f.Host, "%h")
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
