package login

import (
	"context"
	"sync"

	"farmrun/luahost/remote"
)

// Terminal logs in once more, on a terminal of the caller's own, and returns
// that with the shell's prompt as the first that is to be read. The caller
// closes it.
func (c *Client) Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	a, err := c.options.logIn(ctx, o)
	if err != nil {
		return nil, err
	}
	return &prompted{Terminal: a.terminal, prompt: []byte(a.prompt)}, nil
}

// prompted is a terminal at which a prompt is shown already.
type prompted struct {
	remote.Terminal
	mu     sync.Mutex
	prompt []byte
}

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
