package expect

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/remote"
)

// Config is what the module has to know of the run.
type Config struct {
	DryRun bool // no dialogue is begun
	// Screen takes the operator's terminal for a session; nil, or an error that
	// is luahost/terminal's ErrNone, is nobody there.
	Screen func(ctx context.Context) (TakenScreen, error)
	// Record returns the terminal of a program such that what it says is
	// recorded under name; nil leaves it as it is.
	Record func(name string, t *Terminal, o remote.TerminalOptions) remote.Terminal
	// Mask is Options.Mask of all sessions.
	Mask func(to io.Writer) Masker
	// Passwords is asked for those that session:su needs; nil has none.
	Passwords Take
	// Answer has the operator answer su's other questions; nil has nobody.
	Answer Answer
	// Sessions get those that scripts have open on hosts; nil does not.
	Sessions *Sessions
}

// TakenScreen is a Screen that Close gives back to the operator.
type TakenScreen interface {
	Screen
	io.Closer
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
// backslashes. There is no lookahead, and ^ and $ are the beginning and end of all the
// text; (?m) has them be those of each line. { text = "…" } is plain text, or bytes such as
// Latin-1. Lines end with "\r\n", as on every
// terminal. What follows a match stays for the next wait, and so does everything
// when none comes. The echo of a line that was sent is not there to be matched, where it
// is sure to be one: see the option echo.
//
// A wait that fails raises an error of kind "expect" that shows what was waited
// for; its output is the end of what was said.
//
// What is said in a session, in a takeover too, is kept with the run, secrets
// blotted out: farmrun show RUN HOST replays it, and asciinema does. farmrun record
// HOST writes a script of what somebody does in a session.
//
//   - expect.continue (any): as the value of a case, or from its function: the
//     wait goes on, until its same deadline
func Module(config Config) luahost.Module {
	b := binding{config}
	return luahost.Module{
		Name:   "expect",
		Funcs:  map[string]luahost.Func{"spawn": b.spawn, "first": first},
		Values: map[string]any{"continue": goOnType.Value(goOn{})},
		Types:  []luahost.Methods{sessionType},
	}
}

// Methods are the methods of hosts that open sessions.
func Methods(config Config) map[string]luahost.Func {
	return map[string]luahost.Func{"session": binding{config}.session}
}

// Host is a host on which terminals can be opened.
type Host interface {
	Name() string
	Terminal(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error)
}

type binding struct{ Config }

const (
	waitTimeout = 30 * time.Second
	openTimeout = 2 * time.Minute // for logging in as well
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
//   - strip (false): true takes terminal escapes out of its output, and has "\r\n" where
//     they end a line or move the cursor to another row; "screen" has its
//     output as a person sees it in the end: BS, CR and escapes have erased, overwritten
//     and moved the text of each line. Lines then end with "\n"
//   - echo: whether it sends input back, true or false. By default the
//     terminal of a local program tells; on a host the line that was sent is taken for
//     its echo if it comes back at once and ends there. false keeps an answer that is
//     the question once more, true takes an echo off that comes later
//   - keep (65536): how many bytes are remembered of what was said and not yet
//     matched; of more, the beginning is forgotten
//   - query (false): true says that the dialogue only looks, and is to be had in
//     a dry run, too
//   - show (false): true prints the output that waits match, and the commands of
//     session:run, session:query and session:command with theirs
//
// The program is ended when the function that started it ends. In a turn of a rollout one
// that is no query does not start, and has nothing typed, if the run does not own the
// turn's host any more. A session has these fields; those about the end are nil on a host
// that is not reached by ssh:
//
//   - session.before (string): what came before the last match
//   - session.pid (integer): the number of the program's process; nil where it is
//     none of this machine
//   - session.status (integer): the exit status, after session:close; nil where a signal
//     ended it
//   - session.signal (string): the signal that ended it, after session:close, such as
//     "TERM"; nil where none did
func (b binding) spawn(c *luahost.Call) {
	args := words(c, positional(c, 1))
	o := luahost.Options[spawnOptions](c, 1)
	b.allow(c, o.Query)
	options := b.options(o.Keep, stripOption(c, o.Strip), o.Echo)
	if !o.Query {
		c.Wait(c.Name(), openTimeout, remote.MustOwn)
		options.MayType = remote.MustOwn
	}
	size := remote.TerminalOptions{Term: o.Term, Rows: o.Rows, Columns: o.Columns}.WithDefaults()
	program, err := Start(Program{Args: args, Dir: o.Dir, Env: o.Env, Terminal: size})
	if err != nil {
		c.Raise(fmt.Errorf("%s: %w", c.Name(), err))
	}
	var t remote.Terminal = program
	if b.Record != nil {
		t = b.Record(filepath.Base(args[0]), program, size)
	}
	d := newDialogue(t, size, options)
	d.name, d.timeout, d.take = remote.QuoteAll(args), cmp.Or(o.Timeout, waitTimeout), b.Screen
	d.passwords, d.answers, d.dry, d.show = b.Passwords, b.Answer, b.DryRun, o.Show
	c.Own(d)
	c.Push(sessionType.Value(d))
}

// spawnOptions are the options of expect.spawn.
type spawnOptions struct {
	Timeout       time.Duration
	Dir, Term     string
	Env           map[string]string
	Rows, Columns int
	Strip         lua.LValue
	Query, Show   bool
	Echo          *bool
	Keep          int
}

// host:session([options]) -> session
//
// Opens a terminal on the host with the user's shell in it; on farm.here() it
// is that of this machine. Wait for its prompt before you send anything. The
// session is closed when the function that opened it ends. In a turn of a rollout
// it is one command from its beginning to its end: resume ends the shell that a killed
// farmrun has left, with all that runs in it. There the login has to lead to a shell.
// Options, of which expect.spawn tells more:
//
//   - timeout ("30s"): the deadline of each wait that has none of its own
//   - term ("dumb"), rows (24), columns (1000): the type of the terminal and its
//     size
//   - strip, echo, keep, query, show: as for expect.spawn
func (b binding) session(c *luahost.Call) {
	host, o := luahost.Arg[Host](c, 1, "a host"), luahost.Options[sessionOptions](c, 2)
	b.allow(c, o.Query)
	size := remote.TerminalOptions{Term: o.Term, Rows: o.Rows, Columns: o.Columns}.WithDefaults()
	var t remote.Terminal
	c.Wait("host:session on "+host.Name(), openTimeout, func(ctx context.Context) (err error) {
		t, err = host.Terminal(ctx, size)
		return err
	})
	d := newDialogue(t, size, b.options(o.Keep, stripOption(c, o.Strip), o.Echo))
	d.host, d.name, d.timeout, d.take = host.Name(), "the session on "+host.Name(), cmp.Or(o.Timeout, waitTimeout), b.Screen
	d.passwords, d.answers, d.dry, d.show = b.Passwords, b.Answer, b.DryRun, o.Show
	if b.Sessions != nil {
		d.forget = b.Sessions.add(d)
	}
	c.Own(d)
	c.Push(sessionType.Value(d))
}

// sessionOptions are the options of host:session.
type sessionOptions struct {
	Timeout       time.Duration
	Term          string
	Rows, Columns int
	Strip         lua.LValue
	Query, Show   bool
	Echo          *bool
	Keep          int
}

// allow refuses what is no query in a dry run.
func (b binding) allow(c *luahost.Call, query bool) {
	if b.DryRun && !query {
		c.Raisef(luahost.Refused, "%s: a dry run begins no dialogue that is not marked by query = true", c.Name())
	}
}

// options are those of a session in a script.
func (b binding) options(keep int, strip Strip, echo *bool) Options {
	return Options{Keep: keep, Strip: strip, Echo: echoOption(echo), Mask: b.Mask}
}

// stripOption is false or nil, true, or "screen".
func stripOption(c *luahost.Call, v lua.LValue) Strip {
	switch v {
	case nil, lua.LNil, lua.LFalse:
		return StripNone
	case lua.LTrue:
		return StripEscapes
	case lua.LString("screen"):
		return StripScreen
	}
	c.Fail(`option "strip": false, true or "screen" expected`)
	return StripNone
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
