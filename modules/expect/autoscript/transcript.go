// Package autoscript watches a person at a terminal and writes what was done as
// a Lua script that does it again, as autoexpect does for Expect.
//
//	t := autoscript.Watch(terminal)
//	… somebody reads from t and types to it …
//	script, err := t.Script(autoscript.About{Host: "web1", File: "mend.lua"})
//
// transcript.go cuts what happens into turns: what the host said, and what was
// typed then, and finds the line as it was in the end, for people correct
// what they type, and let the shell complete it. prompt.go tells prompts of shells from
// those of devices and from questions. edit.go
// makes the line that keys make. script.go writes the Lua.
//
// Only keys that the host has shown get into a script, and nothing that it has drawn,
// but to wait for. Text that was typed at a question and not echoed may be a
// password: the script asks for it. Other keys that were not shown, and programs
// that draw on the whole screen, are the operator's again, by session:interact.
package autoscript

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/render"
)

// Transcript is a terminal that is watched. It may be used as the terminal it
// watches; Script may be called at any time.
type Transcript struct {
	remote.Terminal

	mu    sync.Mutex
	turns []*turn // the last is under way
	rows  int     // of the terminal, before it was resized; 0 is not known
	full  full    // whether a full-screen program has the screen
	ended bool    // by the host
	over  bool    // Close was called
}

// Watch returns t, watched.
func Watch(t remote.Terminal) *Transcript {
	return &Transcript{Terminal: t, turns: []*turn{{began: time.Now()}}}
}

// turn is something that the host said, and what was typed then.
type turn struct {
	said   text          // before the first key; it begins with what is left of the echo of the turn before
	began  time.Time     // when the turn before was over
	waited time.Duration // until the host had said what it said
	width  int           // of the terminal
	keys   []byte        // what was typed; empty only in the last turn
	echo   text          // what the host said while it was typed
	kind   kind
	full   bool // a full-screen program had the screen when it ended
}

// kind says what ended a turn.
type kind int

const (
	open    kind = iota // nothing yet
	line                // Enter
	control             // a key such as ^C, which counts at once
	key                 // a key that the host has taken at once
)

// Read reads what the host says.
func (t *Transcript) Read(p []byte) (int, error) {
	n, err := t.Terminal.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if n > 0 {
		t.output(p[:n])
	}
	t.ended = t.ended || !t.over && err != nil && !isTimeout(err)
	return n, err
}

// Write types. The keys are noted before the host has them, and can echo them.
func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	for _, k := range p {
		t.press(k)
	}
	t.mu.Unlock()
	return t.Terminal.Write(p)
}

// Close closes the terminal, which is then not the host's doing.
func (t *Transcript) Close() error {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	return t.Terminal.Close()
}

// Resize sets the size of the terminal.
func (t *Transcript) Resize(rows, columns int) error {
	t.mu.Lock()
	t.rows, t.now().width = cmp.Or(t.rows, rows), columns
	t.mu.Unlock()
	return t.Terminal.Resize(rows, columns)
}

func isTimeout(err error) bool {
	late, is := err.(interface{ Timeout() bool })
	return is && late.Timeout()
}

func (t *Transcript) now() *turn { return t.turns[len(t.turns)-1] }

// output takes what the host said.
func (t *Transcript) output(p []byte) {
	t.full.see(p)
	now := t.now()
	if len(now.keys) == 0 {
		now.said.add(p)
		now.waited = time.Since(now.began)
		return
	}
	now.echo.add(p)
	if now.tookKey() {
		answer := now.echo
		now.echo = text{}
		t.finish(key)
		t.now().said = answer
	}
}

// press takes one key.
func (t *Transcript) press(k byte) {
	now := t.now()
	now.keys = append(now.keys, k)
	switch {
	case t.full.now() && !shellPrompt().MatchString(now.prompt()): // it may take each key at once
		t.finish(key)
	case k == '\r', k == '\n':
		t.finish(line)
	case k == 0x03, k == 0x04, k == 0x1a, k == 0x1c: // ^C, ^D, ^Z and ^\
		t.finish(control)
	}
}

func (t *Transcript) finish(k kind) {
	t.now().kind, t.now().full = k, t.full.now()
	if shellPrompt().MatchString(t.now().prompt()) && !t.full.other {
		t.now().full, t.full = false, full{}
	}
	t.turns = append(t.turns, &turn{began: time.Now(), width: t.now().width})
}

// tookKey reports whether the host has taken the one key that was typed for an
// answer, as a pager does, and not as the beginning of a line.
func (t *turn) tookKey() bool {
	if len(t.keys) != 1 || t.keys[0] < ' ' || asksSecret(t.prompt()) {
		return false
	}
	lines, last := t.display(t.echo.beginning(), "")
	return len(lines) > 0 || len(last) > 1 && last[0] != t.keys[0]
}

