package ssh

import (
	"context"
	"sync"
)

// crowds bounds how many logins at a time go to addresses that have dropped some:
// there is no bound until the first is dropped, and half as many with each.
type crowds struct {
	mu sync.Mutex
	at map[string]*crowd
}

type crowd struct {
	inside int
	most   int           // 0 is no bound
	left   chan struct{} // closed, and made anew, when somebody leaves
}

// enter waits for a place at addr. Whoever has it leaves, and tells whether its
// connection was dropped.
func (c *crowds) enter(ctx context.Context, addr string) (leave func(dropped bool), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[string]*crowd{}
	}
	here := c.at[addr]
	if here == nil {
		here = &crowd{left: make(chan struct{})}
		c.at[addr] = here
	}
	for here.most > 0 && here.inside >= here.most {
		left := here.left
		c.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	here.inside++
	return func(dropped bool) { c.leave(addr, here, dropped) }, nil
}

func (c *crowds) leave(addr string, here *crowd, dropped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if half := max(1, here.inside/2); dropped && (here.most == 0 || half < here.most) {
		here.most = half
	}
	here.inside--
	close(here.left)
	here.left = make(chan struct{})
	if here.inside == 0 && here.most == 0 {
		delete(c.at, addr)
	}
}
