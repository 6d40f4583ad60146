// Package deadline has deadlines that can stand still: while the operator has
// the keyboard, no wait that is waiting for him runs out.
//
//	ctx, cancel := deadline.With(ctx, 10*time.Minute, errLate)
//	defer cancel()
//	…
//	resume := deadline.Pause(ctx)	// somewhere below
//	ask()
//	resume()
package deadline

import (
	"context"
	"sync"
	"time"
)

// With returns a copy of ctx that ends after d, with cause as its
// context.Cause; its Err is then context.Canceled. Call cancel when it is not
// wanted any more. Other deadlines than those of this package go on while it
// stands still.
func With(ctx context.Context, d time.Duration, cause error) (_ context.Context, cancel context.CancelFunc) {
	outer := clockOf(ctx)
	ctx, end := context.WithCancelCause(ctx)
	c := &clock{Context: ctx, outer: outer, left: d, since: time.Now()}
	c.mu.Lock() // the timer may be faster than its assignment
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(d, func() { c.fire(end, cause) })
	return c, func() {
		c.timer.Stop()
		end(context.Canceled)
	}
}

// Pause stops the clocks of all deadlines of this package that ctx is under,
// until resume is called; resume may be called once. Those of other contexts
// go on, but for the ones that both are under.
func Pause(ctx context.Context) (resume func()) {
	innermost := clockOf(ctx)
	for c := innermost; c != nil; c = c.outer {
		c.pause()
	}
	return func() {
		for c := innermost; c != nil; c = c.outer {
			c.resume()
		}
	}
}

// Stopped tells whether somebody has stopped the clock of the innermost deadline of
// this package that ctx is under. It is false where there is none.
func Stopped(ctx context.Context) bool {
	c := clockOf(ctx)
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused > 0
}

// clock is a context with a deadline.
type clock struct {
	context.Context
	outer *clock // of the context around it; nil is none

	mu     sync.Mutex
	timer  *time.Timer
	left   time.Duration // when the clock last began to run
	since  time.Time     // when that was
	paused int           // how many want it to stand still
}

type clockKey struct{}

func clockOf(ctx context.Context) *clock {
	c, _ := ctx.Value(clockKey{}).(*clock)
	return c
}

// Value returns the clock itself for clockKey.
func (c *clock) Value(key any) any {
	if key == (clockKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// fire ends the context, unless the clock was stopped at the last moment.
func (c *clock) fire(end context.CancelCauseFunc, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused == 0 && time.Since(c.since) >= c.left {
		end(cause)
	}
}

func (c *clock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused++; c.paused == 1 {
		c.timer.Stop()
		c.left -= time.Since(c.since)
	}
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused--; c.paused == 0 {
		c.since = time.Now()
		if c.Err() == nil {
			c.timer.Reset(c.left)
		}
	}
}
