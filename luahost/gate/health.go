package gate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"farmrun/luahost/deadline"
)

var (
	errNoReturn  = errors.New("the function ended its goroutine instead of returning")
	errStillBusy = errors.New("the health check before this one has not come back yet")
)

// askIdle asks every host that is not in a turn whether it is healthy, and
// notes who is sick.
func (r *rollout) askIdle(ctx context.Context) {
	if r.look != nil { // a host is not asked while it is being asked
		r.noteAll(ctx, <-r.look.answers)
	}
	r.beginLook(ctx)
	r.noteAll(ctx, <-r.look.answers)
}

// look is all hosts that are not in a turn being asked.
type look struct {
	answers chan []answer
	cancel  context.CancelFunc
}

// answer is what a host said.
type answer struct {
	member *member
	err    error
}

// over returns where the answers come from; nil if nobody is asked.
func (l *look) over() <-chan []answer {
	if l == nil {
		return nil
	}
	return l.answers
}

// beginLook has the hosts asked that are not in a turn. None of them may begin
// one before their answers are there.
func (r *rollout) beginLook(ctx context.Context) {
	r.emit(Event{Kind: Checking})
	var idle []*member
	for _, m := range r.members {
		if m.state != out {
			idle = append(idle, m)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &look{answers: make(chan []answer, 1), cancel: cancel}
	r.look = l
	go func() {
		defer cancel()
		l.answers <- r.askAll(ctx, idle)
	}()
}

// endLook calls off what beginLook began.
func (r *rollout) endLook() {
	if r.look != nil {
		r.look.cancel()
		<-r.look.answers
		r.look = nil
	}
}

// noteAll keeps what the hosts answered that a look was for.
func (r *rollout) noteAll(ctx context.Context, answers []answer) {
	r.look, r.asked = nil, time.Now()
	if ctx.Err() != nil { // who was not asked to the end is not sick for it
		return
	}
	for _, a := range answers {
		r.note(a.member, a.err)
	}
}

// note keeps what an idle host answered.
func (r *rollout) note(m *member, answer error) {
	was := m.state
	m.answer = answer
	if answer == nil {
		m.state = in
		if was == sick {
			r.emit(Event{Kind: Well, Host: m.name})
		}
		return
	}
	m.state = sick
	if was != sick {
		r.emit(Event{Kind: Sick, Host: m.name, Err: answer})
	}
}

// askAll asks the members at once, as many as the Config allows, and returns
// their answers in order.
func (r *rollout) askAll(ctx context.Context, members []*member) []answer {
	answers := make([]answer, len(members))
	places := make(chan struct{}, r.cfg.HealthParallel)
	var wg sync.WaitGroup
	for i, m := range members {
		places <- struct{}{}
		wg.Go(func() {
			answers[i] = answer{m, r.ask(ctx, m)}
			<-places
		})
	}
	wg.Wait()
	return answers
}

// ask returns nil only if Healthy said yes for m in time. It returns in time
// even if Healthy does not; m is then not asked anew until that call is back.
func (r *rollout) ask(ctx context.Context, m *member) error {
	if m.asking != nil && !isClosed(m.asking) {
		return errStillBusy
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	late := timeoutError("the health check gave no answer in " + deadline.Text(r.cfg.HealthTimeout))
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.HealthTimeout, late)
	defer cancel()
	answer, back := call(func() error { return r.cfg.Healthy(ctx, m.name) })
	m.asking = back
	select {
	case err := <-answer:
		if ctx.Err() != nil {
			return context.Cause(ctx) // a late yes is none
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// verify asks a host whose turn is over until it is healthy, lets it settle,
// and asks again. It returns nil if the host may leave the budget.
func (r *rollout) verify(ctx context.Context, m *member) error {
	r.emit(Event{Kind: Verifying, Host: m.name, Wait: r.cfg.Within})
	if err := r.askUntilYes(ctx, m); err != nil {
		return notWell(ctx, err)
	}
	r.emit(Event{Kind: Healthy, Host: m.name})
	if r.cfg.Settle == 0 {
		return nil
	}
	r.emit(Event{Kind: Settling, Host: m.name, Wait: r.cfg.Settle})
	sleep(ctx, r.cfg.Settle, r.over) // where no further turn will begin, nobody waits for it
	if err := r.ask(ctx, m); err != nil {
		return notWell(ctx, fmt.Errorf("it was, but no longer after the settle time: %w", err))
	}
	return nil
}

// askUntilYes asks until Healthy has said yes as many times in a row as the
// Config wants, and returns the last answer of a host that has not within the
// time that it has.
func (r *rollout) askUntilYes(ctx context.Context, m *member) error {
	patience := time.Now().Add(r.cfg.Within)
	for yes := 0; ; {
		err := r.ask(ctx, m)
		switch {
		case err != nil && yes > 0:
			err, yes = fmt.Errorf("it said yes %d of %d times, and then: %w", yes, r.cfg.Times, err), 0
		case err == nil:
			yes++
		}
		if yes == r.cfg.Times || err != nil && time.Until(patience) < r.cfg.Interval {
			return err
		}
		if !sleep(ctx, r.cfg.Interval, nil) {
			return context.Cause(ctx)
		}
	}
}

// notWell tells a host that is sick from one of which nothing is known,
// because the rollout was called off.
func notWell(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("called off before it was known to be healthy: %w", context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w", ErrNotWell, err)
}

// call runs f on a goroutine of its own. answer gets what f returns or
// panics with; back is closed when f is over, whoever still listens.
func call(f func() error) (answer <-chan error, back <-chan struct{}) {
	c, over := make(chan error, 1), make(chan struct{})
	go func() {
		err := errNoReturn
		defer func() {
			if p := recover(); p != nil {
				err = &PanicError{Value: p, Stack: debug.Stack()}
			}
			close(over) // before the answer: who has that must find the call over
			c <- err
		}()
		err = f()
	}()
	return c, over
}

// sleep waits for d, or until enough is closed, and tells whether ctx was
// still good then.
func sleep(ctx context.Context, d time.Duration, enough <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-enough:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
