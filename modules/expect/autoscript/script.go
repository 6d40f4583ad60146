package autoscript

import (
	"bytes"
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
	Term string    // the type of the terminal; "" is "dumb"
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
	t = &Transcript{turns: inOrder(t.turns), ended: t.ended, rows: t.rows}
	w := &writer{about: a, rows: t.rows, shells: t.shells()}
	for i := 0; i < len(t.turns); i++ {
		switch {
		case t.byHand(i) != "":
			i = w.byHand(t, i)
		case w.runs(t, i):
			w.run(t, i)
		case w.commands(t, i):
			w.command(t, i)
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
	rows    int // of the terminal; 0 is not known
	steps   bytes.Buffer
	prompts []string        // that asked for something that was not shown
	shells  map[string]bool // see Transcript.shells
	state   state
	// unchecked is that a command was typed at a shell's prompt, and that nobody has asked
	// for its status.
	unchecked bool
}

// state is how the last step has left the session.
type state int

const (
	unknown  state = iota
	ran            // by a command in a shell, which then waits for a line
	atPrompt       // at a prompt that was waited for
)

func (w *writer) step(format string, args ...any) {
	w.state = unknown
	fmt.Fprintf(&w.steps, "  "+format+"\n", args...)
}

// runs tells whether turn i is a command that a shell has run to its end, with no more
// typed than its line. A csh runs none as session:run has them.
func (w *writer) runs(t *Transcript, i int) bool {
	if t.turns[i].kind != line || i+1 == len(t.turns) {
		return false
	}
	before, after := t.turns[i].prompt(), t.turns[i+1].prompt()
	text, ok := t.typed(i)
	return ok && text != "" && !leads(text) && isPOSIX(before, w.shells) && isShell(after, w.shells) && sameShell(before, after)
}

// sameShell tells whether two prompts are those of the same shell, in whichever
// directories.
func sameShell(before, after string) bool {
	before, after = strings.TrimRight(before, " "), strings.TrimRight(after, " ")
	return before[len(before)-1] == after[len(after)-1] && owner(before) == owner(after)
}

// run writes a command of a shell.
func (w *writer) run(t *Transcript, i int) {
	if w.state != ran {
		w.expect(t, i)
	}
	text, _ := t.typed(i)
	call := "s:run " + quote(text)
	if took := t.turns[i+1].waited; took > runPatience/3 {
		call = fmt.Sprintf("s:run(%s, { timeout = %q })", quote(text), allowance(took))
	}
	w.step("%s", call)
	w.state, w.unchecked = ran, false
}

// runPatience is how long session:run waits by itself.
const runPatience = 10 * time.Minute

// commands tells whether turn i is a line at the prompt of a device or another program,
// which had a prompt again in the end.
func (w *writer) commands(t *Transcript, i int) bool {
	if t.turns[i].kind != line || i+1 == len(t.turns) || len(t.turns[i+1].said.end()) == 0 {
		return false
	}
	before, after := t.promptAbove(i), t.turns[i+1].prompt()
	if text, shown := t.shown(i); !shown || text == "" || strings.TrimSpace(before) == "" || isQuestion(before) {
		return false
	}
	if isShell(before, w.shells) || isShell(after, w.shells) || w.unchecked && moreOfLine().MatchString(before) {
		return false
	}
	return alike(before) == alike(after) || devicePrompt().MatchString(before) && devicePrompt().MatchString(after)
}

// command writes a line for a device. Where the device has drawn a part of the line, that
// is waited for, and Enter is the command.
func (w *writer) command(t *Transcript, i int) {
	w.expect(t, i)
	text, all := t.typed(i)
	if !all {
		w.drawn(t, i)
	}
	before, next := t.turns[i].prompt(), t.turns[i+1]
	var options []string
	if !all || before != next.prompt() || clock().MatchString(before) {
		options = append(options, "prompt = "+like(next.prompt()))
	}
	if next.waited > patience/3 {
		options = append(options, fmt.Sprintf("silence = %q", allowance(next.waited)))
	}
	if len(options) == 0 {
		w.step("s:command %s", quote(text))
	} else {
		w.step("s:command(%s, { %s })", quote(text), strings.Join(options, ", "))
	}
	w.state = atPrompt
}

// clock is a number in a prompt that is another the next time.
var clock = lazyregexp.New(`\b\d+\b`)

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
	case len(turn.said.end()) == 0:
		return "a line that was typed ahead"
	}
	text, shown := t.shown(i)
	_, all := t.typed(i)
	typed, _ := edited(turn.keys[:len(turn.keys)-1])
	switch {
	case !shown && (!isQuestion(turn.prompt()) || typed == ""):
		return "a line that was not shown as it was typed"
	case shown && isShell(turn.prompt(), nil) && isEvent(text), !all && bytes.IndexByte(turn.keys, searchKey) >= 0:
		return "a line out of the history"
	}
	return ""
}

