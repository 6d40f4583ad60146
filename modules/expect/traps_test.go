package expect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	plain "github.com/google/goexpect"
)

// Each trap of goexpect has a test of two halves: that goexpect, used plainly,
// does fall into it, so that whoever changes goexpect.go knows what for it is
// as it is; and that a Session does not.

// plainly makes a goexpect of a connection. check, if not nil, is its Check.
func plainly(t *testing.T, here net.Conn, check func(), opts ...plain.Option) *plain.GExpect {
	t.Helper()
	gone := make(chan struct{})
	e, ended, err := plain.SpawnGeneric(&plain.GenOptions{
		In:    here,
		Out:   here,
		Wait:  func() error { <-gone; return nil },
		Close: here.Close,
		Check: func() bool {
			if check != nil {
				check()
			}
			return true
		},
	}, time.Minute, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); close(gone); <-ended })
	return e
}

// inBubble runs both halves of a test with a clock of their own.
func inBubble(t *testing.T, ofPlain, ofSession func(t *testing.T, here, there net.Conn)) {
	t.Helper()
	for name, half := range map[string]func(t *testing.T, here, there net.Conn){"plain": ofPlain, "session": ofSession} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				t.Cleanup(func() { there.Close() })
				half(t, here, there)
			})
		})
	}
}

func begin(t *testing.T, stream Stream, o Options) *Session {
	s := New(stream, o)
	t.Cleanup(func() { s.Close() })
	return s
}

// want waits for a text and fails the test if it does not come.
func want(t *testing.T, s *Session, text string) Match {
	t.Helper()
	m, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text(text)}, Timeout: time.Minute})
	if err != nil {
		t.Fatalf("%v; it said:\n%s", err, err.(*Error).Said)
	}
	return m
}

func TestTrapMissedWakeUp(t *testing.T) {
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		first := true
		// The check is the last thing before it sleeps: what comes now wakes nobody.
		e := plainly(t, here, func() {
			if first {
				first = false
				there.Write([]byte("ready"))
				time.Sleep(time.Millisecond) // until all else rests: the reader has it
			}
		})
		began := time.Now()
		if _, _, err := e.Expect(regexp.MustCompile("ready"), time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Second {
			t.Errorf("it took %v; it used to wait for its poll", took)
		}
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{})
		began := time.Now()
		for range 1000 {
			go there.Write([]byte("ready"))
			want(t, s, "ready")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a thousand waits for what is there took %v", took)
		}
	})
}

func TestTrapMatchEmptiesTheBuffer(t *testing.T) {
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil)
		there.Write([]byte("one two"))
		e.Expect(regexp.MustCompile("one"), time.Second)
		if _, _, err := e.Expect(regexp.MustCompile("two"), time.Second); err == nil {
			t.Error("what follows a match is still there; it used to be lost")
		}
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{})
		there.Write([]byte("one two"))
		want(t, s, "one")
		want(t, s, "two")
	})
}

func TestTrapTimeoutBeginsAnew(t *testing.T) {
	chatter := func(t *testing.T, there net.Conn, lasts time.Duration) {
		over := make(chan struct{})
		t.Cleanup(func() { there.Close(); <-over })
		defer close(over)
		for began := time.Now(); time.Since(began) < lasts; {
			if _, err := there.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil)
		go chatter(t, there, time.Minute)
		began := time.Now()
		e.Expect(regexp.MustCompile("never"), time.Second)
		if took := time.Since(began); took < time.Minute {
			t.Errorf("a wait of 1s ended after %v; it used to go on while something was said", took)
		}
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{})
		go chatter(t, there, time.Hour)
		began := time.Now()
		_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("never")}, Timeout: time.Second, Silence: 500 * time.Millisecond})
		if took := time.Since(began); !errors.Is(err, ErrTimeout) || took != time.Second {
			t.Errorf("got %v after %v, want the end after 1s", err, took)
		}
	})
}

