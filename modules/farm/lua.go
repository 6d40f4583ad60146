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
	"farmrun/luahost/gate"
	"farmrun/luahost/remote"
	"farmrun/modules/farm/nodeset"
)

// Module is the Lua half of a Farm:
//
//	local farm = require "farm"
//
// It names the site's hosts, works on many at once, and takes them off the air
// one at a time.
//
// A set of hosts is written as ClusterShell has it: "webserv[1-20]",
// "webserv[01-10/3],db1", "@web!webserv7" (all of the group web but one),
// "@web&rack[1-2]n[1-4]", "@a^@b". Wherever a function takes hosts, a set, a
// host, or a list of hosts will do. A set that comes to nothing is an error.
//
// A host has two fields, and tostring gives its name:
//
//   - host.name (string): its name
//   - host.vars (table): what the site file says of it under vars
//
// methods are further methods of hosts, from other modules.
func Module(f *Farm, methods map[string]luahost.Func) luahost.Module {
	b := &binding{farm: f, undos: map[*Host][]undo{}}
	b.host = hostType(b, methods)
	return luahost.Module{
		Name: "farm",
		Funcs: map[string]luahost.Func{
			"site":    b.site,
			"hosts":   b.hosts,
			"here":    b.here,
			"names":   b.names,
			"each":    b.each,
			"rollout": b.rollout,
			"dry_run": b.dryRun,
		},
		Types: []luahost.Methods{b.host},
	}
}

// binding is what the functions share. Lua's lock guards it.
type binding struct {
	farm  *Farm
	host  *luahost.Type[*Host]
	undos map[*Host][]undo // of the turns under way, in order
}

// undo is how to take back a step.
type undo struct {
	step string
	fn   *lua.LFunction
}

