package expect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/remote"
)

// Config is what the module has to know of the run.
type Config struct {
	DryRun bool // no dialogue is begun
}

// Module is the Lua half of this package:
//
//	local expect = require "expect"
//
// It holds dialogues with programs that were made for people: it waits for what
// they say and answers.
//
//	local s = expect.spawn { "ftp", "mirror", timeout = "20s" }
//	s:expect "Name .*: "
//	s:send "anonymous\n"
//	local how, m = s:expect {
//	  { "Password:",        function() s:send "me@here\n" return expect.continue end },
//	  { "230 (.*)",         "in" },
//	  { "530 (.*)",         "refused" },
//	  { text = "Not connected.", "refused" },
//	  timeout = "10s",
//	}
//	print(how, m.groups[1])
//
// A pattern is a regular expression as Go and RE2 have them, which is looked for
// anywhere in what was said since the last match; write it in [[…]] where it has
// backslashes. { text = "…" } is plain text. Lines end with "\r\n", as on every
// terminal. What follows a match stays for the next wait, and so does everything
// when none comes. The echo of what was sent is not there to be matched.
//
// A wait that fails raises an error of kind "expect" that shows what was waited
// for; its output is the end of what was said.
//
//   - expect.continue (any): as the value of a case, or from its function: the
//     wait goes on, until its same deadline
func Module(config Config) luahost.Module {
	b := binding{config}
	return luahost.Module{
		Name:   "expect",
		Funcs:  map[string]luahost.Func{"spawn": b.spawn},
		Values: map[string]any{"continue": goOnType.Value(goOn{})},
		Types:  []luahost.Methods{sessionType},
	}
}

type binding struct{ Config }

// goOn is expect.continue.
type goOn struct{}

var goOnType = &luahost.Type[goOn]{Name: "expect.continue", Intern: true}

// dialogue is a session with what Lua has set for it.
type dialogue struct {
	*Session
	terminal *Terminal
	name     string
	timeout  time.Duration
	before   string
	always   []choice
}

// sessionType is how sessions look in Lua.
var sessionType = &luahost.Type[*dialogue]{
	Name: "session",
	Methods: map[string]luahost.Func{
		"send": send, "expect": await, "always": setAlways, "close": closeSession,
	},
	Fields: []string{"before"},
	Field: func(d *dialogue, name string) (any, bool) {
		return d.before, name == "before"
	},
	String: func(d *dialogue) string { return d.name },
}

const (
	waitTimeout  = 30 * time.Second
	closeTimeout = 10 * time.Second
)

// expect.spawn{ … } -> session
//
// Starts a program on this machine, in a terminal of its own: a list of the
// program and its arguments, with these options:
//
//   - timeout ("30s"): the deadline of each wait that has none of its own
//   - dir: where it starts
//   - env: a table of variables for its environment
//   - term ("dumb"): the type of its terminal
//   - rows (24): the terminal's height
//   - columns (1000): its width, at which programs wrap their lines and their
//     echo
//   - strip (false): true takes terminal escapes out of what it says
//   - echo: whether it sends back what is sent to it. By default its terminal
//     tells, or else what comes back at once is taken for an echo.
//   - keep (65536): how many bytes are remembered of what was said and not yet
//     matched; of more, the beginning is forgotten
//   - query (false): true says that the dialogue only looks, and is to be had in
//     a dry run, too
//
// The program is ended when the function that started it ends. A session has a
// field:
//
//   - session.before (string): what came before the last match
func (b binding) spawn(c *luahost.Call) {
	args := words(c, positional(c, 1))
	o := luahost.Options[struct {
		Timeout       time.Duration
		Dir, Term     string
		Env           map[string]string
		Rows, Columns int
		Strip, Query  bool
		Echo          *bool
		Keep          int
	}](c, 1)
	if b.DryRun && !o.Query {
		c.Raisef(luahost.Refused, "%s: a dry run begins no dialogue that is not marked by query = true", c.Name())
	}
	t, err := Start(Program{Args: args, Dir: o.Dir, Env: o.Env, Term: o.Term, Rows: o.Rows, Columns: o.Columns})
	if err != nil {
		c.Raise(fmt.Errorf("%s: %w", c.Name(), err))
	}
	d := &dialogue{
		Session:  New(t, Options{Keep: o.Keep, Strip: o.Strip, Echo: echoOption(o.Echo)}),
		terminal: t,
		name:     remote.QuoteAll(args),
		timeout:  cmp.Or(o.Timeout, waitTimeout),
	}
	c.Own(d)
	c.Push(sessionType.Value(d))
}

func echoOption(on *bool) Echo {
	switch {
	case on == nil:
		return EchoUnknown
	case *on:
		return EchoOn
	}
	return EchoOff
}

// session:send(text)
//
// Types text; end a line with "\n". It fails if the program has not taken it
// within the session's timeout.
func send(c *luahost.Call) {
	d, text := luahost.Arg[*dialogue](c, 1, "a session"), c.String(2)
	c.Wait("session:send to "+d.name, d.timeout, func(ctx context.Context) error { return d.Send(ctx, text) })
}

// waitOptions are those of session:expect.
type waitOptions struct {
	Timeout, Silence *time.Duration
	OnTimeout, OnEnd lua.LValue
}

