package expect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/render"
	"farmrun/luahost/terminal"
)

// goOn is expect.continue.
type goOn struct{}

var goOnType = &luahost.Type[goOn]{Name: "expect.continue", Intern: true}

// dialogue is a session with what Lua has set for it.
type dialogue struct {
	*Session
	terminal remote.Terminal
	size     remote.TerminalOptions
	take     func(ctx context.Context) (TakenScreen, error) // Config.Screen
	host     string                                         // "" for expect.spawn
	name     string
	timeout  time.Duration
	before   string
	show     bool          // print the output that is matched
	shown    string        // the line of it that has not ended
	away     time.Duration // for how long an operator has had it
	always   []choice
	forget   func() // called by Close; nil does nothing

	passwords Take   // for su; Config.Passwords
	answers   Answer // Config.Answer
	dry       bool   // only queries
}

func newDialogue(t remote.Terminal, size remote.TerminalOptions, o Options) *dialogue {
	return &dialogue{Session: New(t, o), terminal: t, size: size}
}

// Close closes the session.
func (d *dialogue) Close() error {
	if d.forget != nil {
		d.forget()
	}
	return d.Session.Close()
}

// sessionType is how sessions look in Lua.
var sessionType = &luahost.Type[*dialogue]{
	Name: "session",
	Methods: map[string]luahost.Func{
		"send": send, "key": key, "send_secret": sendSecret, "expect": await, "always": setAlways, "resize": resize, "interact": interact, "close": closeSession,
		"run": shellRun, "query": shellQuery, "check": shellCheck, "su": su, "command": deviceCommand,
	},
	Fields: []string{"before", "pid", "status", "signal"},
	Field:  (*dialogue).field,
	String: func(d *dialogue) string { return d.name },
}

// field returns a field of a session.
func (d *dialogue) field(name string) (any, bool) {
	switch name {
	case "before":
		return d.before, true
	case "pid":
		if p, local := remote.TerminalAs[interface{ Pid() int }](d.terminal); local {
			return p.Pid(), true
		}
	case "status":
		return d.code(), true
	case "signal":
		if e, tells := remote.TerminalAs[remote.Ended](d.terminal); tells && e.Signal() != "" {
			return e.Signal(), true
		}
	}
	return nil, name == "pid" || name == "signal"
}

// Value returns a session over a terminal on a host as a script can have it for
// a while: it is not closed with the script's function.
func (c Config) Value(s *Session, terminal remote.Terminal, host string) luahost.Pusher {
	return sessionType.Value(&dialogue{
		Session:  s,
		terminal: terminal,
		size:     remote.TerminalOptions{}.WithDefaults(),
		take:     c.Screen,

		passwords: c.Passwords,
		answers:   c.Answer,
		dry:       c.DryRun,
		host:      host,
		name:      "the session on " + host,
		timeout:   waitTimeout,
	})
}

const (
	resizeTimeout = 10 * time.Second
	closeTimeout  = 10 * time.Second
)

// onHost is an error of a session that says on which host it is.
type onHost struct {
	error
	host string
}

func (e *onHost) Host() string  { return e.host }
func (e *onHost) Unwrap() error { return e.error }

// try is Call.Try for what is done in the session; doing is for errors.
func (d *dialogue) try(c *luahost.Call, doing string, timeout time.Duration, do func(ctx context.Context) error) error {
	return d.said(c.Try(c.Name()+" "+doing+" "+d.name, timeout, do))
}

// said returns an error of the session with its host.
func (d *dialogue) said(err error) error {
	if err != nil && d.host != "" {
		return &onHost{err, d.host}
	}
	return err
}

// wait is try for those who do not look at the error themselves.
func (d *dialogue) wait(c *luahost.Call, doing string, timeout time.Duration, do func(ctx context.Context) error) {
	if err := d.try(c, doing, timeout, do); err != nil {
		c.Raise(err)
	}
}

// sendOptions are those of session:send.
type sendOptions struct {
	Prompt   lua.LValue
	Delay    time.Duration
	KeyDelay time.Duration
}

