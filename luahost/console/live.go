package console

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"farmrun/luahost/lazyregexp"
)

// Live keeps a few lines at the lower end of the terminal, below all that
// scrolls by. See Console.Live.
type Live struct {
	console *Console
	draw    func(rows, columns int) []string
	changed chan struct{} // has room for one
	done    chan struct{} // closed by Close
	over    sync.WaitGroup
	once    sync.Once

	// The console's mutex guards the rest.
	drawn   []int             // how wide the lines are that stand on the screen
	pending []piece           // what is to scroll by above them
	size    int               // of pending, in bytes
	begun   map[Stream][]byte // lines without an end as yet
	shown   string            // as they stand there
}

const (
	// drawEvery is how long a drawing stands at least.
	drawEvery = 50 * time.Millisecond
	// clockTick is how often it is drawn anew though nothing has changed, for
	// the times in it.
	clockTick = time.Second
	// mostPending is how many bytes wait for the next drawing.
	mostPending = 256 << 10
)

// Live shows what draw returns below the lines of the terminal that Err is,
// and anew every second and after each Redraw, until Close. draw is told the
// size of the terminal and returns lines without ends, which are cut at its
// width; it may colour them (ECMA-48 SGR) and must not call the console. While
// somebody holds the screen (Hold) nothing is shown. Meanwhile lines of hosts
// appear a little late, together, and a line without its end when that has come.
// In the background they do so with nothing below them.
//
// Where Err is no terminal, Size is nil or another Live is shown, it does
// nothing. Close it.
func (c *Console) Live(draw func(rows, columns int) []string) *Live {
	l := &Live{
		console: c, draw: draw, changed: make(chan struct{}, 1), done: make(chan struct{}),
		begun: map[Stream][]byte{},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live != nil || c.Size == nil || c.Err == nil || !c.ErrTerminal {
		return l
	}
	c.live = l
	l.over.Go(l.run)
	return l
}

// Redraw says that there is something new to show. It does not wait for it.
func (l *Live) Redraw() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Close takes the lines away. Further calls do nothing.
func (l *Live) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.over.Wait()
		c := l.console
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.live == l {
			l.clear()
			c.live = nil
		}
	})
	return nil
}

// run draws when there is reason to, and not too often.
func (l *Live) run() {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-l.changed:
		case <-tick.C:
		}
		l.show()
		pause := time.NewTimer(drawEvery)
		select {
		case <-l.done:
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// show draws unless somebody holds the screen. A terminal that has not taken the
// last drawing gets no other before it has.
func (l *Live) show() {
	c := l.console
	c.mu.Lock()
	defer c.mu.Unlock()
	switch q := c.queues[Stderr]; {
	case c.held != nil:
	case q != nil && q.waiting() > 0:
		l.Redraw() // it is looked at again soon
	default:
		l.update()
	}
}

// write has text scroll by above the lines. The caller holds the mutex.
func (l *Live) write(s Stream, text []byte) {
	text = append(l.begun[s], text...)
	end := bytes.LastIndexByte(text, '\n') + 1
	l.begun[s] = bytes.Clone(text[end:])
	l.add(s, text[:end])
	if l.size > mostPending {
		l.update()
	}
	l.Redraw()
}

func (l *Live) add(s Stream, text []byte) {
	if n := len(l.pending); n > 0 && l.pending[n-1].to == s {
		l.pending[n-1].text = append(l.pending[n-1].text, text...)
	} else {
		l.pending = append(l.pending, piece{s, bytes.Clone(text)})
	}
	l.size += len(text)
}

// update shows what is pending and draws the lines below it. The caller holds
// the mutex.
func (l *Live) update() {
	rows, columns := l.console.Size()
	var lines []string
	if !l.background() {
		lines = l.draw(rows, columns)
	}
	below := drawing(lines)
	if l.size == 0 && below == l.shown && l.rows(columns) == len(lines) {
		return
	}
	l.scroll(below, columns)
	l.drawn, l.shown = widths(lines, columns), below
}

// clear shows all that is pending, lines without an end included, and leaves
// nothing below it. The caller holds the mutex.
func (l *Live) clear() {
	for _, s := range []Stream{Stdout, Stderr} {
		if rest := l.begun[s]; len(rest) > 0 {
			l.add(s, rest)
			delete(l.begun, s)
		}
	}
	_, columns := l.console.Size()
	l.scroll("", columns)
	l.drawn, l.shown = nil, ""
}

// scroll takes the lines away, shows what is pending, and then below, on a screen
// of so many columns.
func (l *Live) scroll(below string, columns int) {
	text := []byte(l.erase(columns))
	for _, p := range l.pending {
		if p.to != Stderr {
			l.console.send(Stderr, text)
			text = nil
			l.console.send(p.to, p.text)
			continue
		}
		text = append(text, p.text...)
	}
	l.pending, l.size = nil, 0
	l.console.send(Stderr, append(text, below...))
}

// background tells whether another job has the terminal, and the cursor.
func (l *Live) background() bool { return l.console.Background != nil && l.console.Background() }

// erase returns what takes the lines off the screen and leaves the cursor where
// the first of them began (ECMA-48 CUU and ED).
func (l *Live) erase(columns int) string {
	if len(l.drawn) == 0 || l.background() {
		return ""
	}
	rows := l.rows(columns)
	if rows == 1 {
		return "\r\x1b[J"
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", rows-1)
}

// rows is how many rows the lines take that stand on the screen: those that are
// too wide for it by now were wrapped.
func (l *Live) rows(columns int) int {
	if l.console.CutsLines || columns < 1 {
		return len(l.drawn)
	}
	rows := 0
	for _, width := range l.drawn {
		rows += max(1, (width+columns-1)/columns)
	}
	return rows
}

// sgr is what a line has besides its letters.
var sgr = lazyregexp.New("\x1b\\[[0-9;]*m")

// widths returns how wide the lines are on a screen of so many columns, which cuts
// them off. A letter is taken to be a column wide.
func widths(lines []string, columns int) []int {
	all := make([]int, len(lines))
	for i, line := range lines {
		all[i] = min(columns, utf8.RuneCountInString(sgr().ReplaceAllString(line, "")))
	}
	return all
}

// drawing returns what shows lines with the cursor at the end of the last. What
// is wider than the terminal is cut off by it, for only it knows how wide its
// letters are (DECAWM).
func drawing(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\x1b[?7l" + strings.Join(lines, "\n") + "\x1b[?7h"
}
