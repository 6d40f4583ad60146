package login

import (
	"context"
	"sync"

	"farmrun/luahost/remote"
)

// Terminal returns a terminal of the caller's own, with the shell's prompt as the
// first that is to be read: that of Dial, if nobody has had it yet, or else it
// logs in once more. What the login leads to need be no shell. The caller closes
// it.
func (c *Client) Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	a, err := c.arrive(ctx, o)
	if err != nil {
		return nil, err
	}
	return &prompted{Terminal: a.terminal, prompt: []byte(a.prompt)}, nil
}

// arrive returns a terminal where nothing was typed since the dialogue.
func (c *Client) arrive(ctx context.Context, o remote.TerminalOptions) (arrival, error) {
	usual, o := remote.TerminalOptions{}.WithDefaults(), o.WithDefaults()
	if o.Term != usual.Term {
		return c.options.logIn(ctx, o)
	}
	c.mu.Lock()
	first := c.first
	c.first = nil
	c.mu.Unlock()
	if first == nil || isClosed(c.done) {
		return c.options.logIn(ctx, o)
	}
	a := first.take()
	if o == usual {
		return a, nil
	}
	return a, a.terminal.Resize(o.Rows, o.Columns)
}

// kept is a terminal where a dialogue has come to a shell, until somebody wants
// it; meanwhile watch runs.
type kept struct {
	arrival
	lent *lent
	over chan struct{} // closed when nobody reads any more
}

// watch reads what the host says until somebody wants the terminal. lost is told
// when it ends before.
func (k *kept) watch(lost func(error)) {
	defer close(k.over)
	buf := make([]byte, 1<<10)
	for {
		n, err := k.lent.Read(buf)
		if len(k.prompt) < mostSaid {
			k.prompt += string(buf[:n])
		}
		if err == nil {
			continue
		}
		if !k.lent.isBack() {
			lost(errEnded)
		}
		return
	}
}

// take returns the terminal, with what was said meanwhile.
func (k *kept) take() arrival {
	k.lent.Close()
	<-k.over
	return k.arrival
}

// prompted is a terminal at which a prompt is shown already.
type prompted struct {
	remote.Terminal
	mu     sync.Mutex
	prompt []byte
}

// Unwrap is for remote.TerminalAs.
func (p *prompted) Unwrap() remote.Terminal { return p.Terminal }

func (p *prompted) Read(buf []byte) (int, error) {
	p.mu.Lock()
	n := copy(buf, p.prompt)
	p.prompt = p.prompt[n:]
	p.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	return p.Terminal.Read(buf)
}
