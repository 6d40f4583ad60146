package farm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"farmrun/luahost/journal"
	"farmrun/luahost/remote/fence"
	"farmrun/modules/farm/lockfile"
)

// Found is a fence that a run has left on a machine.
type Found struct {
	Name string // see fence.Fence
	fence.Owner
}

// Fences returns the fences on a host, of whatever runs.
func (f *Farm) Fences(ctx context.Context, h *Host) (all []Found, err error) {
	names, err := f.fenceOn(h, h.name).List(ctx)
	for _, name := range names {
		s, err := f.fenceOn(h, name).Look(ctx)
		if err != nil {
			return nil, err
		}
		if s.Owner != nil {
			all = append(all, Found{name, *s.Owner})
		}
	}
	return all, err
}

// Clean ends the commands that dead runs have left on a host, and removes their
// fences.
func (f *Farm) Clean(ctx context.Context, h *Host, dead []string) error {
	found, err := f.Fences(ctx, h)
	if err != nil {
		return err
	}
	for _, one := range found {
		if !slices.Contains(dead, one.Run) {
			continue
		}
		if err := f.removeFence(ctx, h, f.fenceOn(h, one.Name), after(one.Owner)); err != nil {
			return err
		}
	}
	return f.fenceOn(h, h.name).Tidy(ctx)
}

func (f *Farm) fenceOn(h *Host, name string) fence.Fence {
	return fence.Fence{Runner: runner{h}, Dir: f.fenceDir(), Name: name}
}

// after is the owner of a run in an epoch that nobody has had.
func after(o fence.Owner) fence.Owner {
	o.Epoch++
	return o
}

// removeFence takes a fence over as me, and removes it.
func (f *Farm) removeFence(ctx context.Context, on *Host, of fence.Fence, me fence.Owner) error {
	_, err := of.TakeOver(ctx, me, fence.Waits{})
	if err == nil {
		err = of.Clear(ctx, me)
	}
	if err != nil {
		return &FenceError{on.name, err}
	}
	f.config.Console.Note(on.name, "the fence of run %s is removed", me.Run)
	return nil
}

// Abandon ends the commands that a run has left running, and removes its fences and
// its lock. me is the run in an epoch of its own. It goes on after a failure; the
// error has one for each host on which something is left.
func (f *Farm) Abandon(ctx context.Context, past *journal.State, me fence.Owner) error {
	fs := &fences{farm: f, me: me, all: map[fenceKey]*fenced{}, of: map[string][]*fenced{}}
	noted := map[*fenced]journal.Record{}
	var errs []error
	for _, s := range past.Rollouts {
		if _, err := (&rollout{farm: f, fences: fs}).leftOpen(s, noted); err != nil {
			errs = append(errs, err)
		}
	}
	var mu sync.Mutex
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
		}
	}
	fs.each(fs.list(), func(one *fenced) error {
		_, err := one.mustSee(ctx, noted[one])
		if err == nil {
			err = f.removeFence(ctx, one.machine, one.Fence, me)
		}
		failed(err)
		return nil
	})
	if past.Locked {
		failed(f.dropLockOf(ctx, past))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// dropLockOf takes the lock away from a run, if that has it.
func (f *Farm) dropLockOf(ctx context.Context, past *journal.State) error {
	h, err := f.machine(past.Lock.Host)
	if err != nil {
		return err
	}
	err = Lock{h, past.Lock.Name}.Break(ctx, lockfile.Holder{Token: past.Run.Token})
	if _, other := errors.AsType[*lockfile.HeldError](err); other || errors.Is(err, lockfile.ErrFree) {
		return nil
	}
	return err
}
