package ssh

import (
	"cmp"
	"time"

	"farmrun/luahost/remote"
)

// waits are for how long something is waited for that may never come. They bound
// how long a caller waits; the host is asked where there is a fact to be had.
type waits struct {
	// When the time of a command is over, it has grace to end by itself after
	// SIGTERM. Run returns after end, whatever the host does. Only if the host is
	// busy with the sweep, Run waits until sweep for its result; the sweep goes on
	// behind its back until lost.
	grace, end, sweep, lost time.Duration
	// moment is how long after that the host's word may take that the command has
	// ended.
	moment time.Duration
	// writer is remote.WriterWithin, for the caller's.
	writer time.Duration
	// held is how long after the end of a command its output is waited for, which
	// something that it started may hold open for ever.
	held time.Duration
	// doubt is how long a command may take to begin before it is found out what may
	// keep it from that, and afterwards, if the startup files read input.
	doubt time.Duration
	// login is how long a login may take once the keys are agreed on: sshd's own
	// LoginGraceTime.
	login time.Duration
	// load are the pauses, on average, before a host is tried again that may have
	// too many logins at once.
	load []time.Duration
	// close is how long Close waits for commands to end.
	close time.Duration
	// words is how long a ProxyCommand that has closed its output may take to say why.
	words time.Duration
	// place lies between two tries to open a session on a host that may be about
	// to free the place of one that it has closed: sshd does so a moment later, and
	// does not say when.
	place time.Duration
	// full is how long a command waits for a place on a host where others have all of
	// them.
	full time.Duration
}

// withDefaults returns w with a default for each time that is 0.
func (w waits) withDefaults() waits {
	if w.load == nil {
		w.load = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}
	}
	return waits{
		load:   w.load,
		grace:  cmp.Or(w.grace, 150*time.Millisecond),
		end:    cmp.Or(w.end, 400*time.Millisecond),
		sweep:  cmp.Or(w.sweep, 3*time.Second),
		lost:   cmp.Or(w.lost, 5*time.Second),
		moment: cmp.Or(w.moment, 50*time.Millisecond),
		writer: cmp.Or(w.writer, remote.WriterWithin),
		held:   cmp.Or(w.held, 5*time.Second),
		doubt:  cmp.Or(w.doubt, time.Second),
		login:  cmp.Or(w.login, 2*time.Minute),
		close:  cmp.Or(w.close, 2*time.Second),
		words:  cmp.Or(w.words, 2*time.Second),
		place:  cmp.Or(w.place, 20*time.Millisecond),
		full:   cmp.Or(w.full, 30*time.Second),
	}
}
