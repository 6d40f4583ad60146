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
// something has failed.
type operator struct{ *world }

// decider is who is asked when something fails in a rollout: nobody, if the
// operator has said yes to everything beforehand.
func (w *world) decider() farm.Operator {
	if w.flags.yes {
		return nil
	}
	return operator{w}
}

// Choose shows what has failed and asks what to do about it.
func (o operator) Choose(ctx context.Context, f farm.Failed) (farm.Choice, error) {
	options := make([]terminal.Option, len(f.Choices))
	for i, c := range f.Choices {
		options[i] = option(c, f)
	}
	text := string(console.Printable([]byte(o.failure(f))))
	i, err := o.world.operator.Choose(ctx, text, options)
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
func (o operator) failure(f farm.Failed) string {
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
func (o operator) TakeOver(ctx context.Context, h *farm.Host) error {
	err := o.sessions.TakeOver(ctx, h, os.Getenv("TERM"), dialogues(o.world))
	if e, ok := err.(*luahost.Error); ok {
		return fmt.Errorf("%s", e.Message)
	}
	return err
}
