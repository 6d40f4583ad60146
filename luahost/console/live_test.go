package console_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/console"
)

// paper is a terminal that a test reads back from.
type paper struct {
	mu    sync.Mutex
	lines []string
	row   int
	col   int
	wraps bool
}

// Write obeys what Live says, and nothing else.
func (p *paper) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := string(text)
	for rest != "" {
		rest = p.obey(rest)
	}
	return len(text), nil
}

func (p *paper) obey(text string) (rest string) {
	up := 0
	switch {
	case strings.HasPrefix(text, "\x1b[?7l"), strings.HasPrefix(text, "\x1b[?7h"):
		p.wraps = text[4] == 'h'
		return text[5:]
	case strings.HasPrefix(text, "\x1b[J"):
		p.at()
		p.lines = p.lines[:p.row+1]
		p.lines[p.row] = p.lines[p.row][:p.col]
		return text[3:]
	case strings.HasPrefix(text, "\x1b[1m"), strings.HasPrefix(text, "\x1b[0m"):
		return text[4:]
	case text[0] == '\x1b':
		if n, _ := fmt.Sscanf(text, "\x1b[%dA", &up); n != 1 {
			panic(fmt.Sprintf("unknown to this paper: %q", text))
		}
		p.row -= up
		return text[strings.IndexByte(text, 'A')+1:]
	case text[0] == '\r':
		p.col = 0
	case text[0] == '\n':
		p.row, p.col = p.row+1, 0
	default:
		p.at()
		p.lines[p.row] = p.lines[p.row][:p.col] + text[:1]
		p.col++
	}
	return text[1:]
}

// show has the paper show something else, with the cursor at its end.
func (p *paper) show(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = strings.Split(text, "\n")
	p.row = len(p.lines) - 1
	p.col = len(p.lines[p.row])
}

// at makes the paper as long as where the cursor is.
func (p *paper) at() {
	for len(p.lines) <= p.row {
		p.lines = append(p.lines, "")
	}
}

// String returns the lines, and no empty one in the end, where the cursor may be.
func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSuffix(strings.Join(p.lines, "\n"), "\n")
}

// onPaper is a console whose streams are one terminal.
func onPaper() (*console.Console, *paper) {
	p := &paper{}
	c := &console.Console{
		Out: p, Err: p, OutTerminal: true, ErrTerminal: true, Plain: true,
		Size: func() (rows, columns int) { return 24, 80 },
	}
	return c, p
}

func wantPaper(t *testing.T, p *paper, want string) {
	t.Helper()
	if got := p.String(); got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
}

// settle lets what was asked for be drawn.
func settle() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := onPaper()
		state := []string{"-- one", "   two"}
		c.Note("web1", "before")
		l := c.Live(func(int, int) []string { return state })
		l.Redraw()
		settle()
		wantPaper(t, p, "web1: before\n-- one\n   two")
		c.Note("web1", "drained")
		fmt.Fprint(c.Host("web2", console.Stdout), "up\ndown\n")
		settle()
		wantPaper(t, p, "web1: before\nweb1: drained\nweb2: up\nweb2: down\n-- one\n   two")
		if !p.wraps {
			t.Error("long lines do not wrap any more")
		}
		state = []string{"-- only"}
		l.Redraw()
		settle()
		wantPaper(t, p, "web1: before\nweb1: drained\nweb2: up\nweb2: down\n-- only")
		c.Note("web1", "the last")
		l.Close()
		l.Close()
		c.Note("web1", "after")
		wantPaper(t, p, "web1: before\nweb1: drained\nweb2: up\nweb2: down\nweb1: the last\nweb1: after")
	})
}

// TestLiveClock: the times in it go on though nothing happens.
func TestLiveClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := onPaper()
		began := time.Now()
		l := c.Live(func(int, int) []string { return []string{time.Since(began).Truncate(time.Second).String()} })
		defer l.Close()
		time.Sleep(3500 * time.Millisecond)
		wantPaper(t, p, "3s")
	})
}

