package ssh

import (
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// session is a session channel (RFC 4254, 6.1) in which nothing was started yet.
type session struct {
	ssh.Channel
	requests <-chan *ssh.Request
}

// spares has the next session opened while a command runs, so that the command
// after it begins a round trip sooner. A host has one spare at most, and none
// before its second command: of ten thousand hosts most get only one. Hosts
// that refuse a spare, since they allow few sessions, are not asked again.
type spares struct {
	mu      sync.Mutex
	runs    int // commands that got a session
	begun   int // spares that the host was asked for
	refused bool
	next    chan session // hands the spare over, or is closed where it came to nothing; nil is none
}

// placeTries is how often a host is asked that may be about to free a place.
const placeTries = 50

// openSession returns the spare, or opens a session. It takes a round trip at
// most, or two where the spare is lost. A host that opens no further session is
// asked again if it may be a spare that has taken the last place, or a command
// that has ended or, with patience, will.
func (c *Client) openSession(patient bool) (session, error) {
	var full time.Time // when nobody waits any longer for others to end
	for tries := 1; ; {
		s, begun, ok := c.spares.take()
		if ok {
			return s, nil
		}
		s, err := c.newSession()
		if err == nil || !refused(err) {
			return s, err
		}
		if full.IsZero() {
			full = time.Now().Add(c.waits.full)
		}
		switch ended := c.nextEnd(); {
		case c.spares.begunSince(begun):
		case ended == nil && tries == placeTries, ended != nil && (!patient || time.Now().After(full)):
			return session{}, err
		case ended == nil:
			tries++
			time.Sleep(c.waits.place)
		default:
			select {
			case <-ended:
				time.Sleep(c.waits.place)
			case <-time.After(10 * c.waits.place): // one may have ended just before
			}
		}
	}
}

// newSession opens a session with the environment and the agent that the
// configuration gives it. The host is not asked whether it takes them, as by ssh.
func (c *Client) newSession() (session, error) {
	ch, requests, err := c.conn.OpenChannel("session", nil)
	if err != nil {
		return session{}, err
	}
	if c.lendsAgent {
		ch.SendRequest("auth-agent-req@openssh.com", false, nil)
	}
	for _, v := range c.settings.Env {
		name, value, _ := strings.Cut(v, "=")
		ch.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{name, value}))
	}
	return session{ch, requests}, nil
}

// take returns the spare, if there is one or is about to be, and how many were
// begun so far.
func (s *spares) take() (spare session, begun int, ok bool) {
	s.mu.Lock()
	next, begun := s.next, s.begun
	s.next = nil
	s.mu.Unlock()
	if next != nil {
		spare, ok = <-next
	}
	return spare, begun, ok
}

// begunSince tells whether more than so many were begun.
func (s *spares) begunSince(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun > n
}

// prepare begins to open a spare. It does not wait.
func (c *Client) prepare() {
	s := &c.spares
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	if c.bare || s.refused || s.runs == 1 || s.next != nil {
		return
	}
	s.begun++
	s.next = make(chan session)
	go c.keepSpare(s.next)
}

// keepSpare opens a spare and answers what the host asks of it until it is
// taken: a host that hears nothing thinks that the connection is dead. It ends
// when the host closes the spare, and with the connection.
func (c *Client) keepSpare(next chan session) {
	defer close(next)
	s, err := c.newSession()
	if err != nil {
		c.spares.lost(next, refused(err))
		return
	}
	for {
		select {
		case next <- s:
			return
		case r, open := <-s.requests:
			if !open {
				s.Close()
				c.spares.lost(next, false)
				return
			}
			r.Reply(false, nil)
		}
	}
}

// lost notes that next came to nothing, and whether the host refuses spares.
func (s *spares) lost(next chan session, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == next {
		s.next = nil
	}
	s.refused = s.refused || refused
}

// refused tells whether err is the host's word that it opens no session.
func refused(err error) bool {
	var no *ssh.OpenChannelError
	return errors.As(err, &no)
}
