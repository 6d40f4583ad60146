package expect

import (
	"cmp"
	"context"
	"time"

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
// says on both outputs. The shell has to be one of POSIX; after csh begin one by
// session:send "exec sh\n". Options: timeout ("10m"), at which the command is
// interrupted, and check and keep, as for host:run.
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
	command.Run(c, d.host, cmd, shared, func(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
		if d.dry && !query {
			return remote.Result{Dry: true}, nil
		}
		return d.Run(ctx, cmd)
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
