package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"farmrun/luahost/deadline"
)

var (
	errNoReturn  = errors.New("the function ended its goroutine instead of returning")
	errStillBusy = errors.New("the health check before this one has not come back yet")
)

// askIdle asks the hosts that are due before so many turns begin, and notes who
// is unhealthy.
func (r *rollout) askIdle(ctx context.Context, begin int) {
	if r.look != nil { // a host is not asked while it is being asked
		r.noteAll(ctx, <-r.look.answers)
	}
	r.beginLook(ctx, begin)
	r.noteAll(ctx, <-r.look.answers)
}

// look is hosts that are not in a turn being asked.
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

// beginLook has the hosts asked that are due before so many turns begin. None of
// them may begin one before their answers are there.
func (r *rollout) beginLook(ctx context.Context, begin int) {
	r.emit(Event{Kind: Checking})
	r.looks++
	r.stale = false
	due := r.due(begin)
	for _, m := range due {
		m.asked = r.looks
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &look{answers: make(chan []answer, 1), cancel: cancel}
	r.look = l
	go func() {
		defer cancel()
		l.answers <- r.askAll(ctx, due)
	}()
}

// leastAsked is how many hosts are asked at least of those that are not known to
// need it.
const leastAsked = 10

// due returns the hosts that are to be asked before so many turns begin: those
// whose last answer was no or missing, those that a turn has changed and that have
// not said yes twice since, of the rest twice as many as begin, but at least
// leastAsked, those first whose last round is longest ago, and at the end those whose
// turns they would be, which keep their logins so. Of a rest of more than leastAsked
// none is asked within Config.Interval of the last look that asked some. So an answer
// that counts is never older than one such look for every ten hosts. To be asked for a
// reason of its own moves no host in the round: rounds would grow short, and some hosts
// be asked in one more of them than others.
func (r *rollout) due(begin int) []*member {
	var due, rest []*member
	next := r.pending()
	next = next[:min(begin, len(next))]
	for _, m := range r.members {
		changed := m.progress == done || m.progress == failed
		switch {
		case m.state == out, slices.Contains(next, m):
		case m.state == sick, m.asked == 0, changed && m.yes < 2:
			due = append(due, m)
		default:
			rest = append(rest, m)
		}
	}
	return slices.Concat(due, r.ofTheRest(rest, begin), next)
}

// ofTheRest returns those that are to be asked of the hosts that are not known to need
// it.
func (r *rollout) ofTheRest(rest []*member, begin int) []*member {
	if len(rest) > leastAsked && time.Since(r.roundAt) < min(r.cfg.Interval, r.cfg.Recheck) {
		return nil
	}
	r.roundAt = time.Now()
	slices.SortStableFunc(rest, func(a, b *member) int { return cmp.Compare(a.round, b.round) })
	rest = rest[:min(len(rest), max(2*begin, leastAsked))]
	for _, m := range rest {
		m.round = r.looks
	}
	return rest
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
	r.look, r.lookedAt = nil, time.Now()
	if ctx.Err() != nil { // a host that was not asked to the end is not unhealthy for it
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
		m.state, m.noes = in, 0
		m.yes++
		if was == sick {
			r.emit(Event{Kind: Well, Host: m.name})
		}
		return
	}
	m.state, m.yes = sick, 0
	if m.noes++; silent(answer) {
		m.noes = 0
	}
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
			answers[i] = answer{m, r.askAgain(ctx, m)}
			<-places
		})
	}
	wg.Wait()
	return answers
}

// askAgain asks an idle host. One that was in service and gives no answer is asked
// a second time, since a single answer may be lost.
func (r *rollout) askAgain(ctx context.Context, m *member) error {
	err := r.ask(ctx, m)
	if m.state == sick || !silent(err) {
		return err
	}
	if again := r.ask(ctx, m); !errors.Is(again, errStillBusy) {
		return again
	}
	return err
}

// silent tells whether err is that there was no answer, so that the host may well
// be healthy.
func silent(err error) bool {
	var none noAnswerError
	var bug *PanicError
	return errors.As(err, &none) || errors.As(err, &bug) || errors.Is(err, errNoReturn)
}

// ask returns nil only if Healthy said yes for m in time. It returns in time
// even if Healthy does not; m is then not asked anew until that call is back.
func (r *rollout) ask(ctx context.Context, m *member) error {
	if m.asking != nil && !isClosed(m.asking) {
		return NoAnswer(errStillBusy)
	}
	if ctx.Err() != nil {
		return NoAnswer(context.Cause(ctx))
	}
	late := timeoutError("the health check gave no answer in " + deadline.Text(r.cfg.HealthTimeout))
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.HealthTimeout, late)
	defer cancel()
	answer, back := call(func() error { return r.cfg.Healthy(ctx, m.name) })
	m.asking = back
	select {
	case err := <-answer:
		if ctx.Err() != nil {
			return NoAnswer(context.Cause(ctx)) // a late yes is none
		}
		return err
	case <-ctx.Done():
		return NoAnswer(context.Cause(ctx))
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
	if err := r.askAgain(ctx, m); err != nil {
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
