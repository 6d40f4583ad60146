package autoscript

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrNothing is returned where nothing was typed that a script could do.
var ErrNothing = errors.New("nothing was typed")

// About is what a script has to know besides what was done.
type About struct {
	Host string    // where it was done, and is to be done again
	File string    // the script's name
	When time.Time // when it was done
	Site bool      // there is a site file for the script to read
}

// Script returns the script that does what was done up to now. It fails with
// ErrNothing.
func (t *Transcript) Script(a About) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.turns) == 1 {
		return nil, ErrNothing
	}
	w := &writer{about: a}
	for i, turn := range t.turns {
		w.expect(t, i)
		if turn.kind == open {
			break
		}
		w.send(t, i)
	}
	if t.ended {
		w.step(`s:expect { on_end = "over" }`)
	}
	return w.script(), nil
}

// writer writes a script.
type writer struct {
	about   About
	steps   bytes.Buffer
	prompts []string // that asked for something that was not shown
}

func (w *writer) step(format string, args ...any) {
	fmt.Fprintf(&w.steps, "  "+format+"\n", args...)
}

// expect writes what to wait for before the keys of turn i.
func (w *writer) expect(t *Transcript, i int) {
	turn := t.turns[i]
	re := turn.expectation(i > 0)
	switch {
	case turn.kind == open && (t.ended || re == ""):
		return
	case re == "":
		if i > 0 && t.turns[i-1].kind == line {
			w.step(`s:expect { silence = %q, on_timeout = "ready" }`, settled)
		}
		return
	}
	if turn.waited < patience/3 {
		w.step("s:expect %s", quotePattern(re))
		return
	}
	w.step("s:expect { %s, timeout = %q }", quotePattern(re), allowance(turn.waited))
}

// settled is for how long a program says nothing when it is likely to read: one
// that has just begun sets up its terminal first, and what was typed ahead of that
// may not be to it what it is to be, such as ^D.
const settled = "300ms"

// patience is how long a wait lasts that names no timeout of its own.
const patience = 30 * time.Second

// allowance is how long to wait for what took so long: three times that, in
// whole minutes.
func allowance(waited time.Duration) string {
	return fmt.Sprintf("%dm", (3*waited+time.Minute-1)/time.Minute)
}

// expectation returns a regular expression for what the host said last before
// something was typed: its prompt or, where it left the cursor at the beginning
// of a line, the line before. It returns "" if the host said nothing. after
// says that there was a turn before, whose echo comes first.
func (t *turn) expectation(after bool) string {
	lines, last := display(t.said.end(), "")
	if strings.TrimSpace(last) != "" {
		return pattern(last) + "$"
	}
	if after && len(lines) > 0 {
		lines = lines[1:]
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) != "" {
			return pattern(strings.TrimRight(lines[i], " ")) + `\s*$`
		}
	}
	return ""
}

// send writes what was typed in turn i.
func (w *writer) send(t *Transcript, i int) {
	turn := t.turns[i]
	switch turn.kind {
	case key, control:
		w.step("s:send %s", quote(string(turn.keys[len(turn.keys)-1:])))
	case line:
		if text, shown := t.shown(i); shown {
			w.step("s:send %s", quote(text+"\n"))
		} else {
			w.step("s:send_secret(%s)", w.secret(turn.prompt()))
		}
	}
}

// shown returns the line that was typed in turn i, as it was on the screen when
// Enter was pressed. It returns false if it was not there.
func (t *Transcript) shown(i int) (string, bool) {
	turn := t.turns[i]
	typed, plain := edited(turn.keys[:len(turn.keys)-1])
	if plain && typed == "" {
		return "", true
	}
	answer, atOnce := t.answer(i)
	prompt := turn.prompt()
	lines, last := display(answer, prompt)
	lines = append(lines, last)
	if !plain {
		text, whole := strings.CutPrefix(lines[0], prompt)
		text = strings.TrimRight(text, " ")
		return text, whole && text != "" && strings.Trim(text, "*•") != ""
	}
	if atOnce {
		lines = lines[:1]
	}
	for _, l := range lines {
		if strings.HasSuffix(strings.TrimRight(l, " "), strings.TrimRight(typed, " ")) {
			return typed, true
		}
	}
	return "", false
}