// session:send(text [, options])
//
// Types text as it is. "\r" is the Enter key, as session:key "enter" is; programs that
// read lines take "\n" for it, too, but to editors, menus and many devices that is ^J. It
// fails if the program has not taken it within the session's timeout. A device that loses
// what comes too fast gets it line by line, or key by key, with these options:
//
//   - prompt: the pattern of the prompt that comes after each line, as a case of
//     session:expect; the next line is typed then. A function in it, and the cases of
//     session:always, get the answer to each line. All output before is forgotten
//   - delay: how long to wait after each line, such as "50ms"
//   - key_delay: how long to wait after each key
func send(c *luahost.Call) {
	d, text := luahost.Arg[*dialogue](c, 1, "a session"), c.String(2)
	o := luahost.Options[sendOptions](c, 3)
	if !isGiven(o.Prompt) && o.Delay == 0 && o.KeyDelay == 0 {
		d.wait(c, "to", d.timeout, func(ctx context.Context) error { return d.Send(ctx, text) })
		return
	}
	if isGiven(o.Prompt) {
		d.wait(c, "to", d.timeout, func(ctx context.Context) error { return d.drain(ctx, func() {}) })
	}
	for line := range typedLines(text) {
		keys := keysOf(line, o.KeyDelay > 0)
		within := d.timeout + o.Delay + o.KeyDelay*time.Duration(len(keys))
		d.wait(c, "to", within, func(ctx context.Context) error { return d.sendPaced(ctx, keys, o) })
		if isGiven(o.Prompt) && isEnter(line[len(line)-1]) {
			waitFor(c, []*dialogue{d}, []choice{takeChoice(c, `option "prompt"`, o.Prompt)}, waitOptions{})
		}
	}
}