// session:expect(cases) -> value, match
//
// Waits for the first of several cases to come. Each is a list of a pattern and a value,
// which is returned; without a value, it is the text that matched. A function in
// the value's place is called with the match and returns the value. Where
// several patterns match, the first in the list wins. A single pattern, or a
// { text = "…" }, can stand for the list. The match is a table: text, what matched; groups, a list of what
// matched the parentheses; before, what was said before. Besides the cases the
// table may have:
//
//   - timeout: the deadline of the whole wait, however much is said; by default
//     that of the session
//   - silence: a deadline for saying nothing at all
//   - on_timeout: the value, or function, for when one of both has passed
//   - on_end: the same for when the program has ended, or said goodbye
//
// The functions of on_timeout and on_end get a match with before only. What was
// said stays, for the next wait.
func await(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	cases := choices(c, 2)
	o := luahost.Options[waitOptions](c, 2)
	w := Wait{Timeout: d.timeout, Began: time.Now()}
	if o.Timeout != nil {
		w.Timeout = *o.Timeout
	}
	if o.Silence != nil {
		w.Silence = *o.Silence
	}
	for {
		m, value := d.next(c, w, cases, o)
		result := outcome(c, value, m)
		if !isGoOn(result) {
			c.Push(result, matchTable(m))
			return
		}
		if m.Pattern < 0 && time.Since(w.Began) >= w.Timeout {
			c.Fail("the deadline of the wait has passed, so it cannot go on")
		}
	}
}

// next waits once, and returns what came and what the script has for it.
func (d *dialogue) next(c *luahost.Call, w Wait, cases []choice, o waitOptions) (Match, lua.LValue) {
	all := append(d.always[:len(d.always):len(d.always)], cases...)
	for _, a := range all {
		w.Patterns = append(w.Patterns, a.pattern)
	}
	var m Match
	err := c.Try("session:expect of "+d.name, 0, func(ctx context.Context) (err error) {
		m, err = d.Expect(ctx, w)
		return err
	})
	d.before = m.Before
	if err == nil {
		return m, all[m.Pattern].value
	}
	var value lua.LValue
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
	return m, value
}

// outcome is what a case comes to.
func outcome(c *luahost.Call, value lua.LValue, m Match) lua.LValue {
	switch v := value.(type) {
	case *lua.LFunction:
		return c.Invoke(v, matchTable(m))
	case nil, *lua.LNilType:
		return lua.LString(m.Text)
	}
	return value
}

func matchTable(m Match) map[string]any {
	return map[string]any{"text": m.Text, "before": m.Before, "groups": m.Groups}
}

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

// session:close() -> code
//
// Ends the program and returns its exit status, or nil where it had to be
// ended. A program that has said goodbye has half a second to exit by itself.
func closeSession(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	c.Disown(d)
	c.Wait("session:close of "+d.name, closeTimeout, func(context.Context) error { return d.Close() })
	var code any
	if n := d.terminal.Code(); n >= 0 {
		code = n
	}
	c.Push(code)
}

// choice is a case of a wait.
type choice struct {
	pattern Pattern
	value   lua.LValue
}

// positional takes the items of the list out of argument n, a table that has
// options besides, and leaves it these.
func positional(c *luahost.Call, n int) []lua.LValue {
	table := c.Table(n)
	items, rest := make([]lua.LValue, table.Len()), c.L.NewTable()
	for i := range items {
		items[i] = table.RawGetInt(i + 1)
	}
	table.ForEach(func(k, v lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || i < 1 || int(i) > len(items) {
			rest.RawSet(k, v)
		}
	})
	c.L.Replace(n, rest)
	return items
}

// words are the items of a list as strings.
func words(c *luahost.Call, items []lua.LValue) []string {
	list := make([]string, len(items))
	for i, item := range items {
		if err := luahost.Decode(item, &list[i]); err != nil {
			c.Fail("item %d: %v", i+1, err)
		}
	}
	return list
}

// choices takes the cases out of argument n and leaves it the options.
func choices(c *luahost.Call, n int) []choice {
	if _, one := c.Value(n).(lua.LString); one {
		list := []choice{takeChoice(c, 1, c.Value(n))}
		c.L.Replace(n, lua.LNil)
		return list
	}
	if table := c.Table(n); table.RawGetString("text") != lua.LNil {
		c.L.Replace(n, lua.LNil)
		return []choice{takeChoice(c, 1, table)}
	}
	items := positional(c, n)
	list := make([]choice, len(items))
	for i, item := range items {
		list[i] = takeChoice(c, i+1, item)
	}
	return list
}

// takeChoice reads the case at place i: "pattern", {"pattern", value} or
// {text = "plain", value}.
func takeChoice(c *luahost.Call, i int, v lua.LValue) choice {
	pattern, value := v, lua.LValue(lua.LNil)
	if table, ok := v.(*lua.LTable); ok {
		if text, ok := table.RawGetString("text").(lua.LString); ok {
			return choice{Text(string(text)), table.RawGetInt(1)}
		}
		pattern, value = table.RawGetInt(1), table.RawGetInt(2)
	}
	expr, ok := pattern.(lua.LString)
	if !ok {
		c.Fail(`case %d: a pattern expected: "…", {"…", value} or {text = "…", value}`, i)
	}
	p, err := Regexp(string(expr))
	if err != nil {
		c.Fail("case %d: %s", i, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return choice{p, value}
}
