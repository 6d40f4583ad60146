package journal

import "time"

// Clock makes times of this process those of a run's record, which go on at the
// pace of time: a machine's clock may be set back while the run is under way, or
// between the run and its resumption, and nothing shall seem to have ended before
// it began. A Clock is a value and is not changed. The zero Clock leaves times as
// they are.
type Clock struct {
	began time.Time // by the machine's clock, and how long it has been up
	shown time.Time // what that is in the record
}

// newClock returns a Clock whose times are not before last, that of the last
// record there is; zero is none.
func newClock(last time.Time) Clock {
	c := Clock{began: time.Now()}
	if c.shown = c.began; last.After(c.began) {
		c.shown = last
	}
	return c
}

// At returns what t, as time.Now returned it, is in the record.
func (c Clock) At(t time.Time) time.Time {
	if c.began.IsZero() {
		return t
	}
	return c.shown.Add(t.Sub(c.began)).In(t.Location())
}