// hostType is how hosts look in Lua.
func hostType(b *binding, methods map[string]luahost.Func) *luahost.Type[*Host] {
	all := map[string]luahost.Func{
		"run": b.run, "query": b.query, "tell": b.tell, "ask": b.ask,
		"step": b.step, "log": b.log, "disconnect": b.disconnect,
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

// farm.site{ groups = {...}, hosts = {...} }
//
// Says which hosts there are; the site file calls it once. From then on a host
// that the site does not name is an error.
//
//	farm.site {
//	  groups = { web = "webserv[1-20]", all = "@web,lb1" },
//	  hosts  = { ["@web"] = { user = "web" }, webserv7 = { port = 2222 } },
//	}
//
// groups gives names to sets, which are used as "@web". hosts gives settings to
// sets; where two sets share a host, the one with fewer hosts counts. Settings
// are
//
//   - login ("ssh"): how to log in
//   - address: where the host is, if its name is not the address
//   - user, port: as whom and where to log in
//   - options: keywords of ssh_config(5) with their values
//   - vars: a table of your own, which scripts find as host.vars
func (b *binding) site(c *luahost.Call) {
	type settings struct {
		Login, Address, User string
		Port                 int
		Options              map[string]string
		Vars                 map[string]lua.LValue
	}
	opts := luahost.Options[struct {
		Groups map[string]string
		Hosts  map[string]settings
	}](c, 1)
	s := Site{Groups: opts.Groups, Hosts: map[string]Settings{}}
	for set, o := range opts.Hosts {
		vars := map[string]any{}
		for k, v := range o.Vars {
			vars[k] = v
		}
		login := Login{Login: o.Login, Address: o.Address, User: o.User, Port: o.Port, Options: o.Options}
		s.Hosts[set] = Settings{Login: login, Vars: vars}
	}
	if err := b.farm.Define(s); err != nil {
		c.Raise(&luahost.Error{Kind: luahost.Script, Message: err.Error(), Err: err})
	}
}

// farm.hosts(set) -> hosts
//
// Returns the hosts of a set, in the set's order. Of a list of sets it is the
// hosts of each in turn: farm.hosts{"webserv9", "webserv[1-5]"}.
func (b *binding) hosts(c *luahost.Call) {
	c.Push(b.values(b.take(c, 1)))
}

// farm.here() -> host
//
// Returns the host that stands for this machine, the operator's: its run and
// query start programs here.
func (b *binding) here(c *luahost.Call) {
	h, err := b.farm.Here()
	if err != nil {
		c.Raise(err)
	}
	c.Push(b.host.Value(h))
}

// farm.dry_run() -> boolean
//
// Tells whether this is a dry run, in which commands that change something are
// printed and not run, so that a script does not look for their effects.
func (b *binding) dryRun(c *luahost.Call) {
	c.Push(b.farm.config.DryRun)
}

// farm.names(hosts) -> string
//
// Returns the names of hosts in the short form of a set: "webserv[1-3,5]".
// It also takes a list of names.
func (b *binding) names(c *luahost.Call) {
	if list, ok := c.Value(1).(*lua.LTable); ok {
		if _, isName := list.RawGetInt(1).(lua.LString); isName || list.Len() == 0 {
			c.Push(nodeset.Fold(c.Strings(1)))
			return
		}
	}
	c.Push(nodeset.Fold(Names(b.take(c, 1))))
}

// farm.each(hosts [, options], work) -> results
//
// Calls work(host) for every host, many at once, and waits for all; returns a
// table of what work returned, by host name. Not for what takes a host off the
// air: that is farm.rollout. That one host fails does not stop the others; at
// the end an error of kind "hosts" is raised whose field failures has the
// errors by host name. Options:
//
//   - parallel (32): how many at once
//   - timeout ("1h"): the time for each host's part
//   - on_failure ("continue"): "stop" begins no further host when one has
//     failed
//   - first (false): true has one host do its part before the others begin,
//     which they do only if it does not fail
//   - check (true): false raises no error, but returns the failures as a second
//     table
func (b *binding) each(c *luahost.Call) {
	opts := luahost.Options[struct {
		Parallel  int
		Timeout   time.Duration
		OnFailure string
		First     bool
		Check     *bool
	}](c, optionsAt(c))
	hosts, work := b.take(c, 1), c.Function(c.Count())
	if opts.Parallel < 0 {
		c.Fail(`option "parallel": a number above zero expected, got %d`, opts.Parallel)
	}
	stop := c.Choice("on_failure", opts.OnFailure, "continue", "stop") == "stop"
	results := make([]lua.LValue, len(hosts))
	index := map[*Host]int{}
	for i, h := range hosts {
		index[h] = i
	}
	timeout := cmp.Or(opts.Timeout, time.Hour)
	err := c.Try("farm.each", 0, func(ctx context.Context) error {
		return b.farm.Each(ctx, hosts, EachOptions{opts.Parallel, stop, opts.First}, func(ctx context.Context, h *Host) (err error) {
			results[index[h]], err = c.Runtime().Call(ctx, luahost.Task{
				Host: h.name, What: "the part of " + h.name, Timeout: timeout,
			}, work, b.host.Value(h))
			return err
		})
	})
	var failed *EachError
	errors.As(err, &failed)
	_, exit := errors.AsType[*luahost.ExitRequest](err)
	mayFail := opts.Check != nil && !*opts.Check && failed != nil && failed.Why == nil && !exit
	if err != nil && !mayFail {
		c.Raise(b.eachFailed(hosts, err))
	}
	table := c.L.NewTable()
	for i, h := range hosts {
		if results[i] != nil {
			table.RawSetString(h.name, results[i])
		}
	}
	c.Push(table)
	if opts.Check != nil && !*opts.Check {
		failures := map[string]error{}
		if failed != nil {
			failures = failed.Failures()
		}
		c.Push(failures)
	}
}

// eachFailed words the failure of an each; a single host's stays as it is.
func (b *binding) eachFailed(hosts []*Host, err error) error {
	var failed *EachError
	var exit *luahost.ExitRequest
	switch {
	case errors.As(err, &exit):
		return exit
	case !errors.As(err, &failed):
		return &luahost.Error{Kind: luahost.Script, Message: "farm.each: " + err.Error(), Err: err}
	}
	if len(hosts) == 1 && len(failed.Failed) == 1 {
		return failed.Failed[0].Err
	}
	return &luahost.Error{Kind: luahost.Hosts, Message: err.Error(), Err: err}
}

// optionsAt returns where the options of a call stand whose last argument is a
// function: between that and the first, or nowhere.
func optionsAt(c *luahost.Call) int {
	if c.Count() > 2 {
		return 2
	}
	return c.Count() + 1
}

// farm.rollout(hosts, options, turn)
//
// Takes the hosts through turn(host) in series, so that never more than
// max_offline of them are out of service, counting those that were sick before.
// Before each turn all hosts are asked whether they are healthy. A host leaves
// the budget only when healthy has said yes for it after its turn; only then,
// and after it has settled, the next turn begins. The first turn that fails
// halts the rollout with an error of kind "halted": no further host is touched.
// Options:
//
//   - healthy (required): the function that tells whether a host does its work;
//     it raises an error, or returns false, for one that does not
//   - max_offline (1): how many hosts may be out of service at once
//   - turn ("10m"): the time for a whole turn
//   - within ("1m"): how long a host may take to get well after its turn
//   - settle ("0s"): how long it is back before the next leaves
//   - wait ("0s"): how long to wait when hosts that are sick for another reason
//     use up the budget
//   - max_failures (0): how many turns may fail without a halt
//   - mend (false): true lets the turns of sick hosts begin although other sick
//     ones use up the budget, for a farm that is broken
//   - on_failure ("halt"): what becomes of a host whose turn failed: "halt"
//     leaves it as it is, "undo" calls the undo of each of its steps, last first
func (b *binding) rollout(c *luahost.Call) {
	opts := luahost.Options[struct {
		Healthy     *lua.LFunction `lua:"healthy,required"`
		MaxOffline  int
		MaxFailures int
		Mend        bool
		Turn        time.Duration
		Within      time.Duration
		Settle      time.Duration
		Wait        time.Duration
		OnFailure   string
	}](c, 2)
	hosts, turn := b.take(c, 1), c.Function(3)
	r := Rollout{
		MaxOffline: opts.MaxOffline, MaxFailures: opts.MaxFailures, Mend: opts.Mend,
		Turn: opts.Turn, Within: opts.Within, Settle: opts.Settle, Wait: opts.Wait,
		Healthy: func(ctx context.Context, h *Host) error { return b.healthy(ctx, c.Runtime(), opts.Healthy, h) },
	}
	if c.Choice("on_failure", opts.OnFailure, "halt", "undo") == "undo" {
		r.Undo = func(ctx context.Context, h *Host) error { return b.undo(ctx, c.Runtime(), h) }
	}
	err := c.Try("farm.rollout", 0, func(ctx context.Context) error {
		return b.farm.Rollout(ctx, hosts, r, func(ctx context.Context, h *Host) error {
			task := luahost.Task{Host: h.name, What: "the turn of " + h.name, Timeout: cmp.Or(opts.Turn, gate.DefaultTurnTimeout)}
			c.Runtime().Locked(func() { delete(b.undos, h) })
			_, err := c.Runtime().Call(ctx, task, turn, b.host.Value(h))
			return err
		})
	})
	if err != nil {
		b.rolloutFailed(c, err)
	}
}

// healthy asks the script whether a host is well: it is unless the function
// raises an error or returns false.
func (b *binding) healthy(ctx context.Context, rt *luahost.Runtime, fn *lua.LFunction, h *Host) error {
	answer, err := rt.Call(ctx, luahost.Task{Host: h.name}, fn, b.host.Value(h))
	if err == nil && answer == lua.LFalse {
		return errors.New("healthy returned false")
	}
	return err
}

// undo takes back the steps of a host's turn, last first. Each gets its turn
// although another failed.
func (b *binding) undo(ctx context.Context, rt *luahost.Runtime, h *Host) error {
	var undos []undo
	rt.Locked(func() { undos = b.undos[h]; delete(b.undos, h) })
	var errs []error
	for i := len(undos) - 1; i >= 0; i-- {
		b.farm.config.Console.Note(h.name, "undo %s", undos[i].step)
		task := luahost.Task{Host: h.name, What: "undo of " + undos[i].step, Timeout: undoWithin}
		if _, err := rt.Call(ctx, task, undos[i].fn, b.host.Value(h)); err != nil {
			errs = append(errs, fmt.Errorf("undo %s: %w", undos[i].step, err))
		}
	}
	return errors.Join(errs...)
}

// rolloutFailed raises what ended a rollout. A turn that called os.exit ends
// the script, but not without a word on the hosts that are left.
func (b *binding) rolloutFailed(c *luahost.Call, err error) {
	var halt *gate.HaltError
	if !errors.As(err, &halt) {
		c.Raise(err)
	}
	e := haltError(halt, err)
	if exit, ok := errors.AsType[*luahost.ExitRequest](halt.Err); ok {
		c.Wait(c.Name(), 0, func(context.Context) error {
			b.farm.config.Console.Note("", "%s; %s", e.Message, e.Hint)
			return nil
		})
		c.Raise(exit)
	}
	c.Raise(e)
}

// haltError words why a rollout halted.
func haltError(halt *gate.HaltError, err error) *luahost.Error {
	e := &luahost.Error{Kind: luahost.Halted, Host: halt.Host, Message: "the rollout halted: " + halt.Err.Error(), Err: err}
	var inner *luahost.Error
	if halt.Host != "" && errors.As(halt.Err, &inner) { // of one host, not of several that are sick
		e.Step, e.Output, e.Where, e.Code = inner.Step, inner.Output, inner.Where, inner.Code
		e.Message = "the rollout halted: " + inner.Message
		e.Hint = inner.Hint
	}
	e.Hint = strings.TrimPrefix(e.Hint+"; "+whereItStands(halt.Report), "; ")
	return e
}

// whereItStands counts and names the hosts of a rollout that halted.
func whereItStands(r gate.Report) string {
	failed := make([]string, len(r.Failed))
	for i, f := range r.Failed {
		failed[i] = f.Host
	}
	return fmt.Sprintf("%d done, %d failed%s, %d not touched%s", len(r.Done),
		len(failed), inBrackets(failed), len(r.Left), inBrackets(r.Left))
}

func inBrackets(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + nodeset.Fold(names) + ")"
}

// take returns the hosts that argument n names: a set, a host, or a list of either.
func (b *binding) take(c *luahost.Call, n int) []*Host {
	switch v := c.Value(n).(type) {
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
		hosts = once(hosts)
		if len(hosts) == 0 {
			c.Fail("argument %d: there are no hosts in the list", n)
		}
		return hosts
	}
	return []*Host{hostIn(c, n, c.Value(n))}
}

// once returns hosts with each at its first place only.
func once(hosts []*Host) []*Host {
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
		e := &luahost.Error{Kind: luahost.Usage, Message: err.Error(), Err: err}
		if hinter, ok := errors.AsType[interface {
			error
			Hint() string
		}](err); ok {
			e.Hint = hinter.Hint()
		}
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
//
// The result is a table:
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
	command.Run(c, h.name, cmd, opts, h.Run)
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
func (b *binding) ask(c *luahost.Call) {
	h, address, text := luahost.Arg[*Host](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[askOptions](c, 4)
	var answer string
	c.Wait("host:ask "+address, cmp.Or(opts.Timeout, 10*time.Second), func(ctx context.Context) (err error) {
		answer, err = exchange(ctx, h, address, text)
		return err
	})
	c.Push(answer)
}

// host:tell(address, text [, options]) -> answer
//
// Is like host:ask, for what changes something: a dry run prints the text and
// returns "".
func (b *binding) tell(c *luahost.Call) {
	h, address, text := luahost.Arg[*Host](c, 1, "a host"), c.String(2), c.String(3)
	if b.farm.config.DryRun {
		b.note(c, h, fmt.Sprintf("would tell %s: %s", address, strings.TrimSpace(text)))
		c.Push("")
		return
	}
	b.ask(c)
}

// host:step(name, work [, undo])
//
// Does a named piece of the host's turn: calls work(host). The name stands in
// what is shown and in errors. undo(host) takes the step back when the turn
// fails and the rollout's on_failure is "undo"; it is called for a step that
// failed as well, since that may be half done.
func (b *binding) step(c *luahost.Call) {
	h, name, work := luahost.Arg[*Host](c, 1, "a host"), c.String(2), c.Function(3)
	if c.Has(4) {
		b.undos[h] = append(b.undos[h], undo{name, c.Function(4)})
	}
	b.note(c, h, name)
	defer c.Step(name)()
	if _, err := c.Protect(work, b.host.Value(h)); err != nil {
		c.Raise(err)
	}
}

// note tells the operator something about h. It gives the lock away meanwhile,
// since a terminal can be stopped.
func (b *binding) note(c *luahost.Call, h *Host, text string) {
	c.Wait(c.Name(), 0, func(context.Context) error {
		b.farm.config.Console.Note(h.name, "%s", text)
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

// host:disconnect()
//
// Logs out. The host logs in again when it is next asked to do something.
func (b *binding) disconnect(c *luahost.Call) {
	h := luahost.Arg[*Host](c, 1, "a host")
	c.Wait("host:disconnect", 10*time.Second, func(context.Context) error { return h.Close() })
}
