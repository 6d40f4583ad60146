package expect

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/command"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// shellOptions are the options of session:run and session:query.
type shellOptions struct {
	Timeout time.Duration
	Check   *bool
	Keep    int
}

// The times that commands have in a session unless the script says otherwise.
const (
	runTimeout   = 10 * time.Minute
	queryTimeout = time.Minute
)

// session:run(command [, options]) -> result
//
// Runs a command in the session's own shell, which waits for a line, so that a
// cd, an umask, a variable or session:su lasts. The command is a line, or a list
// of words, and the result that of host:run, but stdout has what the command
// says on both outputs. The shell's next prompt is there for the next wait. The shell has
// to be one of POSIX; after csh begin one by session:send "exec sh\n". Options: timeout
// ("10m"), at which the command is interrupted, and check and keep, as for host:run.
func shellRun(c *luahost.Call) { runInShell(c, false, runTimeout) }

// session:query(command [, options]) -> result
//
// Is like session:run, for a command that only looks: a dry run does it, too. It
// has a minute.
func shellQuery(c *luahost.Call) { runInShell(c, true, queryTimeout) }

func runInShell(c *luahost.Call, query bool, timeout time.Duration) {
	d, cmd := luahost.Arg[*dialogue](c, 1, "a session"), command.Take(c, 2)
	o := luahost.Options[shellOptions](c, 3)
	cmd.Query = query
	shared := command.Options{Timeout: cmp.Or(o.Timeout, timeout), Check: o.Check, Keep: o.Keep}
	res := command.Run(c, d.host, cmd, shared, func(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
		if d.dry && !query {
			return remote.Result{Dry: true}, nil
		}
		return d.Run(ctx, cmd)
	})
	d.printCommand(c, "$ ", cmd, res)
}

// session:check()
//
// Fails, with an error of kind "exit", unless the last command of the session's shell
// succeeded; the shell, which waits for a line, is asked for its status. It is for commands
// that session:run cannot run, since a person's keys made them, or answered them. The shell
// is one of POSIX, or tcsh.
func shellCheck(c *luahost.Call) {
	d := luahost.Arg[*dialogue](c, 1, "a session")
	d.wait(c, "in", queryTimeout, func(ctx context.Context) error {
		res, err := d.Last(ctx)
		if err != nil {
			return err
		}
		return res.Err(remote.Cmd{Line: "the last command"})
	})
}

// suTimeout leaves the operator time to type a password.
const suTimeout = 2 * time.Minute

// session:su([user])
//
// Becomes another user ("root") in the session, by su, until that user's shell
// is left by exit. The password is asked for when su wants one, once for all
// hosts, and tried on one host first; one that is rejected is an error of kind
// "login", and so is a su that asks for another user's. The operator answers su's
// other questions, such as one for a code, for each session.
func su(c *luahost.Call) {
	d, name := luahost.Arg[*dialogue](c, 1, "a session"), ""
	if c.Has(2) {
		name = c.String(2)
	}
	if d.dry {
		c.Raisef(luahost.Refused, "%s: not in a dry run", c.Name())
	}
	d.wait(c, "in", suTimeout, func(ctx context.Context) error {
		return d.Su(secret.OnHost(ctx, d.host), name, d.passwords, d.answers)
	})
}

// deviceOptions are the options of session:command.
type deviceOptions struct {
	Prompt, Pager, Errors lua.LValue
	Timeout, Silence      time.Duration
	Check                 *bool
	Keep                  int
}

// session:command(line [, options]) -> result
//
// Types a line at the prompt of a device that has no POSIX shell, such as a router, and
// returns its output, exact to the byte: without the echo, the pager's questions and the
// prompt. The result is that of host:run; stdout has the lines as a person sees them. All
// output before the command is forgotten.
//
//	local s = host:session()
//	s:expect "> ?$"
//	for line in s:command("show interfaces").stdout:gmatch "[^\n]+" do … end
//
// A line by which the device rejects the command is an error of kind "exit". Options:
//
//   - prompt: the pattern of the prompt that comes next, or { "…", quiet = "50ms" }, as a
//     case of session:expect; by default the line where the cursor is now. A command that
//     changes the prompt needs it: s:command("conf t", { prompt = [[\(config\)# ?$]] })
//   - pager: the pattern of the pager's question, which is answered with a blank, or
//     { "…", "\r" }, which is answered with that; false: there is none. By default the
//     questions of the usual devices
//   - errors: a regular expression of the lines by which the device rejects a command;
//     false: there are none. By default those of the usual devices, if the output has no
//     more than ten lines
//   - check (true): false returns a result with code 1 instead of that error
//   - timeout ("10m"): the deadline of all
//   - silence: a deadline for no output at all; by default that of the session's waits
//   - keep: as for host:run
func deviceCommand(c *luahost.Call) {
	d, cmd := luahost.Arg[*dialogue](c, 1, "a session"), remote.Cmd{Line: c.String(2)}
	o := luahost.Options[deviceOptions](c, 3)
	device := takeDevice(c, o)
	device.Silence = cmp.Or(o.Silence, d.timeout)
	shared := command.Options{Timeout: cmp.Or(o.Timeout, runTimeout), Check: o.Check, Keep: o.Keep}
	res := command.Run(c, d.host, cmd, shared, func(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
		res, err := d.Command(ctx, cmd.Line, device, cmd.Keep)
		if _, rejected := errors.AsType[*RejectedError](err); rejected && o.Check != nil && !*o.Check {
			err = nil
		}
		return res, err
	})
	d.printCommand(c, "> ", cmd, res)
}

// takeDevice reads the options.
func takeDevice(c *luahost.Call, o deviceOptions) Device {
	d := UsualDevice()
	if isGiven(o.Prompt) {
		prompt := takeChoice(c, "option \"prompt\"", o.Prompt).pattern
		d.Prompt = &prompt
	}
	switch {
	case o.Pager == lua.LFalse:
		d.Pager = nil
	case isGiven(o.Pager):
		is := takeChoice(c, "option \"pager\"", o.Pager)
		d.Pager = &is.pattern
		if page, ok := is.value.(lua.LString); ok {
			d.Page = string(page)
		}
	}
	switch expr, ok := o.Errors.(lua.LString); {
	case o.Errors == lua.LFalse:
		d.Errors = nil
	case ok:
		re, err := regexp.Compile("(?m)" + string(expr))
		if err != nil {
			c.Fail("option \"errors\": %v", err)
		}
		d.Errors, d.AllLines = re, true
	case isGiven(o.Errors):
		c.Fail(`option "errors": a pattern or false expected`)
	}
	return d
}

func isGiven(v lua.LValue) bool { return v != nil && v != lua.LNil }
