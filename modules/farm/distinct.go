package farm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farmrun/luahost/gate"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/fence"
)

// SameMachineError is two names for one machine: it would have two turns, side by
// side even.
type SameMachineError struct{ Names [2]string }

func (e *SameMachineError) Error() string {
	return fmt.Sprintf("%s and %s are one machine", e.Names[0], e.Names[1])
}

// Kind is luahost's word for it.
func (e *SameMachineError) Kind() string { return "refused" }

// Hint returns the advice to the operator.
func (e *SameMachineError) Hint() string {
	return "leave one of the names out: hosts = \"…!" + e.Names[1] + "\""
}

// keyed is a Conn that knows the key of its host.
type keyed interface{ HostKey() string }

// identity is how a host is told from others.
type identity struct {
	name string
	key  string // "" where the login has none
	fence.Machine
}

// same tells whether two names are of one machine. A system's start is no proof by
// itself, for containers share it, and neither is a key, for clones do. A start by the
// clock, of a system without /proc, is one of a second that other machines may share, such
// as clones after a power cut: then all else that is known has to be the same, too.
func (a identity) same(b identity) bool {
	id, start, _ := strings.Cut(a.Boot, "/")
	byClock := id == "" && strings.Contains(start, ":")
	if a.Boot != b.Boot || id == "" && !byClock { // no start is known
		return false
	}
	keys, alike := a.key != "" && b.key != "", a.Machine.Name == b.Machine.Name && a.ID == b.ID
	switch {
	case keys && a.key != b.key:
		return false
	case byClock:
		return alike && a.Machine.Name != "" && (keys || a.ID != "")
	}
	return keys || alike
}

// lookAtFenceTime is how long a host may take to log in and tell whose it is.
const lookAtFenceTime = 10 * time.Second

// distinct fails if two of the rollout's hosts are one machine, or another run owns
// one of those that are to have a turn, takes. Hosts that cannot be reached are asked
// when they have their turn. The others tell by the same login how they are. Those
// whose turns are first come last, so that they are logged in to still.
func (r *rollout) distinct(ctx context.Context, takes []string) error {
	if r.fences == nil {
		return nil
	}
	place := map[string]int{} // of those with a turn, from 1
	for i, name := range takes {
		place[name] = i + 1
	}
	var own []*fenced
	for name, h := range r.hosts {
		own = append(own, r.fences.get(name, h))
	}
	slices.SortFunc(own, func(a, b *fenced) int { return place[b.machine.name] - place[a.machine.name] })
	defer func() { r.earlyUntil = time.Now().Add(gate.DefaultRecheck) }()
	return r.fences.each(own, func(f *fenced) error {
		f.machine.use()
		defer f.machine.release()
		looking, cancel := context.WithTimeout(ctx, lookAtFenceTime)
		defer cancel()
		s, err := f.Look(looking)
		if _, ran := errors.AsType[*remote.ExitError](err); ran { // which it would in its turn
			return f.failed(err)
		}
		if err != nil {
			return nil
		}
		err = f.meet(looking, s.Machine)
		if err == nil && place[f.machine.name] > 0 {
			err = f.mustBeFree(looking, s)
		}
		if err == nil {
			r.askEarly(ctx, f.machine)
		}
		return err
	})
}

// askEarly asks how a host is, for the first look of the gate, if that comes soon.
func (r *rollout) askEarly(ctx context.Context, h *Host) {
	if answer := r.askHealth(ctx, h); ctx.Err() == nil {
		r.early.Store(h.name, answer)
	}
}

// health tells how a host is.
func (r *rollout) health(ctx context.Context, name string) error {
	if err := r.settled(ctx, name); err != nil {
		return err
	}
	if answer, is := r.early.LoadAndDelete(name); is && time.Now().Before(r.earlyUntil) {
		err, _ := answer.(error)
		return err
	}
	return r.askHealth(ctx, r.hosts[name])
}

// meet fails if the rollout has met the machine under another name.
func (f *fenced) meet(ctx context.Context, m fence.Machine) error {
	id := identity{name: f.machine.name, Machine: m}
	if a, release, err := f.machine.borrow(ctx); err == nil {
		defer release()
		if k, ok := a.conn.(keyed); ok {
			id.key = k.HostKey()
		}
	}
	if !id.same(id) { // nothing is known that tells it from others
		return nil
	}
	fs := f.fences
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for name, other := range fs.known[m.Boot] {
		if name != id.name && id.same(other) {
			return &SameMachineError{[2]string{min(name, id.name), max(name, id.name)}}
		}
	}
	if fs.known[m.Boot] == nil {
		fs.known[m.Boot] = map[string]identity{}
	}
	fs.known[m.Boot][id.name] = id
	return nil
}

// mustBeFree fails if another run owns the host. One that is known to be over has
// left its mark when it was killed: that is removed.
func (f *fenced) mustBeFree(ctx context.Context, s fence.State) error {
	if s.Owner == nil || s.Owner.Token == f.fences.me.Token {
		return nil
	}
	held := f.failed(&fence.HeldError{Owner: *s.Owner})
	if over := f.farm().config.Over; over == nil || !over(s.Owner.Run, s.Owner.Token) {
		return held
	}
	return f.farm().removeFence(ctx, f.machine, f.Fence, after(*s.Owner))
}

func (f *fenced) farm() *Farm { return f.fences.farm }
