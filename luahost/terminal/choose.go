package terminal

import (
	"context"
	"fmt"
	"strings"

	"farmrun/luahost/deadline"
)

// Option is something that the operator can choose.
type Option struct {
	Key  string // what he types: a letter
	Word string // what he may type as well: "retry"
	Text string // what it means
}

// Choose shows a text and options, and asks until one of them is typed, whose
// place it returns. It fails as Ask does. Meanwhile nothing else appears on the
// screen, and the deadlines of ctx stand still (package deadline).
func (t *Terminal) Choose(ctx context.Context, text string, options []Option) (int, error) {
	defer deadline.Pause(ctx)()
	if t.Hold != nil {
		defer t.Hold(ctx)()
	}
	question := text + "\n" + menu(options) + "? "
	for {
		line, err := t.Ask(ctx, question)
		if err != nil {
			return -1, err
		}
		typed := strings.ToLower(strings.TrimSpace(line))
		for i, o := range options {
			if typed == o.Key || typed == o.Word {
				return i, nil
			}
		}
		question = text + "\n" + menu(options) + "one of the letters, please: "
	}
}

// menu lists options, a line for each.
func menu(options []Option) string {
	var b strings.Builder
	for _, o := range options {
		fmt.Fprintf(&b, "  %s  %s\n", o.Key, o.Text)
	}
	return b.String()
}
