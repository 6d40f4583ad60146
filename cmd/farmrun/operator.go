package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/terminal"
	"farmrun/modules/farm"
)

// operator is who decides at the terminal what becomes of a host on which
// something has failed. He is asked about one at a time.
type operator struct {
	*world
	release func() // lets others have the terminal, which is kept for TakeOver; nil: it is not kept
}

// decider is who is asked when something fails in a rollout: nobody, if the
// operator has said yes to everything beforehand.
func (w *world) decider() farm.Operator {
	if w.flags.yes {
		return nil
	}
	return &operator{world: w}
}

// Choose shows the failure and asks how to go on. The terminal is kept for the
// session that he wants, unless that has to log in first, for which others may be asked.
func (o *operator) Choose(ctx context.Context, f farm.Failed) (farm.Choice, error) {
	options := make([]terminal.Option, len(f.Choices))
	for i, c := range f.Choices {
		options[i] = option(c, f)
	}
	kept, release, err := o.world.operator.Keep(ctx)
	if err != nil {
		return farm.Stop, err
	}
	i, err := o.world.operator.Choose(kept, o.failure(f), options)
	if err == nil && f.Choices[i] == farm.TakeOver && o.sessions.IsOpen(f.Host.Name()) {
		o.release = release
		return farm.TakeOver, nil
	}
	release()
	if err != nil {
		return farm.Stop, err
	}
	return f.Choices[i], nil
}

// option is how a choice is offered.
func option(c farm.Choice, f farm.Failed) terminal.Option {
	what, host := cmp.Or(f.Step, "the turn"), f.Host.Name()
	switch c {
	case farm.Retry:
		return terminal.Option{Key: "r", Word: "retry", Text: "retry " + what}
	case farm.TakeOver:
		return terminal.Option{Key: "t", Word: "take", Text: "take over: a session on " + host + ", and then this question again"}
	case farm.Undo:
		return terminal.Option{Key: "u", Word: "undo", Text: "undo: put " + host + " back as it was"}
	case farm.Skip:
		return terminal.Option{Key: "k", Word: "skip", Text: "skip " + host + ": leave it as it is, and go on with the next"}
	}
	return terminal.Option{Key: "s", Word: "stop", Text: "stop here: no further host is touched"}
}

// failure is what the operator is shown of a failure.
func (o *operator) failure(f farm.Failed) string {
	e := redacted(o.out, shown(f.Err))
	var b strings.Builder
	message, more, _ := strings.Cut(e.Error(), "\n")
	fmt.Fprintf(&b, "\nfarmrun: %s\n%s%s", message, console.Quoted(more), console.Quoted(strings.TrimSpace(e.Output)))
	if e.Hint != "" {
		fmt.Fprintf(&b, "farmrun: hint: %s\n", e.Hint)
	}
	b.WriteString("What now?")
	return b.String()
}

// TakeOver gives the operator a session on the host.
func (o *operator) TakeOver(ctx context.Context, h *farm.Host) error {
	if o.release != nil {
		defer o.release()
		o.release, ctx = nil, o.world.operator.Kept(ctx)
	}
	err := o.sessions.TakeOver(ctx, h, os.Getenv("TERM"), dialogues(o.world))
	if e, ok := err.(*luahost.Error); ok {
		return fmt.Errorf("%s", e.Message)
	}
	return err
}
