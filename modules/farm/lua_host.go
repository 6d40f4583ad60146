package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/command"
	"farmrun/luahost/remote"
	"farmrun/modules/farm/nodeset"
)

// hostType is how hosts look in Lua.
func hostType(b *binding, methods map[string]luahost.Func) *luahost.Type[*Host] {
	all := map[string]luahost.Func{
		"run": b.run, "query": b.query, "tell": b.tell, "ask": b.ask,
		"step": b.step, "log": b.log, "user": b.user, "renewed": b.renewed, "disconnect": b.disconnect,
		"remember": b.remember, "recall": b.recall,
	}
	maps.Copy(all, methods)
	return &luahost.Type[*Host]{
		Name:    "host",
		Methods: all,
		Fields:  []string{"name", "vars"},
		Field: func(h *Host, name string) (any, bool) {
			switch name {
			case "name":
				return h.name, true
			case "vars":
				return h.settings.Vars, true
			}
			return nil, false
		},
		String: func(h *Host) string { return h.name },
		Intern: true,
	}
}

// take returns the hosts that argument n names: a set, a host, or a list of either.
func (b *binding) take(c *luahost.Call, n int) []*Host { return b.hostsOf(c, n, c.Value(n)) }

// hostsOf is take for a value that is in argument n, or is it.
func (b *binding) hostsOf(c *luahost.Call, n int, v lua.LValue) []*Host {
	switch v := v.(type) {
	case lua.LString:
		return b.expand(c, string(v))
	case *lua.LTable:
		var hosts []*Host
		for i := range v.Len() {
			if set, ok := v.RawGetInt(i + 1).(lua.LString); ok {
				hosts = append(hosts, b.expand(c, string(set))...)
				continue
			}
			hosts = append(hosts, hostIn(c, n, v.RawGetInt(i+1)))
		}
		hosts = distinct(hosts)
		if len(hosts) == 0 {
			c.Fail("argument %d: there are no hosts in the list", n)
		}
		return hosts
	}
	return []*Host{hostIn(c, n, v)}
}

// distinct returns hosts with each at its first place only.
func distinct(hosts []*Host) []*Host {
	seen := make(map[*Host]bool, len(hosts))
	return slices.DeleteFunc(hosts, func(h *Host) bool {
		again := seen[h]
		seen[h] = true
		return again
	})
}

func hostIn(c *luahost.Call, n int, v lua.LValue) *Host {
	if ud, ok := v.(*lua.LUserData); ok {
		if h, ok := ud.Value.(*Host); ok {
			return h
		}
	}
	c.Fail("argument %d: hosts expected (a set such as \"webserv[1-20]\", a host, or a list of hosts)", n)
	return nil
}

func (b *binding) expand(c *luahost.Call, set string) []*Host {
	hosts, err := b.farm.Hosts(set)
	if err != nil {
		e := &luahost.Error{Kind: luahost.Usage, Message: err.Error(), Hint: luahost.HintOf(err), Err: err}
		if _, group := errors.AsType[*nodeset.UnknownGroupError](err); group && !b.farm.defined() {
			e.Hint = "groups are named by the site file, and none was read"
		}
		c.Raise(e)
	}
	return hosts
}

func (b *binding) values(hosts []*Host) []luahost.Pusher {
	values := make([]luahost.Pusher, len(hosts))
	for i, h := range hosts {
		values[i] = b.host.Value(h)
	}
	return values
}

// runOptions are the options of host:run and host:query.
type runOptions struct {
	Dir     string
	Env     map[string]string
	Stdin   string
	Timeout time.Duration
	Check   *bool
	Quiet   *bool
	Keep    int
	Title   string
}

// The times that commands have unless the script says otherwise.
const (
	runTimeout   = 10 * time.Minute
	queryTimeout = time.Minute
)

// host:run(command [, options]) -> result
//
// Runs a command that changes something; a dry run prints it instead. command
// is a line for the shell, or a list of words, which are quoted for it:
// host:run{"cvs", "up", path}. What it says is shown as it comes, with the
// host's name before each line. An exit status other than 0 is an error of kind
// "exit". Options:
//
//   - dir: where to run it
//   - env: a table of environment variables
//   - stdin: text for its input
//   - timeout ("10m"): when it is ended on the host, with all its children
//   - check (true): false returns a failure as a result
//   - quiet (false): true does not show what it says
//   - keep (1 MiB): how many bytes of each stream the result has; of what is
//     longer the middle is cut
//   - title: the command's name in errors and dry runs, in place of its words
//
// The result has these fields, and no others can be read:
//
//   - result.stdout (string): its output
//   - result.stderr (string): what it complained about
//   - result.text (string): stdout without its last line end
//   - result.code (integer): its exit status
//   - result.signal (string): the signal that ended it, or ""
//   - result.duration (number): how long it took, in seconds
//   - result.dry (boolean): true if it was not run
func (b *binding) run(c *luahost.Call) {
	b.command(c, remote.Cmd{}, runTimeout)
}

// host:query(command [, options]) -> result
//
// Runs a command that only looks. It is like host:run, but it runs in a dry
// run as well, does not show what the command says unless quiet = false, and
// has a minute.
func (b *binding) query(c *luahost.Call) {
	b.command(c, remote.Cmd{Query: true, Quiet: true}, queryTimeout)
}

