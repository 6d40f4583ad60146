package expect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// desk is an operator at a screen. He types by type.
type desk struct {
	net.Conn // the keys
	fingers  net.Conn
	resized  chan os.Signal

	mu   sync.Mutex
	seen strings.Builder
	size [2]int
}

func newDesk(t *testing.T) *desk {
	keys, fingers := net.Pipe()
	t.Cleanup(func() { keys.Close(); fingers.Close() })
	return &desk{Conn: keys, fingers: fingers, resized: make(chan os.Signal, 1), size: [2]int{50, 132}}
}

func (d *desk) typing(keys string) { d.fingers.Write([]byte(keys)) }

func (d *desk) Write(text []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.Write(text)
}

func (d *desk) sees() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.String()
}

func (d *desk) Size() (rows, columns int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size[0], d.size[1]
}

func (d *desk) Resized() <-chan os.Signal { return d.resized }

func (d *desk) Restore() { d.Write([]byte("(restored)")) }

// wire is a host at the other end of a net.Pipe; what it is sent, and the sizes
// that it is told, are in got.
type wire struct {
	net.Conn
	mu  sync.Mutex
	got []string
}

func (w *wire) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, text)
}

func (w *wire) gets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.got...)
}

func (w *wire) Resize(rows, columns int) error {
	w.note(fmt.Sprintf("resize %d %d", rows, columns))
	return nil
}

func (w *wire) Break() error {
	w.note("break")
	return nil
}

// given is a session that an operator has.
type given struct {
	*Session
	*desk
	wire  *wire
	there net.Conn
	over  chan error
}

// give begins a session in which the host has said something, and gives it to
// an operator.
func give(t *testing.T, ctx context.Context, o Options, said string) *given {
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	w := &wire{Conn: here}
	g := &given{Session: begin(t, w, o), desk: newDesk(t), wire: w, there: there, over: make(chan error, 1)}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := there.Read(buf)
			if err != nil {
				return
			}
			w.note(string(buf[:n]))
		}
	}()
	there.Write([]byte(said))
	synctest.Wait()
	escape, err := NewEscape("~.")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		g.over <- g.Interact(ctx, g.desk, Takeover{Name: "the session on web1", Escape: escape, Rows: 24, Columns: 1000})
	}()
	synctest.Wait()
	return g
}

func (g *given) says(text string) { g.there.Write([]byte(text)); synctest.Wait() }
func (g *given) types(keys string) {
	g.typing(keys)
	synctest.Wait()
}

func TestInteract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := give(t, t.Context(), Options{Strip: StripEscapes}, "last words\r\n$ ")
		g.types("ls\r")
		g.says("\x1b[32mls\r\nfile\r\n$ ")
		g.mu.Lock()
		g.size = [2]int{30, 100}
		g.mu.Unlock()
		g.resized <- os.Interrupt
		synctest.Wait()
		g.types("~~x\r~?")
		g.types("~.and more")
		if err := <-g.over; err != nil {
			t.Error(err)
		}
		want := "farmrun: the session on web1 is yours; ~. at the beginning of a line gives it back, ~? helps\r\n" +
			"last words\r\n$ \x1b[32mls\r\nfile\r\n$ " +
			"\r\nfarmrun: ~. gives the session back to the script, ~~ types ~, ~? is this help\r\n" +
			"(restored)farmrun: the session on web1 is given back\r\n"
		if d := cmp.Diff(want, g.sees()); d != "" {
			t.Errorf("the screen (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"resize 50 132", "ls\r", "resize 30 100", "~x\r", "resize 24 1000"}, g.wire.gets()); d != "" {
			t.Errorf("the host (-want +got):\n%s", d)
		}
	})
}

// What was said during a takeover is not there for the script, and what comes
// afterwards is.
func TestInteractLeavesTheSessionInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := give(t, t.Context(), Options{}, "unmatched $ ")
		g.says("failed $ ")
		g.types("~.")
		<-g.over
		if m, err := g.Expect(t.Context(), Wait{Patterns: []Pattern{Text("$ ")}, Timeout: time.Second}); !errors.Is(err, ErrTimeout) {
			t.Errorf("it was still there: %+v, %v", m, err)
		}
		if err := g.Send(t.Context(), "echo ok\n"); err != nil {
			t.Fatal(err)
		}
		g.says("echo ok\r\nok\r\n$ ")
		if m := want(t, g.Session, "$ "); m.Before != "ok\r\n" {
			t.Errorf("got %q", m.Before)
		}
	})
}

// More may be said than is kept: the operator sees all of it.
func TestInteractShowsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := give(t, t.Context(), Options{Keep: 100}, "")
		for range 1000 {
			g.there.Write([]byte(strings.Repeat("x", 999) + "\n"))
		}
		synctest.Wait()
		g.types("~.")
		<-g.over
		if n := strings.Count(g.sees(), "x"); n != 999_000 {
			t.Errorf("%d characters are shown", n)
		}
	})
}

