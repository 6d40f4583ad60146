package farm

import (
	"context"
	"errors"

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

// choose asks the operator until he has decided for something other than
// TakeOver. Meanwhile the deadlines of ctx stand still.
func (f *Farm) choose(ctx context.Context, failed Failed) Choice {
	if f.config.Operator == nil || f.config.DryRun || ctx.Err() != nil {
		return Stop
	}
	defer deadline.Pause(ctx)()
	for {
		choice, err := f.config.Operator.Choose(ctx, failed)
		switch {
		case err != nil:
			return Stop
		case choice != TakeOver:
			return choice
		}
		if err := f.config.Operator.TakeOver(ctx, failed.Host); err != nil {
			f.config.Console.Note(failed.Host.name, "no session: %v", err)
		}
	}
}

// decided is why a turn failed about which the operator has decided something.
type decided struct {
	error
	choice Choice
}

func (d *decided) Unwrap() error { return d.error }

// skipped is why a turn failed that does not halt the rollout.
type skipped struct{ error }

func (s *skipped) Unwrap() []error { return []error{s.error, gate.ErrGoOn} }

// decisionOn returns what the operator has decided about a turn that failed
// because of err, asking him if he has not been asked yet.
func (f *Farm) decisionOn(ctx context.Context, h *Host, err error, choices ...Choice) Choice {
	if d, ok := errors.AsType[*decided](err); ok {
		return d.choice
	}
	return f.choose(ctx, Failed{Host: h, Err: err, Choices: choices})
}
