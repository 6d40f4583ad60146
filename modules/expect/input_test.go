package expect

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a Session in a bubble and who it talks with.
func pipe(t *testing.T, test func(t *testing.T, s *Session, there net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		test(t, begin(t, here, Options{}), there)
	})
}

// What is said while nobody waits is read, be it after a wait, and the end of it
// noticed.
func TestSaidBetweenWaits(t *testing.T) {
	pipe(t, func(t *testing.T, s *Session, there net.Conn) {
		go there.Write([]byte("one"))
		want(t, s, "one")
		began := time.Now()
		there.Write([]byte("two"))
		there.Close()
		if took := time.Since(began); took > restless {
			t.Errorf("it was read after %v", took)
		}
		synctest.Wait()
		if !s.Ended() {
			t.Error("the end was not noticed")
		}
		if err := s.Send(t.Context(), "x"); !errors.Is(err, ErrEnd) {
			t.Errorf("a send after the end: %v", err)
		}
		want(t, s, "two")
	})
}

// A wait that only looks sees what nobody has had the time to read.
func TestOnlyLook(t *testing.T) {
	pipe(t, func(t *testing.T, s *Session, there net.Conn) {
		go there.Write([]byte("one"))
		want(t, s, "one")
		go there.Write([]byte("two"))
		synctest.Wait()
		if _, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("two")}}); err != nil {
			t.Error(err)
		}
	})
}

// The deadline of a wait that is over neither ends the next nor the reading
// between them.
func TestDeadlineOfAnEarlierWait(t *testing.T) {
	pipe(t, func(t *testing.T, s *Session, there net.Conn) {
		soon := func(text string) {
			t.Helper()
			if _, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text(text)}, Timeout: time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		go there.Write([]byte("one"))
		soon("one")
		go func() {
			time.Sleep(5 * time.Second)
			there.Write([]byte("two"))
		}()
		want(t, s, "two")
		go there.Write([]byte("three"))
		soon("three")
		time.Sleep(5 * time.Second)
		there.Write([]byte("four"))
		soon("four")
	})
}

// counted is a stream that counts how often its deadline is set.
type counted struct {
	net.Conn
	set atomic.Int32
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.set.Add(1)
	return c.Conn.SetReadDeadline(t)
}

// A turn of a dialogue is one goroutine's: it wakes neither another to read nor
// a thread for its deadline.
func TestTurnSetsNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		stream := &counted{Conn: here}
		s := begin(t, stream, Options{})
		go func() {
			time.Sleep(time.Second) // until somebody waits, or listen would read it
			there.Write([]byte("ready"))
			for buf := make([]byte, 10); ; {
				n, err := there.Read(buf)
				if err != nil {
					return
				}
				there.Write(append([]byte("got "), buf[:n]...))
			}
		}()
		turn := func() {
			t.Helper()
			if err := s.Send(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			want(t, s, "got x")
		}
		want(t, s, "ready")
		before := stream.set.Load()
		for range 100 {
			time.Sleep(restless / 4)
			turn()
		}
		if n := stream.set.Load() - before; n > 0 {
			t.Errorf("in 100 turns it was set %d times", n)
		}
	})
}

// A host that talks without end keeps nobody from waiting, and nobody waits
// longer for it.
func TestWaitsOfOneWhoTalks(t *testing.T) {
	pipe(t, func(t *testing.T, s *Session, there net.Conn) {
		over := make(chan struct{})
		go func() {
			defer close(over)
			for {
				if _, err := there.Write([]byte(strings.Repeat("x", 2*burstBegins))); err != nil {
					return
				}
				time.Sleep(burstWait / 2)
			}
		}()
		t.Cleanup(func() { there.Close(); <-over })
		for _, idle := range []time.Duration{0, time.Minute} {
			time.Sleep(idle) // until what is read is too much
			for _, silence := range []time.Duration{0, burstWait} {
				began := time.Now()
				_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("never")}, Timeout: time.Second, Silence: silence})
				if took := time.Since(began); !errors.Is(err, ErrTimeout) || took > time.Second+burstWait {
					t.Errorf("got %v after %v", err, took)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			_, err := s.Expect(ctx, Wait{Patterns: []Pattern{Text("never")}, Timeout: time.Minute})
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > time.Second+burstWait {
				t.Errorf("got %v after %v", err, took)
			}
			cancel()
		}
	})
}

// Close ends a wait that is under way, and the wait says so.
func TestCloseEndsAWait(t *testing.T) {
	pipe(t, func(t *testing.T, s *Session, there net.Conn) {
		over := make(chan error)
		go func() {
			_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("never")}, Timeout: time.Minute})
			over <- err
		}()
		synctest.Wait()
		go s.Close()
		if err := <-over; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// busy is a stream on a machine so busy that its reader gets to something only
// when the deadline has passed.
type busy struct {
	net.Conn
	say func() // says something just before the deadline
}

func (b *busy) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && b.say != nil {
		go b.say()
		b.say = nil
		synctest.Wait()
	}
	return n, err
}

// TestSaidJustInTime has a host say something before a wait is over, and farmrun
// find the time to read it only afterwards: it is no timeout.
func TestSaidJustInTime(t *testing.T) {
	for name, w := range map[string]Wait{
		"timeout": {Timeout: time.Second},
		"silence": {Timeout: time.Minute, Silence: time.Second},
		"look":    {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				t.Cleanup(func() { there.Close() })
				stream := &busy{Conn: here}
				s := begin(t, stream, Options{})
				s.in.take()
				stream.say = func() { there.Write([]byte("ready")) }
				s.in.leave()
				w.Patterns = []Pattern{Text("ready")}
				if _, err := s.Expect(t.Context(), w); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// broken is a stream whose reader finds fault with what comes.
type broken struct{ net.Conn }

var errFault = errors.New("what it says makes no sense")

func (b broken) Read(p []byte) (int, error) {
	if n, err := b.Conn.Read(p); err == nil {
		return n, nil
	}
	return 0, errFault
}

// TestEndSaysWhy has a stream end for a reason of its own, which is no goodbye of
// the other end.
func TestEndSaysWhy(t *testing.T) {
	here, there := net.Pipe()
	s := New(broken{here}, Options{})
	defer s.Close()
	there.Close()
	_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("x")}, Timeout: time.Minute})
	if want := `the other end is gone: what it says makes no sense while waiting for "x"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, _, err := s.Await(t.Context(), nil, time.Minute); !errors.Is(err, errFault) || err == io.EOF {
		t.Errorf("got %v", err)
	}
}