// answer returns what the host said from the first key of turn i on, and whether
// it begins with the echo of that turn. Whoever types ahead gets his echoes later.
func (t *Transcript) answer(i int) (said []byte, atOnce bool) {
	ahead := i > 0 && len(t.turns[i].said.beginning()) == 0
	said = append(said, t.turns[i].echo.beginning()...)
	for n := i + 1; n < len(t.turns); n++ {
		said = append(said, t.turns[n].said.beginning()...)
		if len(said) > 0 {
			return said, n == i+1 && !ahead
		}
		said = append(said, t.turns[n].echo.beginning()...)
	}
	return said, false
}

// edited returns the line that keys make, if they are plain: characters, and
// corrections that every terminal obeys.
func edited(keys []byte) (line string, plain bool) {
	for _, k := range keys {
		switch {
		case k == 0x7f, k == '\b':
			_, n := utf8.DecodeLastRuneInString(line)
			line = line[:len(line)-n]
		case k == 0x15: // ^U
			line = ""
		case k < ' ':
			return "", false
		default:
			line += string([]byte{k})
		}
	}
	return line, utf8.ValidString(line)
}

// secret returns the name of the variable for what prompt asks for.
func (w *writer) secret(prompt string) string {
	for i, p := range w.prompts {
		if p == prompt {
			return secretName(i)
		}
	}
	w.prompts = append(w.prompts, prompt)
	return secretName(len(w.prompts) - 1)
}

func secretName(i int) string {
	if i == 0 {
		return "password"
	}
	return fmt.Sprintf("password%d", i+1)
}

// script returns the script around the steps.
func (w *writer) script() []byte {
	var b bytes.Buffer
	a := w.about
	fmt.Fprintf(&b, "-- %s: what was done on %s on %s, written by farmrun record.\n", a.File, a.Host, a.When.Format("2006-01-02 15:04"))
	b.WriteString(`--
-- Each s:expect waits for what the host said before the next line was typed, or
-- for its silence; what looks like a number, a date, the time or a nonce may be
-- another. Take out what does not matter, wait for what does, and give cases where
-- the host may answer otherwise: farmrun help session:expect.
`)
	b.WriteString(`local cli, farm = require "cli", require "farm"` + "\n")
	if a.Site {
		b.WriteString("require \"site\"\n")
	}
	fmt.Fprintf(&b, "\nlocal args = cli.parse {\n  about = %s,\n  hosts = { default = %s, help = \"where to do it\" },\n}\n",
		quote("Does what was done on "+a.Host+"."), quote(a.Host))
	for i, prompt := range w.prompts {
		fmt.Fprintf(&b, "local %s = cli.secret %s\n", secretName(i), quote(cmp.Or(strings.TrimLeft(prompt, " "), "What was typed unseen: ")))
	}
	b.WriteString("\nfarm.each(farm.hosts(args.hosts), { on_failure = \"stop\", parallel = 1 }, function(host)\n  local s = host:session()\n")
	b.Write(w.steps.Bytes())
	b.WriteString("end)\n")
	return b.Bytes()
}

// quotePattern returns a Lua string that is readable even where text has
// backslashes.
func quotePattern(text string) string {
	if strings.Contains(text, `\`) && !strings.Contains(text, "]]") && !strings.HasSuffix(text, "]") && isPlain(text) {
		return "[[" + text + "]]"
	}
	return quote(text)
}

func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// quote returns text as a Lua string.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ', r == 0x7f, r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\%03d`, text[i])
		default:
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}
