package console

import (
	"context"
	"fmt"
)

// mostHeld is how much is held back for the screen, in bytes.
const mostHeld = 1 << 20

// held is what would have appeared on a screen that somebody else had.
type held struct {
	holders int
	pieces  []piece
	size    int
	dropped int // bytes of the oldest, which were too much
}

// piece is one write.
type piece struct {
	to   Stream
	text []byte
}

// Hold keeps from the screen what comes until release is called, and shows it
// then: the operator answers a question, or works in a session, and no line of
// another host shall come between. Of more than 1 MiB only the end is shown.
// What goes to files and pipes is not held back. Several may hold at once;
// release may be called once. What Live shows is taken away meanwhile.
//
// All that came before is on the screen when it returns, unless ctx is done first
// or the terminal is stopped.
func (c *Console) Hold(ctx context.Context) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = &held{}
		if c.live != nil {
			c.live.clear()
		}
	}
	c.held.holders++
	for s, q := range c.queues {
		if q != nil && c.terminal(Stream(s)) {
			q.drain(ctx, true)
		}
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held.holders--; c.held.holders == 0 {
			c.held.show(c)
			c.held = nil
			if c.live != nil {
				c.live.Redraw()
			}
		}
	}
}

// Flush waits until all that was said is written, before another program writes to the
// same place, unless ctx is done first or nobody reads it.
func (c *Console) Flush(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.queues {
		if q != nil {
			q.drain(ctx, true)
		}
	}
}

func (h *held) add(to Stream, text []byte) {
	h.pieces = append(h.pieces, piece{to, text})
	for h.size += len(text); h.size > mostHeld; {
		n := len(h.pieces[0].text)
		h.pieces[0].text = nil
		h.pieces = h.pieces[1:]
		h.size -= n
		h.dropped += n
	}
}

// show shows all that was held back, and how much was too much.
func (h *held) show(c *Console) {
	if h.dropped > 0 {
		c.send(Stderr, fmt.Appendf(nil, "farmrun: %d bytes that were said meanwhile are not shown\n", h.dropped))
	}
	for _, p := range h.pieces {
		c.send(p.to, p.text)
	}
}
