package autoscript

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"farmrun/luahost/lazyregexp"
	"farmrun/modules/expect"
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
	for i := 0; i < len(t.turns); i++ {
		switch {
		case t.byHand(i) != "":
			i = w.byHand(t, i)
		case t.runs(i):
			w.run(t, i)
		default:
			w.expect(t, i)
			w.send(t, i)
		}
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
	ran     bool     // the last step was a command in a shell, which then waits for a line
}

func (w *writer) step(format string, args ...any) {
	w.ran = false
	fmt.Fprintf(&w.steps, "  "+format+"\n", args...)
}

// shellPrompt is the prompt of a shell that session:run can use, and of no device.
var shellPrompt = lazyregexp.New(`[$%] $|(?:^|[~/:@].*)# $`)

// another is a command that leads to another shell, or leaves this one, or is not what
// it seems.
var another = lazyregexp.New(`^\s*(?:exit|logout|su|sudo\s+(?:-\S+\s+)*(?:-\S*[is]|su|\S*sh)|exec|\S*sh|ssh|slogin|telnet|rlogin|newgrp|chroot|screen|tmux|fg|\.|source)\b|!`)

// runs tells whether turn i is a command that a shell has run to its end, with no more
// typed than its line.
func (t *Transcript) runs(i int) bool {
	turn := t.turns[i]
	if turn.kind != line || i+1 == len(t.turns) || len(turn.said.end()) == 0 {
		return false
	}
	next := t.turns[i+1]
	text, shown := t.shown(i)
	before, after := turn.prompt(), next.prompt()
	return shown && text != "" && !another().MatchString(text) && plain(turn) &&
		shellPrompt().MatchString(before) && shellPrompt().MatchString(after) && before[len(before)-2] == after[len(after)-2]
}

// run writes a command of a shell.
func (w *writer) run(t *Transcript, i int) {
	if !w.ran {
		w.expect(t, i)
	}
	text, _ := t.shown(i)
	lines, _ := display(t.turns[i+1].said.beginning(), "")
	call := "s:run " + quote(text)
	if took := t.turns[i+1].waited; took > runPatience/3 {
		call = fmt.Sprintf("s:run(%s, { timeout = %q })", quote(text), allowance(took))
	}
	if len(lines) > 1 {
		call = "print(" + strings.Replace(strings.TrimSuffix(call, ")"), "s:run ", "s:run(", 1) + ").text)"
	}
	w.step("%s", call)
	w.ran = true
}

// runPatience is how long session:run waits by itself.
const runPatience = 10 * time.Minute

// byHand says why turn i is none that a script can do; "" if it can.
func (t *Transcript) byHand(i int) string {
	turn := t.turns[i]
	switch {
	case turn.kind == open:
		return ""
	case turn.full:
		return "a full-screen program"
	case turn.kind != line:
		return ""
	}
	_, shown := t.shown(i)
	typed, _ := edited(turn.keys[:len(turn.keys)-1])
	if shown || isQuestion(turn.prompt()) && typed != "" || len(turn.said.end()) == 0 {
		return ""
	}
	return "a line that was not shown as it was typed"
}

// byHand writes that the operator does turn i, and those after it for which that is so,
// and returns the last. The prompt that comes then is one more.
func (w *writer) byHand(t *Transcript, i int) int {
	w.step("-- by hand: %s; type ~. when it is done", t.byHand(i))
	for i+1 < len(t.turns) && t.byHand(i+1) != "" {
		i++
	}
	w.step("s:interact()")
	if next := i + 1; next < len(t.turns) && !(t.ended && t.turns[next].kind == open) && t.turns[next].expectation(true) != "" {
		w.step(`s:key "enter"`)
	}
	return i
}

// expect writes what to wait for before the keys of turn i.
func (w *writer) expect(t *Transcript, i int) {
	turn := t.turns[i]
	re := turn.expectation(i > 0)
	switch {
	case turn.kind == open && (t.ended || re == "" || w.ran):
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
		w.keys(turn.keys[len(turn.keys)-1:])
	case line:
		text, shown := t.shown(i)
		switch {
		case !shown:
			w.step("s:send_secret(%s)", w.secret(turn.prompt()))
		case plain(turn):
			w.keys([]byte(text + "\r"))
		default:
			w.keys(turn.keys[:len(turn.keys)-1])
			w.step("s:expect %s", quotePattern("^"+regexp.QuoteMeta(text)+" *$"))
			w.keys([]byte("\r"))
		}
	}
}

// keys writes keys as they were typed: those that have names by them.
func (w *writer) keys(keys []byte) {
	if name := expect.KeyName(string(keys)); name != "" && name != "space" {
		w.step("s:key %q", name)
		return
	}
	for len(keys) > 0 {
		n := bytes.IndexByte(keys, 0x1b)
		if n < 0 {
			n = len(keys)
		}
		if n > 0 {
			w.step("s:send %s", quote(string(keys[:n])))
		}
		keys = keys[n:]
		for n = min(len(keys), longestKey); n > 1 && expect.KeyName(string(keys[:n])) == ""; n-- {
		}
		if n > 0 {
			w.step("s:key %q", expect.KeyName(string(keys[:n])))
		}
		keys = keys[n:]
	}
}

// longestKey is how long the longest sequence of a key with a name is.
const longestKey = 5

// plain tells whether the keys of a turn are the line that they made, to the host as
// well, and its corrections.
func plain(turn *turn) bool {
	_, plain := edited(turn.keys[:len(turn.keys)-1])
	return plain
}

// shown returns the line that was typed in turn i, as it was on the screen when
// Enter was pressed. It returns false if it was not there. Where the host has drawn a
// part of it, the line is only to be waited for.
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
		return text, whole && text != "" && strings.Trim(text, "*•") != "" && isSeen(turn.keys, text)
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

// isSeen tells whether the characters among keys were on the screen: whoever moves the
// cursor or lets the shell complete a word has typed no more than that.
func isSeen(keys []byte, text string) bool {
	for word := range strings.FieldsFuncSeq(sequences().ReplaceAllString(string(keys), "\x00"), func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		if len(word) > 1 && !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// sequences are those of keys.
var sequences = lazyregexp.New(`\x1b(?:\[[0-9;]*[@-~]|O.)`)

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
	if bytes.ContainsFunc(keys, func(k rune) bool { return k < ' ' && k != '\b' && k != 0x15 }) { // ^U
		return "", false
	}
	line = string(expect.Edited(keys))
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
-- Each s:run fails if its command does; if that is meant, add { check = false }. Each
-- s:expect waits for the host's last words before the next key, or for its silence.
-- Numbers, dates, times and nonces in them may differ. Take out all that does not matter,
-- and give cases where the host may answer otherwise: farmrun help session:expect.
`)
	b.WriteString(`local cli, farm = require "cli", require "farm"` + "\n")
	if a.Site {
		b.WriteString("require \"site\"\n")
	}
	fmt.Fprintf(&b, "\nlocal args = cli.parse {\n  about = %s,\n  hosts = { default = %s, help = \"where to do it\" },\n}\n",
		quote("Does what was done on "+a.Host+"."), quote(a.Host))
	for i, prompt := range w.prompts {
		fmt.Fprintf(&b, "local %s = cli.secret %s\n", secretName(i), quote(cmp.Or(strings.TrimSpace(prompt), "What was typed unseen:")+" "))
	}
	b.WriteString("\nfarm.each(farm.hosts(args.hosts), { on_failure = \"stop\", parallel = 1 }, function(host)\n  local s = host:session { strip = \"screen\", echo = false }\n")
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
		case r == '\r':
			b.WriteString(`\r`)
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
