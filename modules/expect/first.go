package expect

import (
	"context"
	"sync"
)

// First is Expect in several sessions at once, each with a wait of its own. which is the
// session in which a pattern matched, or else whose wait failed first. All output of the
// others is for their next waits.
func First(ctx context.Context, sessions []*Session, waits []Wait) (which int, m Match, err error) {
	if len(sessions) == 1 {
		m, err = sessions[0].Expect(ctx, waits[0])
		return 0, m, err
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	type end struct {
		which int
		m     Match
		err   error
	}
	ends, one := make(chan end, len(sessions)), &race{}
	for i, s := range sessions {
		w := waits[i]
		w.race = one
		go func() {
			m, err := s.Expect(ctx, w)
			ends <- end{i, m, err}
		}()
	}
	first := <-ends
	enough()
	for range sessions[1:] {
		if other := <-ends; other.err == nil { // it has matched before it could be told
			first = other
		}
	}
	return first.which, first.m, first.err
}

// race lets one of several waits match; nil is for a wait by itself.
type race struct {
	mu  sync.Mutex
	won bool
}

func (r *race) run(find func() (Match, bool)) (m Match, ok bool) {
	if r == nil {
		return find()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.won {
		return Match{}, false
	}
	m, r.won = find()
	return m, r.won
}
