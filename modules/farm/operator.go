package farm

import (
	"context"
	"errors"

	"farmrun/luahost"
	"farmrun/luahost/deadline"
	"farmrun/luahost/gate"
)

// Operator is asked what becomes of a host on which something has failed in a
// rollout.
type Operator interface {
	// Choose returns one of f.Choices. An error, such as that there is no
	// terminal, is as Stop.
	Choose(ctx context.Context, f Failed) (Choice, error)
	// TakeOver gives him a session on the host: one that a script has open
	// there, or else a new one.
	TakeOver(ctx context.Context, h *Host) error
}

// Failed is what an Operator has to know.
type Failed struct {
	Host    *Host
	Step    string // the step that failed; "" if it was the turn outside of a step
	Err     error
	Choices []Choice
}

// Choice is what an Operator decides.
type Choice int

// The choices. Stop is what becomes of a failure where nobody is asked.
const (
	Stop     Choice = iota // the turn fails and the rollout halts, or what else the script says
	Retry                  // the step, or outside of a step the turn, is done again
	TakeOver               // the operator gets a session on the host, and is asked again
	Undo                   // the steps of the turn are taken back
	Skip                   // the turn fails, and the rollout goes on with the next host
)

// settle has the operator decide about a failure, and tells whether what
// failed is to be done again. Otherwise it returns why the turn failed, which
// is f.Err with what he has decided.
func (f *Farm) settle(ctx context.Context, failed Failed) (err error, again bool) {
	if _, exit := errors.AsType[*luahost.ExitRequest](failed.Err); exit || len(failed.Choices) == 0 {
		return failed.Err, false
	}
	if _, known := errors.AsType[*decided](failed.Err); known {
		return failed.Err, false
	}
	if e, ok := errors.AsType[*luahost.Error](failed.Err); ok && e.Kind == luahost.Cancelled {
		return failed.Err, false // it is what he wanted
	}
	choice := f.choose(ctx, failed)
	return &decided{failed.Err, choice}, choice == Retry
}

// decided is why a turn failed, and what the operator wants to become of it.
type decided struct {
	error
	choice Choice
}

func (d *decided) Unwrap() error { return d.error }

// choose asks the operator until he has decided for something other than
// TakeOver. Meanwhile the deadlines of ctx stand still, and he is asked about no other
// host.
func (f *Farm) choose(ctx context.Context, failed Failed) Choice {
	if f.config.Operator == nil || f.config.DryRun || ctx.Err() != nil {
		return Stop
	}
	defer deadline.Pause(ctx)()
	select {
	case f.deciding <- struct{}{}:
		defer func() { <-f.deciding }()
	case <-ctx.Done():
		return Stop
	}
	for {
		choice, err := f.config.Operator.Choose(ctx, failed)
		switch {
		case err != nil:
			return Stop
		case choice != TakeOver:
			return choice
		}
		if err := f.config.Operator.TakeOver(withoutTurn(ctx), failed.Host); err != nil {
			f.config.Console.Note(failed.Host.name, "no session: %v", err)
		}
	}
}

// obey does with a host whose turn failed with cause what the operator wants,
// and returns what the turn fails with; ok is false if he has said nothing but
// Stop.
func (r *rollout) obey(ctx context.Context, h *Host, cause error) (err error, ok bool) {
	d, asked := errors.AsType[*decided](cause)
	switch {
	case asked && d.choice == Skip:
		return &skipped{cause}, true
	case asked && d.choice == Undo && r.TakeBack != nil:
		defer deadline.Pause(ctx)() // undo has a time of its own
		failed, choices := r.undo(ctx, h, cause, r.TakeBack), []Choice{Skip, Stop}
		ask := failed
		if broken, ok := errors.AsType[*undoError](failed); ok { // which is the news
			e := &luahost.Error{Kind: luahost.Failed, Host: h.name, Message: broken.Error(), Err: broken}
			if inner, ok := errors.AsType[*luahost.Error](broken); ok {
				e.Output, e.Hint = inner.Output, inner.Hint
			}
			ask, choices = e, []Choice{TakeOver, Skip, Stop}
		}
		if r.farm.choose(ctx, Failed{Host: h, Err: ask, Choices: choices}) == Skip {
			failed = &skipped{failed}
		}
		return failed, true
	}
	return cause, false
}

// undoError is why a host could not be put back.
type undoError struct{ error }

func (e *undoError) Unwrap() error { return e.error }

// skipped is why a turn failed that does not halt the rollout.
type skipped struct{ error }

func (s *skipped) Unwrap() []error { return []error{s.error, gate.ErrGoOn} }