// sendPaced is Send of a line's keys, after each of which, and after all, the other end has
// some time. Their echo is that of the line.
func (d *dialogue) sendPaced(ctx context.Context, keys []string, o sendOptions) error {
	err := d.write(ctx, strings.Join(keys, ""), func() error {
		for _, key := range keys {
			if _, err := io.WriteString(d.stream, key); err != nil {
				return err
			}
			if err := rest(ctx, o.KeyDelay); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return rest(ctx, o.Delay)
}

// rest waits unless ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// typedKey is a character, or those of a key that has none, in a text that is typed.
var typedKey = lazyregexp.New(`(?s)\r\n|\x1b(?:\[[0-9;]*|O).|.`)

// keysOf are the keys of a line, one by one, or all at once.
func keysOf(line string, apart bool) []string {
	if !apart {
		return []string{line}
	}
	return typedKey().FindAllString(line, -1)
}

// typedLines are the lines of text, each with its Enter: "\r", "\n" or both.
func typedLines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			n := strings.IndexAny(text, "\r\n") + 1
			switch {
			case n == 0:
				n = len(text)
			case strings.HasPrefix(text[n-1:], "\r\n"):
				n++
			}
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

func isEnter(key byte) bool { return key == '\r' || key == '\n' }

// session:key(name, ...)
//
// Presses keys, one after the other: "enter", "esc", "tab", "space", "backspace", "up",
// "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "f1"
// to "f12", and "break", which only telnet, and ssh to some console servers, have.
// Other keys are characters: "\3" is ^C.
func key(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	for i := 2; i == 2 || c.Has(i); i++ {
		name, names := c.String(i), append(slices.Collect(maps.Keys(keyNames())), breakKey)
		if !slices.Contains(names, name) {
			c.Fail("there is no key %q%s", name, luahost.DidYouMean(name, names))
		}
		d.wait(c, "to", d.timeout, func(ctx context.Context) error { return d.Press(ctx, name) })
	}
}

// session:send_secret(secret)
//
// Types a secret and Enter. cli.password gives the password of an account, and
// cli.secret what the operator types. The secret is redacted in all that is shown and
// recorded. The script gets the output as it is: if the other end echoes the secret, that is
// in the text that it matches.
func sendSecret(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	secret := luahost.Arg[interface{ Reveal() string }](c, 2, "a secret, such as cli.password gives,")
	d.wait(c, "to", d.timeout, func(ctx context.Context) error { return d.SendSecret(ctx, secret.Reveal()) })
}

// waitOptions are those of session:expect.
type waitOptions struct {
	Timeout, Silence *time.Duration
	OnTimeout, OnEnd lua.LValue
}

// session:expect(cases) -> value, match
//
// Waits for the first of several cases to come. Each is a list of a pattern and
// a value, which is returned; without a value, it is the text that matched. A
// function in the value's place is called with the match and returns the value.
// Where several patterns match, the first in the list wins. A case with quiet
// holds only once nothing has followed for so long: { { "[#>] ?$", quiet = "300ms" } }
// is a prompt, and no line of output that looks like one. { like = "web1:~$ " } is a last
// line like that, in which numbers, dates, times and nonces may differ, and { line = "…" }
// is that line itself; their error shows it above the line which is there now. A single
// pattern, or such a table, can stand for the list. The match has these fields:
//
//   - match.text (string): the text that matched
//   - match.groups (string[]): the text that matched each pair of parentheses
//   - match.before (string): the text before it
//   - match.cut (integer): how many bytes before that were forgotten, since the session
//     keeps no more: see its option keep
//
// Besides the cases the table may have:
//
//   - timeout: the deadline of the whole wait, however much output comes; by
//     default that of the session
//   - silence: a deadline for no output at all
//   - on_timeout: the value, or function, for when either has passed
//   - on_end: the same for when the program has ended, or said goodbye
//
// The functions of on_timeout and on_end get a match with before and cut only. The output
// stays, for the next wait.
func await(c *luahost.Call) {
	_, result, m := waitIn(c, []*dialogue{luahost.Arg[*dialogue](c, 1, "a session")})
	c.Push(result, newMatch(m))
}

// expect.first(sessions, cases) -> session, value, match
//
// session:expect in several sessions at once: waits for the first case to come in one of
// them, and returns which that was. The output of the others stays. A session that ends,
// or in which silence has passed, ends the wait as in session:expect.
//
//	local s, how = expect.first({ primary, standby }, {
//	  { "now active", "up" },
//	  { "giving up",  "failed" },
//	  timeout = "2m",
//	})
func first(c *luahost.Call) {
	items := positional(c, 1)
	luahost.Options[struct{}](c, 1)
	var list []*dialogue
	for i, item := range items {
		var d *dialogue
		if ud, ok := item.(*lua.LUserData); ok {
			d, _ = ud.Value.(*dialogue)
		}
		if d == nil {
			c.Fail("item %d is no session", i+1)
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		c.Fail("there is no session")
	}
	which, result, m := waitIn(c, list)
	c.Push(items[which], result, newMatch(m))
}

// waitIn waits in sessions for the cases that are the call's second argument.
func waitIn(c *luahost.Call, list []*dialogue) (which int, result lua.LValue, m Match) {
	cases := choices(c, 2)
	return waitFor(c, list, cases, luahost.Options[waitOptions](c, 2))
}

// waitFor waits in sessions for cases.
func waitFor(c *luahost.Call, list []*dialogue, cases []choice, o waitOptions) (which int, result lua.LValue, m Match) {
	w := Wait{Began: time.Now()}
	for _, d := range list {
		w.Timeout = max(w.Timeout, d.timeout)
	}
	if o.Timeout != nil {
		w.Timeout = *o.Timeout
	}
	if o.Silence != nil {
		w.Silence = *o.Silence
	}
	for {
		var value lua.LValue
		which, m, value = next(c, list, w, cases, o)
		away := awayOf(list)
		result = outcome(c, value, m)
		w.Began = w.Began.Add(awayOf(list) - away)
		if !isGoOn(result) {
			return which, result, m
		}
		if m.Pattern < 0 && time.Since(w.Began) >= w.Timeout {
			c.Fail("the deadline of the wait has passed, so it cannot go on")
		}
	}
}

// print prints the lines of the session's output that have ended, if the operator is to
// see it.
func (d *dialogue) print(c *luahost.Call, text string) {
	if !d.show {
		return
	}
	text = d.shown + render.Text([]byte(text))
	end := strings.LastIndexByte(text, '\n') + 1
	d.shown = text[end:]
	c.Print(text[:end])
}

// printCommand prints a command behind the prompt that was matched, or another, and its
// output.
func (d *dialogue) printCommand(c *luahost.Call, prompt string, cmd remote.Cmd, res remote.Result) {
	if d.shown == "" {
		d.shown = prompt
	}
	output := string(res.Stdout)
	if output != "" && !strings.HasSuffix(output, "\n") {
		output += "\n"
	}
	d.print(c, cmd.String()+"\n"+output)
}

// awayOf is for how long the operator has had the sessions.
func awayOf(list []*dialogue) (away time.Duration) {
	for _, d := range list {
		away += d.away
	}
	return away
}

// next waits once, and returns the match and the script's value for it.
func next(c *luahost.Call, list []*dialogue, w Wait, cases []choice, o waitOptions) (which int, m Match, value lua.LValue) {
	sessions, waits, all := make([]*Session, len(list)), make([]Wait, len(list)), make([][]choice, len(list))
	for i, d := range list {
		sessions[i], waits[i], all[i] = d.Session, w, slices.Concat(d.always, cases)
		for _, a := range all[i] {
			waits[i].Patterns = append(waits[i].Patterns, a.pattern)
		}
	}
	name := list[0].name
	if more := len(list) - 1; more > 0 {
		name = fmt.Sprintf("%s and %d more", name, more)
	}
	err := c.Try(c.Name()+" of "+name, 0, func(ctx context.Context) (err error) {
		which, m, err = First(ctx, sessions, waits)
		return err
	})
	d := list[which]
	d.before = m.Before
	if err == nil {
		d.print(c, m.Before+m.Text)
		return which, m, all[which][m.Pattern].value
	}
	err = d.said(err)
	switch {
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrSilence):
		value = o.OnTimeout
	case errors.Is(err, ErrEnd):
		value = o.OnEnd
	}
	if value == nil || value == lua.LNil {
		c.Raise(err)
	}
	if isGoOn(value) && errors.Is(err, ErrEnd) {
		c.Fail("on_end: the wait cannot go on")
	}
	return which, m, value
}

// outcome is what a case comes to.
func outcome(c *luahost.Call, value lua.LValue, m Match) lua.LValue {
	switch v := value.(type) {
	case *lua.LFunction:
		return c.Invoke(v, newMatch(m))
	case nil, *lua.LNilType:
		return lua.LString(m.Text)
	}
	return value
}

// match is a Match as a script gets it.
type match struct {
	Text, Before string
	Groups       []string
	Cut          int
}

func newMatch(m Match) match { return match{m.Text, m.Before, m.Groups, m.Cut} }

func isGoOn(v lua.LValue) bool {
	ud, ok := v.(*lua.LUserData)
	if !ok {
		return false
	}
	_, ok = ud.Value.(goOn)
	return ok
}

// session:always(cases)
//
// Sets cases that hold in every wait of the session, before those of the wait
// itself; they replace what was set before. A function that answers such a
// case returns expect.continue.
func setAlways(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	cases := choices(c, 2)
	luahost.Options[struct{}](c, 2)
	d.always = cases
}

// code is the exit status of the program in the terminal; nil if that cannot be told.
func (d *dialogue) code() any {
	if e, tells := remote.TerminalAs[remote.Ended](d.terminal); tells && e.Code() >= 0 {
		return e.Code()
	}
	return nil
}

// session:resize(rows, columns)
//
// Tells the other end that its terminal has another size now.
func resize(c *luahost.Call) {
	d, rows, columns := luahost.Arg[*dialogue](c, 1, "a session"), c.Int(2), c.Int(3)
	if !isSize(rows) || !isSize(columns) {
		c.Fail("rows and columns from 1 to %d expected", mostRows)
	}
	d.wait(c, "of", resizeTimeout, func(context.Context) error { return d.terminal.Resize(rows, columns) })
	d.size.Rows, d.size.Columns = rows, columns
}

// mostRows is what the terminals of systems and protocols can have.
const mostRows = 1<<16 - 1

func isSize(n int) bool { return 0 < n && n <= mostRows }

// interactOptions are those of session:interact.
type interactOptions struct{ Escape string }

// session:interact([options]) -> boolean
//
// Gives the session to the operator: his keyboard and his screen, until he types
// ~. at the beginning of a line, as in ssh. ~~ types a single ~, and ~? shows
// what there is. Meanwhile the other end is told the size of his screen, what
// other hosts say waits, and no deadline passes: neither that of the turn nor
// that of the run.
//
// The script goes on as after a match of all that was said: nothing of it is
// left for the next wait. To see a prompt again, send "\n" first. It returns
// false if the other end has gone meanwhile. Without a terminal it raises an
// error. Options:
//
//   - escape ("~."): what ends it: a character that counts at the beginning of a
//     line and one more, or a single control character, such as "\29" (^])
func interact(c *luahost.Call) {
	d, o := luahost.Arg[*dialogue](c, 1, "a session"), luahost.Options[interactOptions](c, 2)
	escape := usualEscape
	if o.Escape != "" {
		var err error
		if escape, err = NewEscape(o.Escape); err != nil {
			c.Fail("option \"escape\": %v", err)
		}
	}
	began := time.Now()
	err := d.try(c, "of", 0, func(ctx context.Context) error { return d.giveTo(ctx, d.take, escape) })
	d.away += time.Since(began)
	d.before = ""
	if err != nil && !errors.Is(err, ErrEnd) {
		c.Raise(err)
	}
	c.Push(err == nil)
}

// giveTo gives the session to the operator whose screen take gets.
func (d *dialogue) giveTo(ctx context.Context, take func(ctx context.Context) (TakenScreen, error), escape Escape) error {
	if take == nil {
		return &luahost.Error{Kind: luahost.Usage, Message: "there is nobody to give the session to", Hint: "run it on a terminal"}
	}
	screen, err := take(ctx)
	if errors.Is(err, terminal.ErrNone) {
		return &luahost.Error{Kind: luahost.Usage, Message: "there is no terminal to give the session to", Hint: "run it on a terminal", Err: err}
	}
	if err != nil {
		return err
	}
	defer screen.Close()
	return d.Interact(ctx, screen, Takeover{Name: d.name, Escape: escape, Rows: d.size.Rows, Columns: d.size.Columns})
}

// session:close() -> code
//
// Ends the program that expect.spawn started, or hangs up on a host, and returns the exit
// status, or nil where it had to be ended. One that was sent something last, or is at no
// prompt, has half a second to exit by itself. How a host's shell ended only ssh tells.
func closeSession(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	c.Disown(d)
	d.wait(c, "of", closeTimeout, func(ctx context.Context) error {
		d.Leave(ctx)
		return d.Close()
	})
	c.Push(d.code())
}