// Before the takeover nobody listened, so that the host had to wait.
func TestInteractAfterMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s, d := begin(t, here, Options{}), newDesk(t)
		go func() { there.Write([]byte(strings.Repeat("x", 1<<20))); there.Write([]byte("end")) }()
		synctest.Wait()
		over := make(chan error, 1)
		escape, _ := NewEscape("~.")
		go func() { over <- s.Interact(t.Context(), d, Takeover{Name: "it", Escape: escape}) }()
		synctest.Wait()
		d.typing("~.")
		<-over
		if !strings.Contains(d.sees(), "xend(restored)\r\nfarmrun") {
			t.Errorf("the screen shows %d bytes, without the last", len(d.sees()))
		}
	})
}

func TestInteractEnds(t *testing.T) {
	stop := errors.New("the run was stopped")
	for name, test := range map[string]struct {
		end  func(g *given, cancel context.CancelCauseFunc)
		want error
	}{
		"the other end goes":  {func(g *given, _ context.CancelCauseFunc) { g.there.Close() }, ErrEnd},
		"the run is stopped":  {func(_ *given, cancel context.CancelCauseFunc) { cancel(stop) }, stop},
		"the screen goes":     {func(g *given, _ context.CancelCauseFunc) { g.fingers.Close() }, errors.New("EOF")},
		"the session is shut": {func(g *given, _ context.CancelCauseFunc) { go g.Close() }, ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				g := give(t, ctx, Options{}, "$ ")
				test.end(g, cancel)
				if err := <-g.over; err == nil || err.Error() != test.want.Error() {
					t.Errorf("got %v, want %v", err, test.want)
				}
			})
		})
	}
}

// A host that takes no keys keeps nobody from getting out.
func TestInteractWithTheDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s, d := begin(t, here, Options{}), newDesk(t)
		over := make(chan error, 1)
		escape, _ := NewEscape("~.")
		go func() { over <- s.Interact(t.Context(), d, Takeover{Name: "it", Escape: escape}) }()
		for range 2 * typedAhead {
			d.typing("x\r")
		}
		d.typing("~.")
		if err := <-over; err != nil {
			t.Error(err)
		}
		if err := s.Send(t.Context(), "x"); !errors.Is(err, ErrStuck) {
			t.Errorf("got %v", err)
		}
	})
}

// The keys before the escape reach the host, however slow it is.
func TestInteractLastKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s, d := begin(t, here, Options{}), newDesk(t)
		escape, _ := NewEscape("~.")
		over := make(chan error, 1)
		go func() { over <- s.Interact(t.Context(), d, Takeover{Name: "it", Escape: escape}) }()
		d.typing("a\r")
		d.typing("b\r")
		d.typing("~.")
		synctest.Wait()
		time.Sleep(time.Second)
		buf, got := make([]byte, 16), ""
		for range 2 {
			n, _ := there.Read(buf)
			got += string(buf[:n])
		}
		if err := <-over; got != "a\rb\r" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestEscape(t *testing.T) {
	for _, test := range []struct {
		escape, typed, passed string
		event                 keysEvent
	}{
		{"~.", "ls ~.\r", "ls ~.\r", keysGoOn},
		{"~.", "~.", "", keysEnd},
		{"~.", "ls\r~.rest", "ls\r", keysEnd},
		{"~.", "~~.", "~.", keysGoOn},
		{"~.", "~~~.", "~~.", keysGoOn},
		{"~.", "~x\r~", "~x\r", keysGoOn},
		{"~.", "\r\n~?", "\r\n", keysHelp},
		{"~.", "~\r~.", "~\r", keysEnd},
		{"%q", "~.\r%q", "~.\r", keysEnd},
		{"\x1d", "abc\x1ddef", "abc", keysEnd},
		{"\x1d", "~.\r~.", "~.\r~.", keysGoOn},
		{"", "~.\r\x00\x1d", "~.\r\x00\x1d", keysGoOn},
	} {
		var e Escape
		if test.escape != "" {
			var err error
			if e, err = NewEscape(test.escape); err != nil {
				t.Fatal(err)
			}
		}
		for size := 1; size <= len(test.typed); size++ { // however the keys come
			k, passed, event := e.scanner(), "", keysGoOn
			for rest := test.typed; rest != "" && event == keysGoOn; rest = rest[min(size, len(rest)):] {
				var pass []byte
				pass, event = k.scan([]byte(rest[:min(size, len(rest))]))
				passed += string(pass)
			}
			if passed != test.passed || event != test.event {
				t.Errorf("%q of %q, %d at once: got %q, %v", test.typed, test.escape, size, passed, event)
			}
		}
	}
	for _, bad := range []string{"", "~", "~~", "~.x", "x", "~?", "\x1d.", "~\r"} {
		if _, err := NewEscape(bad); err == nil {
			t.Errorf("%q is no escape", bad)
		}
	}
}