func TestTrapTimeoutLosesText(t *testing.T) {
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil, plain.PartialMatch(true))
		there.Write([]byte("abc"))
		e.Expect(regexp.MustCompile("x"), time.Second)
		if _, _, err := e.Expect(regexp.MustCompile("abc"), time.Second); err == nil {
			t.Error("text from before a timeout is still there; it used to be lost")
		}
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{})
		there.Write([]byte("abc"))
		m, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("x")}, Timeout: time.Second})
		if !errors.Is(err, ErrTimeout) || m.Before != "abc" {
			t.Errorf("got %+v, %v", m, err)
		}
		want(t, s, "abc")
	})
}

func TestTrapEndIsNoEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil)
		there.Close()
		began := time.Now()
		e.Expect(regexp.MustCompile("x"), time.Minute)
		if took := time.Since(began); took < time.Minute {
			t.Errorf("the end of the stream was noticed after %v; it used not to be", took)
		}
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{})
		there.Close()
		began := time.Now()
		_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("x")}, Timeout: time.Minute})
		if took := time.Since(began); !errors.Is(err, ErrEnd) || took != 0 {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

func TestTrapSendToTheDead(t *testing.T) {
	var logged bytes.Buffer
	before := log.Writer()
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(before) })
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil, plain.SendTimeout(time.Minute))
		there.Close()
		began := time.Now()
		e.Send("a")
		e.Send("b")
		if took := time.Since(began); took < time.Minute {
			t.Errorf("it was told after %v that nobody is there; it used to wait", took)
		}
		synctest.Wait()
		if !strings.Contains(logged.String(), "failed") {
			t.Error("nothing was written to the global logger; it used to be")
		}
	}, func(t *testing.T, here, there net.Conn) {
		logged.Reset()
		s := begin(t, here, Options{})
		there.Close()
		synctest.Wait()
		for range 2 {
			if err := s.Send(t.Context(), "a"); !errors.Is(err, ErrEnd) {
				t.Errorf("got %v", err)
			}
		}
		if logged.Len() > 0 {
			t.Errorf("logged: %s", logged.String())
		}
	})
}

func TestSendToOneWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s := begin(t, here, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Send(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := s.Send(t.Context(), "b"); !errors.Is(err, ErrStuck) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTrapBufferGrows(t *testing.T) {
	const said, keep = 1 << 20, 10_000
	text := bytes.Repeat([]byte("0123456789abcde\n"), said/16)
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil, plain.PartialMatch(true))
		there.Write(text)
		synctest.Wait()
		if kept, _ := io.ReadAll(e); len(kept) != said {
			t.Errorf("%d bytes of %d were kept; it used to keep all", len(kept), said)
		}
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{Keep: keep})
		go func() { there.Write(text); there.Write([]byte("end")) }()
		if m := want(t, s, "end"); len(m.Before) > keep || !strings.HasSuffix(m.Before, "cde\n") {
			t.Errorf("%d bytes are kept", len(m.Before))
		}
	})
}

// A host that says much is not read on while nobody listens.
func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		begin(t, here, Options{})
		said := 0
		go func() {
			for {
				n, err := there.Write(make([]byte, 1000))
				if said += n; err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if said > DefaultKeep+2*queueLimit {
			t.Errorf("%d bytes were read", said)
		}
	})
}

