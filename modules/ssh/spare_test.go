package ssh

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest/memnet"
)

// sessionHost is a host that runs every command at once and well. Its sessions
// are counted from 1.
type sessionHost struct {
	told   chan string                         // hears what the host was asked: "open 1", "exec 1"
	opens  func(n int, nc ssh.NewChannel) bool // deals with a session that is wanted, or returns true
	opened func(n int, ch ssh.Channel)         // is called for each session that is open
	runs   func(n int)                         // is what the command in a session does

	ever int // sessions that were wanted
}

func newSessionHost() *sessionHost {
	return &sessionHost{
		told:   make(chan string, 100),
		opens:  func(int, ssh.NewChannel) bool { return true },
		opened: func(int, ssh.Channel) {},
		runs:   func(int) {},
	}
}

// dial returns a login on it.
func (h *sessionHost) dial(t *testing.T) *Client {
	t.Helper()
	ours, theirs := memnet.Pipe(nil, nil)
	w := newWire(ours)
	m, _ := pairOver(t, w, theirs, h.open)
	c := newClient(&login{dialer: &Dialer{}, settings: &Settings{Host: "h"}}, m, w)
	t.Cleanup(func() { c.Close() })
	return c
}

func (h *sessionHost) open(nc ssh.NewChannel) {
	h.ever++
	n := h.ever
	h.told <- fmt.Sprint("open ", n)
	if !h.opens(n, nc) {
		return
	}
	ch, requests, err := nc.Accept()
	if err != nil {
		return
	}
	h.opened(n, ch)
	go h.serve(n, ch, requests)
}

func (h *sessionHost) serve(n int, ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close()
	for r := range requests {
		r.Reply(true, nil)
		if r.Type == "exec" {
			h.told <- fmt.Sprint("exec ", n)
			begun, _, _ := strings.Cut(string(r.Payload[bytes.Index(r.Payload, []byte(";echo "))+6:]), "$$")
			fmt.Fprintf(ch, "%s2\n", begun)
			h.runs(n)
			ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
			ch.Close()
		}
	}
}

// hear waits until the host was asked all of that, in whatever order.
func (h *sessionHost) hear(t *testing.T, want ...string) {
	t.Helper()
	late := time.After(10 * time.Second) // in virtual time: nothing goes on any more
	for left := want; len(left) > 0; {
		select {
		case got := <-h.told:
			i := slices.Index(left, got)
			if i < 0 {
				t.Fatalf("the host was asked %q, want %q", got, left)
			}
			left = slices.Delete(slices.Clone(left), i, i+1)
		case <-late:
			t.Fatalf("the host was not asked %q", left)
		}
	}
}

func runWell(t *testing.T, c *Client) {
	t.Helper()
	if r, err := c.Run(context.Background(), remote.Cmd{Line: "true"}); err != nil || r.Code != 0 {
		t.Errorf("it ended with %d, %v", r.Code, err)
	}
}

// TestSpare has commands find their session open from the third on.
func TestSpare(t *testing.T) { synctest.Test(t, testSpare) }

func testSpare(t *testing.T) {
	h := newSessionHost()
	c := h.dial(t)
	runWell(t, c)
	h.hear(t, "open 1", "exec 1")
	runWell(t, c)
	h.hear(t, "open 2", "exec 2", "open 3")
	runWell(t, c)
	h.hear(t, "exec 3", "open 4")
	term, err := c.Terminal(context.Background(), remote.TerminalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	term.Close()
	runWell(t, c)
	h.hear(t, "open 5", "exec 5", "open 6")
}

// TestSpareIsAnswered has the host ask whether its client lives, on the spare.
func TestSpareIsAnswered(t *testing.T) { synctest.Test(t, testSpareIsAnswered) }

func testSpareIsAnswered(t *testing.T) {
	h, answered := newSessionHost(), make(chan error, 1)
	h.opened = func(n int, ch ssh.Channel) {
		if n == 3 {
			go func() {
				_, err := ch.SendRequest("keepalive@openssh.com", true, nil)
				answered <- err
			}()
		}
	}
	c := h.dial(t)
	runWell(t, c)
	runWell(t, c)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// TestSpareIsLost has the host close the spare; the next command gets another
// session.
func TestSpareIsLost(t *testing.T) { synctest.Test(t, testSpareIsLost) }

func testSpareIsLost(t *testing.T) {
	h := newSessionHost()
	h.opened = func(n int, ch ssh.Channel) {
		if n == 3 {
			ch.Close()
		}
	}
	c := h.dial(t)
	runWell(t, c)
	runWell(t, c)
	h.hear(t, "open 1", "exec 1", "open 2", "exec 2", "open 3")
	if synctest.Wait(); c.spares.there() {
		t.Fatal("it is not noticed")
	}
	runWell(t, c)
	h.hear(t, "open 4", "exec 4", "open 5")
}

// there tells whether there is a spare, or is about to be.
func (s *spares) there() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next != nil
}

// TestSpareIsRefused is a host that opens one session at a time. It is asked for
// a spare once.
func TestSpareIsRefused(t *testing.T) { synctest.Test(t, testSpareIsRefused) }

func testSpareIsRefused(t *testing.T) {
	h, refused := newSessionHost(), make(chan struct{})
	h.opens = func(n int, nc ssh.NewChannel) bool {
		if n == 3 {
			nc.Reject(ssh.ResourceShortage, "no more sessions")
			close(refused)
		}
		return n != 3
	}
	h.runs = func(n int) {
		if n == 2 {
			<-refused
		}
	}
	c := h.dial(t)
	for range 4 {
		runWell(t, c)
	}
	h.hear(t, "open 1", "exec 1", "open 2", "exec 2", "open 3", "open 4", "exec 4", "open 5", "exec 5")
}

// TestSpareTakesNobodysPlace has a host refuse a command its session because the
// spare that another has had opened took the last one.
func TestSpareTakesNobodysPlace(t *testing.T) { synctest.Test(t, testSpareTakesNobodysPlace) }

func testSpareTakesNobodysPlace(t *testing.T) {
	h, spare := newSessionHost(), make(chan struct{})
	h.opens = func(n int, nc ssh.NewChannel) bool {
		if n == 2 {
			go func() {
				<-spare
				nc.Reject(ssh.ResourceShortage, "no more sessions")
			}()
		}
		return n != 2
	}
	h.opened = func(n int, _ ssh.Channel) {
		if n == 4 {
			close(spare)
		}
	}
	c := h.dial(t)
	runWell(t, c)
	h.hear(t, "open 1", "exec 1")
	var other sync.WaitGroup
	other.Go(func() { runWell(t, c) })
	h.hear(t, "open 2")
	runWell(t, c)
	other.Wait()
	h.hear(t, "open 3", "exec 3", "open 4", "exec 4", "open 5")
}

// TestPlaceIsFreedLate has a host refuse sessions until it has freed the place of
// the one before, which takes it a while, or for ever.
func TestPlaceIsFreedLate(t *testing.T) {
	for _, refusals := range []int{placeTries - 1, placeTries} {
		synctest.Test(t, func(t *testing.T) {
			h := newSessionHost()
			h.opens = func(n int, nc ssh.NewChannel) bool {
				late := n > 1 && n <= 1+refusals
				if late {
					nc.Reject(ssh.ResourceShortage, "no more sessions")
				}
				return !late
			}
			c := h.dial(t)
			runWell(t, c)
			_, err := c.Run(t.Context(), remote.Cmd{Line: "true"})
			if never := refusals == placeTries; (err != nil) != never {
				t.Errorf("after %d refusals: %v", refusals, err)
			}
		})
	}
}
