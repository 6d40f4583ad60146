package ssh

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// errImpatient is the cause of a context that patience ended.
var errImpatient = fmt.Errorf("%w: %w", ErrTimeout, os.ErrDeadlineExceeded)

// patience is the time limit of a login. It stands still while an operator is
// asked. A ConnectTimeout is for all until the keys are agreed on, as in ssh.
// Where there is none, only silence counts, up to a point: if ten thousand hosts
// are dialled at once, it is this machine that is slow and not the host.
type patience struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	most   time.Duration

	mu    sync.Mutex
	timer *time.Timer
	held  int
	wire  *wire     // whose silence counts; nil if that does not matter
	last  time.Time // when it is over even if the host talks
	quiet bool      // only silence counts
}

func newPatience(ctx context.Context, most time.Duration) *patience {
	p := &patience{most: most, quiet: most == 0}
	if p.quiet {
		p.most = defaultConnectTimeout
	}
	p.last = time.Now().Add(4 * p.most)
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(p.most, p.fire)
	return p
}

// watch makes the silence on w count.
func (p *patience) watch(w *wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		p.wire = w
	}
}

// begin starts the time for the login itself: somebody may have to find a phone.
func (p *patience) begin(most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most, p.quiet, p.wire = most, false, nil
	if p.held == 0 {
		p.timer.Reset(most)
	}
}

func (p *patience) fire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held > 0 {
		return
	}
	if p.wire != nil {
		if wait := min(p.most-p.wire.silence(), time.Until(p.last)); wait > 0 {
			p.timer.Reset(wait)
			return
		}
	}
	p.cancel(errImpatient)
}

// hold stops the clock until the function that it returns is called, which
// starts it anew and returns for how long it stood still.
func (p *patience) hold() func() time.Duration {
	began := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held++
	p.timer.Stop()
	return func() time.Duration {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.held--; p.held == 0 {
			p.last = time.Now().Add(4 * p.most)
			p.timer.Reset(p.most)
		}
		return time.Since(began)
	}
}

func (p *patience) end() {
	p.timer.Stop()
	p.cancel(context.Canceled)
}