// searchKey is ^R.
const searchKey = 0x12

// byHand writes that the operator does turn i, and those after it for which that is so,
// and returns the last. The prompt that comes then is one more.
func (w *writer) byHand(t *Transcript, i int) int {
	w.step("-- by hand: %s; type ~. when it is done", t.byHand(i))
	for i+1 < len(t.turns) && t.byHand(i+1) != "" {
		i++
	}
	w.step("s:interact()")
	if next := i + 1; next < len(t.turns) && !(t.ended && t.turns[next].kind == open) && t.expectation(next) != "" {
		w.step(`s:key "enter"`)
	}
	w.unchecked = false // the operator has seen it
	return i
}

// expect writes the wait before the keys of turn i. At a shell's prompt, the
// command before must have succeeded.
func (w *writer) expect(t *Transcript, i int) {
	turn := t.turns[i]
	last := t.expectation(i)
	switch {
	case w.state == atPrompt, turn.kind == open && (t.ended || w.state == ran):
		return
	case last == "":
		if i == 0 || t.turns[i-1].kind == line {
			w.step(`s:expect { silence = %q, on_timeout = "ready" }`, settled)
		}
		return
	}
	if turn.waited >= patience/3 {
		last = fmt.Sprintf("{ %s, timeout = %q }", last, allowance(turn.waited))
	}
	w.step("s:expect %s", last)
	if !w.unchecked || !isShell(turn.prompt(), w.shells) {
		return
	}
	w.step("s:check()")
	w.unchecked = false
	if turn.kind == open || w.runs(t, i) {
		w.state = ran
		return
	}
	w.step("s:expect %s", last)
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

// expectation returns the case for the line where the host was before turn i: its prompt
// or, where it left the cursor at the beginning of a line, the line before. A log line is
// neither: an earlier prompt above it may be. It returns "" if the host said nothing else.
func (t *Transcript) expectation(i int) string {
	lines, last := t.turns[i].display(t.turns[i].said.end(), "")
	if strings.TrimSpace(last) != "" {
		return like(last)
	}
	if i > 0 && len(lines) > 0 { // the echo
		lines = lines[1:]
	}
	for n := len(lines) - 1; n >= 0; n-- {
		if prompt := t.promptOn(lines[n], i); prompt != "" {
			return quotePattern("(?m)^" + digits().ReplaceAllLiteralString(regexp.QuoteMeta(prompt), `\d+`))
		}
		if strings.TrimSpace(lines[n]) != "" && !logLine().MatchString(lines[n]) {
			return like(strings.TrimRight(lines[n], " ") + "\n")
		}
	}
	return ""
}

// promptOn returns the prompt on a line before turn i, with no more than a log line behind
// it; "" if there is none that was there before.
func (t *Transcript) promptOn(text string, i int) string {
	for _, turn := range t.turns[:i] {
		prompt := strings.TrimSpace(turn.prompt())
		at := len(prompt)
		if at == 0 || at > len(text) || alike(text[:at]) != alike(prompt) {
			continue
		}
		if rest := strings.TrimSpace(text[at:]); rest == "" || logLine().MatchString(rest) {
			return text[:at]
		}
	}
	return ""
}

// promptAbove returns the prompt of turn i, or an earlier one that stands above a log line.
func (t *Transcript) promptAbove(i int) string {
	lines, last := t.turns[i].display(t.turns[i].said.end(), "")
	for n := len(lines) - 1; n >= 0 && last == ""; n-- {
		last = t.promptOn(lines[n], i)
	}
	return last
}

// like returns a case for a line that is like shown.
func like(shown string) string {
	if runes := []rune(shown); len(runes) > longest {
		shown = string(runes[len(runes)-longest:])
	}
	return "{ like = " + quote(shown) + " }"
}

// longest is how much of the end of a line stands in a case.
const longest = 100

// send writes what was typed in turn i.
func (w *writer) send(t *Transcript, i int) {
	turn := t.turns[i]
	atShell := isShell(turn.prompt(), w.shells)
	switch turn.kind {
	case key, control:
		w.keys(turn.keys[len(turn.keys)-1:])
		w.unchecked = w.unchecked && !atShell && (turn.kind == key || turn.keys[len(turn.keys)-1] == endKey)
	case line:
		text, shown := t.shown(i)
		typed, all := t.typed(i)
		switch {
		case !shown:
			w.step("s:send_secret(%s)", w.secret(turn.prompt()))
		case all:
			w.keys([]byte(typed + "\r"))
		default:
			w.drawn(t, i)
			w.keys([]byte("\r"))
		}
		if atShell {
			w.unchecked = text != "" && !leads(text) && t.comesBack(i, w.shells)
		}
	}
}

// endKey is ^D.
const endKey = 0x04

// comesBack tells whether the next shell's prompt after turn i is one of the same shell.
func (t *Transcript) comesBack(i int, known map[string]bool) bool {
	before := t.turns[i].prompt()
	for _, turn := range t.turns[i+1:] {
		if after := turn.prompt(); isShell(after, known) {
			return sameShell(before, after)
		}
	}
	return false
}

// drawn writes the keys of turn i but Enter, and the line that the host has made of them.
func (w *writer) drawn(t *Transcript, i int) {
	text, _ := t.shown(i)
	w.keys(t.turns[i].keys[:len(t.turns[i].keys)-1])
	w.step("s:expect { line = %s }", quote(text))
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

// typed returns the line of turn i if all of it was typed, in this line or, where it is
// out of the history, in an earlier one, and was shown.
func (t *Transcript) typed(i int) (string, bool) {
	turn := t.turns[i]
	if turn.kind != line {
		return "", false
	}
	text, shown := t.shown(i)
	if !shown {
		return "", false
	}
	if _, plain := edited(turn.keys[:len(turn.keys)-1]); plain {
		return text, true
	}
	if !history().Match(turn.keys) {
		return "", false
	}
	for j := range i {
		if earlier, ok := t.plain(j); ok && earlier == text {
			return text, true
		}
	}
	return "", false
}

// plain returns the line of turn i if its keys were that line, and its corrections.
func (t *Transcript) plain(i int) (string, bool) {
	if t.turns[i].kind != line {
		return "", false
	}
	if _, plain := edited(t.turns[i].keys[:len(t.turns[i].keys)-1]); !plain {
		return "", false
	}
	return t.shown(i)
}

// history are keys that bring an earlier line.
var history = lazyregexp.New(`^(?:\x1b[\[O][AB]|[\x0e\x10])+[\r\n]$|^\x12[ -~\x08\x12\x7f]*[\r\n]$`)

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
	lines, last := turn.display(answer, prompt)
	lines = append(lines, last)
	if !plain {
		for _, l := range lines {
			text, whole := strings.CutPrefix(l, prompt)
			text = strings.TrimRight(text, " ")
			if whole && strings.Trim(text, "*•") != "" && isSeen(turn.keys, text) {
				return text, true
			}
		}
		return "", false
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
-- Each s:run fails if its command does; if that is meant, add { check = false }. s:check
-- fails if the command before did, and s:command if a device rejects the line. Each
-- s:expect waits for the host's last line before the next key, or for its silence.
-- Numbers, dates, times and nonces in a line that is only like it may differ. Take out all
-- that does not matter, and give cases where the host may answer otherwise:
-- farmrun help session:expect.
`)
	b.WriteString(`local cli, farm = require "cli", require "farm"` + "\n")
	if a.Site {
		b.WriteString("require \"site\"\n")
	}
	fmt.Fprintf(&b, "\nlocal args = cli.parse {\n  about = %s,\n  hosts = { default = %s, help = \"where to do it\" },\n}\n",
		quote("Does what was done on "+a.Host+"."), quote(a.Host))
	for i, prompt := range w.prompts {
		fmt.Fprintf(&b, "local %s = cli.secret %s\n", secretName(i), quote(strings.TrimSpace(prompt)))
	}
	b.WriteString("\nfarm.each(farm.hosts(args.hosts), { on_failure = \"stop\", parallel = 1 }, function(host)\n")
	fmt.Fprintf(&b, "  local s = host:session { strip = \"screen\", echo = false, show = true%s }\n", w.terminal())
	b.Write(w.steps.Bytes())
	b.WriteString("end)\n")
	return b.Bytes()
}

// terminal returns the options of the terminal that the operator had, so that programs
// print the same. Its lines have room for the longest, and so are not wrapped.
func (w *writer) terminal() (options string) {
	if w.about.Term != "" && w.about.Term != "dumb" {
		options = ", term = " + quote(w.about.Term)
	}
	if w.rows != 0 {
		options += fmt.Sprintf(", rows = %d", w.rows)
	}
	return options
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