func TestTrapOwnEcho(t *testing.T) {
	program := Program{Args: []string{"sh", "-c", "printf '? '; read x; echo answer: $x"}}
	t.Run("plain", func(t *testing.T) {
		terminal, err := Start(program)
		if err != nil {
			t.Fatal(err)
		}
		e, ended, err := plain.SpawnGeneric(&plain.GenOptions{
			In: terminal, Out: terminal, Wait: func() error { return nil },
			Close: terminal.Close, Check: func() bool { return true },
		}, time.Minute, plain.PartialMatch(true), plain.CheckDuration(5*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close(); <-ended })
		e.Expect(regexp.MustCompile(`\? `), time.Minute)
		terminal.Write([]byte("yes\n"))
		said, _, err := e.Expect(regexp.MustCompile("yes"), time.Minute)
		if err != nil || strings.Contains(said, "answer") {
			t.Errorf("got %q, %v; it used to match the echo", said, err)
		}
	})
	t.Run("session", func(t *testing.T) {
		terminal, err := Start(program)
		if err != nil {
			t.Fatal(err)
		}
		s := begin(t, terminal, Options{})
		want(t, s, "? ")
		if err := s.Send(t.Context(), "yes\n"); err != nil {
			t.Fatal(err)
		}
		if m := want(t, s, "yes"); m.Before != "answer: " {
			t.Errorf("before: %q", m.Before)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s := begin(t, here, Options{})
		stop := errors.New("the operator stopped the run")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		_, err := s.Expect(ctx, Wait{Patterns: []Pattern{Text("a"), Text("b")}, Timeout: time.Minute})
		if !errors.Is(err, stop) || err.Error() != `the operator stopped the run while waiting for "a" or "b"` {
			t.Errorf("got %v", err)
		}
	})
}

// TestTrapSearchesAllOfIt: goexpect copies and searches all that it has
// whenever something comes, so that what it does for a piece grows with all that
// was said before. What a Session does for one is bounded by Options.Keep.
func TestTrapSearchesAllOfIt(t *testing.T) {
	piece := bytes.Repeat([]byte("0123456789abcde\n"), readSize/16)
	// speak says pieces, each of which is looked at, and returns how much more is
	// allocated for the last hundred than for the hundred after the first.
	speak := func(there net.Conn) float64 {
		var used [4]uint64
		for n := range used {
			synctest.Wait()
			began := allocated()
			for range 100 {
				there.Write(piece)
				time.Sleep(5 * time.Second) // longer than the poll of goexpect
			}
			synctest.Wait()
			used[n] = allocated() - began
		}
		return float64(used[3]) / float64(used[1])
	}
	inBubble(t, func(t *testing.T, here, there net.Conn) {
		e := plainly(t, here, nil, plain.PartialMatch(true))
		over := make(chan struct{})
		go func() { e.Expect(regexp.MustCompile("never"), 24*time.Hour); close(over) }()
		if more := speak(there); more < 1.5 {
			t.Errorf("it does %.1f times the work later on; it used to be twice", more)
		}
		there.Write([]byte("never"))
		<-over
	}, func(t *testing.T, here, there net.Conn) {
		s := begin(t, here, Options{Keep: 16 << 10})
		never, err := Regexp("neve[rs]")
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() {
			_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{never}, Timeout: 24 * time.Hour})
			over <- err
		}()
		if more := speak(there); more > 1.2 {
			t.Errorf("it does %.1f times the work later on", more)
		}
		there.Write([]byte("never"))
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestTrapOldDependencies: goexpect asks for a grpc of 2020, which brings a
// protobuf that is kept no more. go.mod asks for newer ones, of which nothing of
// the old is left.
func TestTrapOldDependencies(t *testing.T) {
	list := func(args ...string) string {
		out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	wants, err := os.ReadFile(list("-m", "-f", "{{.GoMod}}", "github.com/google/goexpect"))
	if err != nil {
		t.Fatal(err)
	}
	old := regexp.MustCompile(`google\.golang\.org/grpc (v\S+)`).FindStringSubmatch(string(wants))
	if old == nil || old[1] != "v1.31.0" {
		t.Errorf("goexpect asks for grpc %v; it used to be v1.31.0", old)
	}
	if has := list("-m", "-f", "{{.Version}}", "google.golang.org/grpc"); old != nil && has == old[1] {
		t.Errorf("go.mod has grpc %s", has)
	}
	if deps := list("-deps", "."); strings.Contains(deps, "github.com/golang/protobuf") {
		t.Error("github.com/golang/protobuf is linked in")
	}
}