// prompt is what stands on the line where something was typed.
func (t *turn) prompt() string {
	_, last := t.display(t.said.end(), "")
	return last
}

// display shows output on a line that has begun already; it returns the lines that were
// ended and the last.
func (t *turn) display(output []byte, begun string) (lines []string, last string) {
	l := render.Begin(begun)
	l.Width = t.width
	for line := range strings.Lines(string(l.Show(output))) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, l.Line()
}

// inOrder returns turns with the output that came behind lines that were typed ahead of
// their prompts in front of those, as if the operator had waited for each prompt.
func inOrder(turns []*turn) []*turn {
	list := make([]*turn, len(turns))
	for i := range turns {
		of := *turns[i]
		list[i] = &of
	}
	for i := 0; i < len(list); i++ {
		n := i
		for n+1 < len(list) && list[n].kind == line && !list[n].full && list[n].prompt() == "" {
			n++
		}
		if n > i {
			distribute(list[i:n], list[n])
			i = n
		}
	}
	return list
}

// distribute gives each of the turns ahead the output up to the prompt where its line is
// shown, or to the question that asks for a secret, and the rest to last. It leaves all as
// it is where a line is not found.
func distribute(ahead []*turn, last *turn) {
	var output []byte
	for _, turn := range ahead {
		output = slices.Concat(output, turn.said.beginning(), turn.echo.beginning())
	}
	lines, rest := last.display(append(output, last.said.beginning()...), "")
	lines = append(lines, rest)
	said := make([]string, 0, len(ahead))
	for _, turn := range ahead {
		typed, plain := edited(turn.keys[:len(turn.keys)-1])
		before, n, at := "", 0, -1
		for n = range lines {
			if at = promptOf(lines[n], typed); at >= 0 {
				break
			}
			before += lines[n] + "\n"
		}
		if !plain || typed == "" || at < 0 {
			return
		}
		said = append(said, before+lines[n][:at])
		lines = append([]string{lines[n][at:]}, lines[n+1:]...)
	}
	for i, turn := range ahead {
		turn.said, turn.echo = text{[]byte(said[i]), []byte(said[i])}, text{}
	}
	all := []byte(strings.Join(lines, "\n"))
	tail := all
	if len(last.said.tail) > len(last.said.head) {
		tail = last.said.tail
	}
	last.said = text{all, tail}
}

// promptOf returns where the prompt ends on a line, behind which text was typed and shown,
// or not shown because it is a secret; -1 if there is none.
func promptOf(text, typed string) int {
	prompt, found := strings.CutSuffix(strings.TrimRight(text, " "), strings.TrimRight(typed, " "))
	if found && (shellPrompt().MatchString(prompt) || devicePrompt().MatchString(prompt) || moreOfLine().MatchString(prompt)) {
		return len(prompt)
	}
	if asksSecret(text) && questions().MatchString(text) {
		return len(text)
	}
	return -1
}

// full follows whether a program draws on the whole screen: on another one (xterm's
// alternate screen buffer), or in some rows of this. A program of lines that puts its
// cursor in the last row only is none.
type full struct {
	other bool
	rows  map[string]bool // where the cursor was put
	rest  []byte          // the beginning of a sequence, perhaps
}

const (
	someRows = 3
	longestX = 16 // more than the sequences have that are looked for
)

var screens = lazyregexp.New(`\x1b\[(?:\?(?:47|1047|1049)([hl])|(\d*)(?:;\d*)?[Hf])`)

func (f *full) see(p []byte) {
	if len(f.rest) == 0 && bytes.IndexByte(p, 0x1b) < 0 {
		return
	}
	text := append(f.rest, p...)
	for _, m := range screens().FindAllSubmatch(text, -1) {
		if mode := string(m[1]); mode != "" {
			f.other, f.rows = mode == "h", nil
			continue
		}
		if f.rows == nil {
			f.rows = map[string]bool{}
		}
		if len(f.rows) < someRows {
			f.rows[string(m[2])] = true
		}
	}
	f.rest = nil
	if at := bytes.LastIndexByte(text, 0x1b); at >= 0 && len(text)-at < longestX {
		f.rest = bytes.Clone(text[at:])
	}
}

func (f *full) now() bool { return f.other || len(f.rows) >= someRows }

// text is what was said, of which only the beginning and the end are kept.
type text struct{ head, tail []byte }

const kept = 4 << 10

func (t *text) add(p []byte) {
	if room := kept - len(t.head); room > 0 {
		t.head = append(t.head, p[:min(room, len(p))]...)
	}
	t.tail = append(t.tail, p...)
	if len(t.tail) > 2*kept {
		t.tail = append(t.tail[:0], t.tail[len(t.tail)-kept:]...)
	}
}

func (t *text) beginning() []byte { return t.head }
func (t *text) end() []byte       { return t.tail }
