package farm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"farmrun/luahost"
	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
	"farmrun/modules/farm/nodeset"
)

// HaltError is a rollout that has halted, with where it has left the hosts. It
// wraps what the gate said.
type HaltError struct {
	*gate.HaltError
	Standing string // where the hosts stand, in one line
	Resume   string // the command that goes on; "" if none can
	Back     error  // why taking the hosts back has failed; nil if it has not, or was not asked for
}

// Unwrap returns the gate's error, and Back.
func (e *HaltError) Unwrap() []error {
	if e.Back == nil {
		return []error{e.HaltError}
	}
	return []error{e.HaltError, e.Back}
}

// Hint says where the hosts stand, and how to go on.
func (e *HaltError) Hint() string {
	hint := e.Standing
	if e.Back != nil {
		hint = fmt.Sprintf("they could not all be taken back (%v): %s", e.Back, hint)
	}
	if e.Resume == "" {
		return hint
	}
	return hint + "; " + e.goesOn()
}

// goesOn says how to go on, and what is to be done before.
func (e *HaltError) goesOn() string {
	halt, how := e.HaltError, e.Resume+" goes on"
	if back, ok := errors.AsType[*gate.HaltError](e.Back); ok {
		halt, how = back, e.Resume+" goes on taking them back"
	}
	said, ok := errors.AsType[*luahost.Error](halt.Err)
	_, sick := errors.AsType[*gate.BudgetError](halt.Err)
	if !sick && halt.Host == "" || ok && said.Kind == luahost.Cancelled {
		return how // nothing is broken: somebody has stopped it
	}
	return "when that is mended, " + how
}

// halted adds to the gate's error what the operator wants to know.
func (r *rollout) halted(err error) error {
	halt, ok := errors.AsType[*gate.HaltError](err)
	if !ok {
		return err
	}
	e := &HaltError{HaltError: halt}
	if back, ok := errors.AsType[*backError](err); ok {
		e.Back = back.err
	}
	r.look(func(s *journal.Rollout) {
		e.Standing = s.Standing(nodeset.Fold)
		if (len(s.Open()) > 0 || !s.Ended) && !errors.Is(err, gate.ErrHalted) {
			e.Resume = r.about.Resume
		}
	})
	return e
}

// backError is a rollout that has halted for cause, and whose hosts were then
// taken back; err is why they could not all be.
type backError struct{ cause, err error }

func (e *backError) Error() string   { return e.cause.Error() }
func (e *backError) Unwrap() []error { return []error{e.cause, e.err} }

// wantsBack tells whether a rollout that ended so has to take its hosts back:
// a turn has failed, and the operator is not in the way.
func (r *rollout) wantsBack(ctx context.Context, err error) bool {
	halt, ok := errors.AsType[*gate.HaltError](err)
	_, exit := errors.AsType[*luahost.ExitRequest](err)
	return r.Back != nil && ok && !exit && ctx.Err() == nil && !r.farm.stopped() && len(halt.Failed) > 0
}

// goBack takes all hosts of the rollout back whose turns began, the last first,
// through the same gate. Sick ones are no obstacle: going back mends them.
func (r *rollout) goBack(ctx context.Context, cause error) error {
	hosts := r.begun()
	if err := r.record(journal.Record{Kind: journal.GoingBack, Hosts: hosts}); err != nil {
		return &backError{cause, err}
	}
	r.tell("", "taking back what was begun: %s", nodeset.Fold(hosts))
	r.farm.gate.Reopen()
	defer r.farm.gate.Halt()
	cfg, log := r.config(), r.log(len(hosts))
	cfg.Mend, log.back = true, true
	err := r.pass(ctx, cfg, log, hosts, func(ctx context.Context, h *Host) error {
		return r.Back(r.part.context(ctx), h)
	})
	if err == nil {
		r.tell("", "all that was begun is as it was before")
	}
	return &backError{cause, err}
}

// begun returns the hosts whose turns began, the last of them first.
func (r *rollout) begun() (hosts []string) {
	r.look(func(s *journal.Rollout) {
		for _, name := range s.Order {
			if p := s.Hosts[name].Progress; p == journal.Done || p.Begun() {
				hosts = append(hosts, name)
			}
		}
	})
	slices.Reverse(hosts)
	return hosts
}

// but returns the names of the rollout's hosts, those watched included, that are
// not among names.
func (r *rollout) but(names []string) (others []string) {
	for name := range r.hosts {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return others
}
