// Package liveview says in a few lines where a rollout stands, for the lower
// end of the operator's terminal: a line for each host with its state, its step
// and the time, and above them how many are done, how much of the offline
// budget is used, and what is left.
//
//	-- cutover: 2 of 5 done; budget 1 of 1 used; 2 to come; 14s, about 21s left
//	   webserv1  done                       4.2s
//	   webserv2  done                       4.1s
//	   webserv3  out         restart          3s
//	   webserv4  to come
//	   webserv5  to come
//
// Where the terminal is too low for all hosts, those at work stand there and
// those that need somebody, and of the rest how many they are.
//
// Of hosts that do something side by side (farm.each) it is one line, and that
// only when they take longer than a moment.
package liveview

import (
	"sync"
	"time"

	"farmrun/luahost/journal"
)

// View is where things stand. Its methods may be called from any goroutine. The
// zero value shows nothing until it is told of something.
type View struct {
	Title  string                      // what runs: "cutover"
	Plain  bool                        // no colours
	Folded func(hosts []string) string // writes a set of hosts short; required

	mu      sync.Mutex
	rollout *rollout // under way; nil if none is
	each    *each    // the same, outside of a rollout
}

// Record tells the view what has happened or is about to happen.
func (v *View) Record(r journal.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case r.Each > 0:
		v.noteEach(r)
	case r.Kind == journal.RolloutBegan:
		v.rollout = newRollout(r)
	case r.Kind == journal.RolloutEnded:
		v.rollout = nil
	case v.rollout != nil:
		v.rollout.note(r)
	}
}

// noteEach notes what a farm.each does. Within a rollout it is part of a turn,
// and not shown.
func (v *View) noteEach(r journal.Record) {
	switch {
	case r.Rollout > 0:
	case r.Kind == journal.EachBegan && v.each == nil:
		v.each = newEach(r)
	case v.each == nil || v.each.number != r.Each: // one within another
	case r.Kind == journal.EachEnded:
		v.each = nil
	default:
		v.each.note(r)
	}
}

// Lines returns what there is to see on a terminal of that size, in no more
// than half of its rows; nothing while nothing is under way.
func (v *View) Lines(rows, columns int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := page{view: v, now: time.Now(), rows: max(1, rows/2), columns: max(20, columns)}
	switch {
	case v.rollout != nil:
		return p.rollout(v.rollout)
	case v.each != nil && p.now.Sub(v.each.began) > aMoment:
		return p.each(v.each)
	}
	return nil
}

// aMoment is how long hosts may be at work side by side without a word.
const aMoment = 2 * time.Second