func (b *binding) command(c *luahost.Call, how remote.Cmd, timeout time.Duration) {
	h, cmd := luahost.Arg[*Host](c, 1, "a host"), command.Take(c, 2)
	cmd.Query, cmd.Quiet = how.Query, how.Quiet
	opts := command.Options(luahost.Options[runOptions](c, 3))
	opts.Timeout = cmp.Or(opts.Timeout, timeout)
	command.Run(c, h.name, cmd, opts, h.runAsIs)
}

// askOptions are the options of host:ask and host:tell.
type askOptions struct {
	Timeout time.Duration
}

// host:ask(address, text [, options]) -> answer
//
// Connects to a socket as seen from the host, "localhost:11211" or
// "unix:/run/haproxy/admin.sock", sends text, and returns all that comes back
// until the other side closes. It is for questions: it asks in a dry run as
// well. Options: timeout ("10s").
func (b *binding) ask(c *luahost.Call) { b.exchange(c, "host:ask", false) }

// host:tell(address, text [, options]) -> answer
//
// Is like host:ask, for what changes something: a dry run prints the text and
// returns "". In a turn it fails, as a command does, if the run does not own the host
// any more.
func (b *binding) tell(c *luahost.Call) { b.exchange(c, "host:tell", true) }

func (b *binding) exchange(c *luahost.Call, name string, changes bool) {
	h, address, text := luahost.Arg[*Host](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[askOptions](c, 4)
	if changes && b.farm.config.DryRun {
		b.note(c, h, fmt.Sprintf("would tell %s: %s", address, strings.TrimSpace(text)))
		c.Push("")
		return
	}
	var answer string
	c.Wait(name+" "+address, cmp.Or(opts.Timeout, 10*time.Second), func(ctx context.Context) (err error) {
		if changes {
			err = turnOf(ctx).mustOwn(ctx, h)
		}
		if err == nil {
			answer, err = exchange(ctx, h, address, text)
		}
		return err
	})
	c.Push(answer)
}

// host:step(name, work [, undo])
//
// Does a named piece of the host's turn: calls work(host). The name stands in
// the output and in errors. undo(host) takes the step back when the turn
// fails and the rollout's on_failure is "undo"; it is called for a step that
// failed as well, since that may be half done. An undo that fails is the last: those
// of the steps before are not called. On a terminal the operator decides about a
// step that fails, and may have it done again.
func (b *binding) step(c *luahost.Call) {
	h, name, work := luahost.Arg[*Host](c, 1, "a host"), c.String(2), c.Function(3)
	if c.Has(4) {
		b.undos[h] = append(b.undos[h], undo{name, c.Function(4)})
	}
	defer c.Step(name)()
	for again := true; again; {
		end := b.beginStep(c, h, name)
		_, err := c.Protect(work, b.host.Value(h))
		end(err)
		if again = err != nil; again {
			b.stepFailed(c, h, err)
		}
	}
}

// stepFailed raises the error of a step, unless the operator wants it done
// again.
func (b *binding) stepFailed(c *luahost.Call, h *Host, err error) {
	f := Failed{Host: h, Step: c.StepName(), Err: err, Choices: b.offer(h)}
	again := false
	c.Try(c.Name(), 0, func(ctx context.Context) error { // which does nothing when the time is over
		err, again = b.farm.settle(ctx, f)
		return nil
	})
	if !again {
		c.Raise(err)
	}
}

// beginStep tells the operator and the records of a step, and returns how to
// tell them of its end.
func (b *binding) beginStep(c *luahost.Call, h *Host, name string) (end func(error)) {
	path := c.StepName()
	c.Wait(c.Name(), 0, func(ctx context.Context) (err error) {
		b.farm.config.Console.Note(h.name, "%s", name)
		end, err = b.farm.beginStep(ctx, h.name, path)
		return err
	})
	return end
}

// note tells the operator something about h. It gives the lock away meanwhile,
// since a terminal can be stopped.
func (b *binding) note(c *luahost.Call, h *Host, text string) {
	c.Wait(c.Name(), 0, func(context.Context) error {
		console := b.farm.config.Console
		console.Note(h.name, "%s", console.Redact(text, text, h.name)) // a script may say what a host has printed
		return nil
	})
}

// host:log(text)
//
// Tells the operator something about the host, on standard error.
func (b *binding) log(c *luahost.Call) {
	h, text := luahost.Arg[*Host](c, 1, "a host"), c.String(2)
	b.note(c, h, text)
}

// host:user() -> name
//
// Returns who is logged in on the host, logging in first if need be.
func (b *binding) user(c *luahost.Call) {
	h := luahost.Arg[*Host](c, 1, "a host")
	var name string
	c.Wait("host:user of "+h.name, queryTimeout, func(ctx context.Context) (err error) {
		name, err = h.User(ctx)
		return err
	})
	c.Push(name)
}

// host:renewed() -> boolean
//
// Tells whether the password of who is logged in on the host was changed at
// login, since it had expired (see cli.renew), logging in first if need be.
func (b *binding) renewed(c *luahost.Call) {
	h := luahost.Arg[*Host](c, 1, "a host")
	var is bool
	c.Wait("host:renewed of "+h.name, queryTimeout, func(ctx context.Context) (err error) {
		is, err = h.Renewed(ctx)
		return err
	})
	c.Push(is)
}

// host:disconnect()
//
// Logs out. The host logs in again when it is next asked to do something.
func (b *binding) disconnect(c *luahost.Call) {
	h := luahost.Arg[*Host](c, 1, "a host")
	c.Wait("host:disconnect", 10*time.Second, func(context.Context) error { return h.Close() })
}
