package ssh

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/sweep"
)

// giveUp is for a command of which it is not known whether it began: the host
// has not answered yet. If it does, the command is ended behind Run's back.
func (r *run) giveUp(why error) error {
	r.given.Store(true)
	began := time.Now()
	select {
	case <-r.opened:
		if r.failed == nil && r.began {
			return r.stop(why, began)
		}
	case <-time.After(r.client.waits.end):
	}
	go func() {
		if <-r.opened; r.ch != nil {
			go ssh.DiscardRequests(r.requests)
			signal(r.ch, ssh.SIGKILL)
			r.ch.Close()
		}
	}()
	r.stdout.Shut(0)
	r.stderr.Shut(0)
	return r.timeUp(why)
}

// timeUp makes the error of a command whose time is over.
func (r *run) timeUp(why error) *Error {
	if e, is := why.(*Error); is && e.Kind == ErrNotRun { // of prove
		if e.Said == "" {
			e.Said = r.noise()
		}
		return e
	}
	e := r.client.fail(StageRun, fmt.Errorf("ended after %v: %w", time.Since(r.asked).Round(time.Millisecond), why))
	if isDone(r.opened) && r.began && !isDone(r.begun) {
		e.Said, e.Hint = r.noise(), "the login shell has not begun the command: do its startup files wait for something?"
	}
	return e
}

// stop ends the command and all that it started, by one of two means, unless it
// has ended by itself.
//
// A second session looks for whatever belongs to the command: what is in its
// session, its group, or descends from it. It sends SIGTERM, and SIGKILL to
// what is left after grace. What belongs to root, a command run by sudo, it
// tries to end by sudo -n, which works where the user needs no password for
// that. It has to come before any signal, for a child that has a session of
// its own can be found only as long as its parent lives.
//
// Where there can be no second session, the "signal" request has to do, which
// sshd has known since OpenSSH 7.9: it reaches the process group. In the end
// closing the channel ends what writes into it.
//
// What is left then is named in the error.
func (r *run) stop(why error, began time.Time) error {
	if r.hasEnded() && r.passing.Load() == 0 {
		return r.leave()
	}
	left, sure := r.linger(began)
	signal(r.ch, ssh.SIGKILL)
	r.ch.Close()
	r.stdout.Shut(r.client.waits.writer)
	r.stderr.Shut(r.client.waits.writer)
	go ssh.DiscardRequests(r.requests)
	e := r.timeUp(why)
	if e.Left = left; left != nil {
		e.Hint = sweep.LeftHint
	} else if e.Hint != "" {
		return e
	} else if !sure {
		e.Hint = "the host is slow to end it: it may run on for a moment"
	}
	return e
}

// linger waits until the command is gone and the sweep is done, or until the
// time for both, counted from began, is over. Without a sweep it signals by
// itself. sure tells whether left is known to be all that is left.
func (r *run) linger(began time.Time) (left []Process, sure bool) {
	var kill <-chan time.Time
	waits := r.client.waits
	swept, busy := r.beginSweep()
	late := time.NewTimer(time.Until(began.Add(waits.end)))
	defer late.Stop()
	drain := sync.OnceFunc(func() { close(r.drain) })
	defer drain()
	requests, copied := r.requests, r.copied
	for requests != nil || copied != nil || swept != nil {
		select {
		case request, open := <-requests:
			if r.note(request); !open {
				requests = nil
				drain()
			}
		case <-copied:
			copied = nil
		case <-busy:
			busy = nil
			late.Reset(waits.sweep - time.Since(began))
		case s := <-swept:
			drain()
			if swept = nil; s.left != nil {
				return s.left, true
			}
			if sure = s.done; !sure {
				signal(r.ch, ssh.SIGTERM)
				kill = time.After(waits.grace)
			}
			late.Reset(max(waits.end-time.Since(began), waits.moment))
		case <-kill:
			signal(r.ch, ssh.SIGKILL)
		case <-late.C:
			return nil, sure
		}
	}
	return nil, true
}

// beginSweep starts the sweep. busy is closed when the host has begun with it.
func (r *run) beginSweep() (swept <-chan sweeping, busy <-chan struct{}) {
	s, b := make(chan sweeping, 1), make(chan struct{})
	r.client.begin(true)
	go func() {
		defer r.client.finish()
		s <- r.sweep(b)
	}()
	return s, b
}

// sweep sweeps if the process id is known. That of a command whose time was over
// when it had just begun may be on its way.
func (r *run) sweep(busy chan<- struct{}) sweeping {
	if r.client.bare {
		return sweeping{}
	}
	select {
	case <-r.begun:
	case <-r.copied:
	case <-time.After(r.client.waits.grace):
	}
	pid := r.pid.Load()
	if pid <= 1 {
		return sweeping{}
	}
	r.ending.Store(true)
	return r.client.sweep(int(pid), busy)
}

// sweeping is what became of a sweep: whether there was one, and what it could
// not end.
type sweeping struct {
	done bool
	left []Process
}

// signal sends a signal to the process group of the command (RFC 4254, 6.9).
func signal(ch ssh.Channel, name ssh.Signal) {
	ch.SendRequest("signal", false, ssh.Marshal(&struct{ Signal string }{string(name)}))
}

// sweep ends on the host whatever belongs to the command whose shell had the
// process id pid, and tells what it could not end.
func (c *Client) sweep(pid int, busy chan<- struct{}) sweeping {
	ch, err := c.openSession(false) // the command that is to end may have the only place
	if err != nil {
		return sweeping{}
	}
	go ssh.DiscardRequests(ch.requests)
	defer ch.Close()
	late := time.AfterFunc(c.waits.lost, func() { ch.Close() })
	defer late.Stop()
	o := newOpening()
	if execute(ch, o.line("exec /bin/sh -s", false)) != nil {
		return sweeping{}
	}
	close(busy)
	out := remote.NewStream(nil, 0)
	begins := func(int) {
		io.WriteString(ch, sweep.Script(pid, true))
		ch.CloseWrite()
	}
	if _, err := io.Copy(&marker{to: out, mark: o.out, found: begins}, io.LimitReader(ch, 64<<10)); err != nil {
		return sweeping{}
	}
	left, done := sweep.Parse(bytes.NewReader(out.Bytes()))
	return sweeping{done, left}
}