// TestLiveUnfinishedLine: what a script prints without a line end is shown when
// that comes, or when the lines below are gone.
func TestLiveUnfinishedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := onPaper()
		l := c.Live(func(int, int) []string { return []string{"--"} })
		c.Print("", "one ")
		c.Note("", "noted")
		settle()
		wantPaper(t, p, "noted\n--")
		c.Print("", "two\nthree ")
		settle()
		wantPaper(t, p, "noted\none two\n--")
		l.Close()
		c.Print("", "four\n")
		wantPaper(t, p, "noted\none two\nthree four")
	})
}

// TestLiveNarrower: where the terminal is made narrower it wraps the lines that
// stand there, or cuts them off. What scrolled by above them stays either way.
func TestLiveNarrower(t *testing.T) {
	for cuts, narrow := range map[bool]string{false: "before\n0123\n4567\n89\nabc", true: "before\n0123\nabc"} {
		synctest.Test(t, func(t *testing.T) {
			c, p := onPaper()
			columns := 30
			c.CutsLines = cuts
			c.Size = func() (int, int) { return 24, columns }
			c.Note("", "before")
			l := c.Live(func(int, int) []string { return []string{"\x1b[1m0123456789\x1b[0m", "abc"} })
			defer l.Close()
			l.Redraw()
			settle()
			wantPaper(t, p, "before\n0123456789\nabc")
			p.show(narrow)
			columns = 4
			c.Note("", "after")
			settle()
			wantPaper(t, p, "before\nafter\n0123456789\nabc") // this paper cuts nothing off
		})
	}
}

// TestLiveHeld: who has the screen has it for himself.
func TestLiveHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := onPaper()
		l := c.Live(func(int, int) []string { return []string{"--", "--"} })
		defer l.Close()
		l.Redraw()
		settle()
		c.Note("", "before")
		release := c.Hold(t.Context())
		wantPaper(t, p, "before")
		fmt.Fprint(p, "Password: ")
		c.Note("", "meanwhile")
		l.Redraw()
		time.Sleep(5 * time.Second)
		wantPaper(t, p, "before\nPassword: ")
		fmt.Fprint(p, "\n")
		release()
		settle()
		wantPaper(t, p, "before\nPassword: \nmeanwhile\n--\n--")
	})
}

// TestLiveManyLines: hosts that say a lot do not have the lower lines drawn for
// each of theirs, and no line is lost or out of order.
func TestLiveManyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := onPaper()
		drawn := 0
		l := c.Live(func(int, int) []string { drawn++; return []string{"--"} })
		var want strings.Builder
		for i := range 10000 {
			c.Note("web1", "line %d", i)
			fmt.Fprintf(&want, "web1: line %d\n", i)
		}
		settle()
		if drawn > 20 {
			t.Errorf("it was drawn %d times", drawn)
		}
		wantPaper(t, p, want.String()+"--")
		l.Close()
	})
}

// TestLiveElsewhere: what goes to a file or a pipe is not touched.
func TestLiveElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := onPaper()
		var file bytes.Buffer
		c.Out, c.OutTerminal = &file, false
		l := c.Live(func(int, int) []string { return []string{"--"} })
		defer l.Close()
		c.Print("web1", "result")
		c.Print("", "no end")
		if file.String() != "web1: result\nno end" {
			t.Errorf("got %q", &file)
		}
		settle()
		c.Note("", "noted")
		settle()
		wantPaper(t, p, "noted\n--")
	})
}

// TestLiveWithoutTerminal: there is nothing to see, and no harm done.
func TestLiveWithoutTerminal(t *testing.T) {
	for name, change := range map[string]func(*console.Console){
		"no terminal": func(c *console.Console) { c.ErrTerminal = false },
		"a dumb one":  func(c *console.Console) { c.Size = nil },
		"nobody":      func(c *console.Console) { c.Err = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c, p := onPaper()
			change(c)
			l := c.Live(func(int, int) []string { panic("drawn") })
			l.Redraw()
			c.Note("", "noted")
			l.Close()
			if c.Err != nil {
				wantPaper(t, p, "noted")
			}
		})
	}
}
