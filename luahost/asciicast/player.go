package asciicast

import (
	"context"
	"errors"
	"io"
	"time"
)

// Player replays recordings. The zero value replays into nothing, at the pace
// at which it was recorded.
type Player struct {
	To io.Writer // is sent what the terminal was sent; nil discards
	// Speed is how many times as fast as it was; 0 is 1.
	Speed float64
	// Idle is the longest pause; 0 is the recording's own, if it has one.
	Idle time.Duration
	// Untimed leaves out all pauses.
	Untimed bool
	// Paused stops the replay when it gets something, until it gets something
	// again; nil never does.
	Paused <-chan struct{}
}

// Play replays a recording to its end. It fails when ctx is done, with
// context.Cause(ctx), and where the recording cannot be read or its text not
// be written.
func (p Player) Play(ctx context.Context, r *Reader) error {
	var last time.Duration
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.wait(ctx, p.pause(r, e.At-last)); err != nil {
			return err
		}
		last = max(last, e.At)
		if e.Kind == Output && p.To != nil {
			if _, err := io.WriteString(p.To, e.Text); err != nil {
				return err
			}
		}
	}
}

// pause returns how long to wait where the recording has a pause.
func (p Player) pause(r *Reader, d time.Duration) time.Duration {
	if p.Untimed {
		return 0
	}
	longest := p.Idle
	if longest == 0 {
		longest = r.Header.Idle
	}
	if longest > 0 {
		d = min(d, longest)
	}
	if p.Speed > 0 {
		d = time.Duration(float64(d) / p.Speed)
	}
	return d
}

func (p Player) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.Paused:
			select {
			case <-p.Paused:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}
