package farm

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
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
//
// dialogue reads the setting of that name for Login.Dialogue, or raises an
// error; nil refuses it.
func Module(f *Farm, methods map[string]luahost.Func, dialogue func(c *luahost.Call, v lua.LValue) any) luahost.Module {
	b := &binding{farm: f, dialogue: dialogue, undos: map[*Host][]undo{}, turns: map[*Host][]Choice{},
		answers: map[string]*shared{}, places: map[string]chan struct{}{}}
	b.host = hostType(b, methods)
	return luahost.Module{
		Name: "farm",
		Funcs: map[string]luahost.Func{
			"site":    b.site,
			"folder":  b.siteFolder,
			"hosts":   b.hosts,
			"here":    b.here,
			"names":   b.names,
			"share":   shareOfHosts,
			"fold":    fold,
			"each":    b.each,
			"rollout": b.rollout,
			"dry_run": b.dryRun,
			"resumed": b.resumed,
			"once":    b.once,
			"locked":  b.locked,
			"shared":  b.shared,
			"at_most": b.atMost,
			"holder":  b.holder,
			"unlock":  b.unlock,
		},
		Types: []luahost.Methods{b.host},
	}
}

// binding is what the functions share. Lua's lock guards it.
type binding struct {
	farm  *Farm
	host  *luahost.Type[*Host]
	undos map[*Host][]undo   // of the turns under way, in order
	turns map[*Host][]Choice // under way, with what can be chosen when they fail

	answers map[string]*shared       // that hosts share
	places  map[string]chan struct{} // of which each holds as many as are taken

	dialogue func(c *luahost.Call, v lua.LValue) any
	folder   string // of the file that called farm.site
}

// undo is how to take back a step.
type undo struct {
	step string
	fn   *lua.LFunction
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
//   - login ("ssh"): how to log in: "ssh" (or "slogin"), "telnet", "rlogin", or a
//     list of the words of any program on this machine that leads to a terminal
//     on the host, { "ssh", "-e", "none", "-tt", "console", "%h" }, in which %h
//     is the address, %r the user and %p the port; without -e none ssh takes a ~ at the
//     beginning of a line for itself. The same functions work on all of them.
//     telnet and rlogin send everything in clear, passwords too
//   - shell (true): false sends the commands of host:run and host:query as they
//     are, to a host that allows only certain ones, or has no shell. They can have
//     neither a directory nor an environment. Whatever else needs a command there
//     is an error of kind "refused", a rollout too. Only ssh has it
//   - dialogue: what a host asks before there is a shell, or before sshd lets the
//     user in, where farmrun does not know it: a list of cases, of which the
//     chapter "Teaching farmrun a new prompt" tells
//   - address: where the host is, if its name is not the address
//   - user, port: as whom and where to log in
//   - options: keywords of ssh_config(5) with their values
//   - forwards: the tunnels that are open for as long as the login is, a list of
//     { listen = 2401, to = "dev:2401" }: the port on the host's 127.0.0.1, and the
//     address it leads to, as this machine sees it. So cvs on the host gets at a
//     server without a word about it in a script. Only ssh has them; {} has none
//   - password_group: a name for the hosts that share their passwords. A password
//     is asked for once for each group and user, and sent to no host of another
//     group; all hosts without this setting are one group
//   - sudo_account: whose password sudo asks for there, where that is not the user
//     who is logged in, as with rootpw or targetpw in sudoers. A sudo that asks for
//     the password of any other account gets none
//   - vars: a table of your own, which scripts find as host.vars
//
// lock = { host = "lb1", path = "farmrun.lock" } is where rollouts on this farm
// lock each other out, from whatever machine they are started: a file on one of
// its hosts, which all operators can write. See farm.rollout.
//
// fence = "/var/lib/farmrun" is a directory on each host in which rollouts note that
// they own it, and how their commands ended. It must be there, and the login of each
// operator must be able to write in it. Without it a rollout uses .farmrun in the
// login's home, and can be resumed under the same login only.
func (b *binding) site(c *luahost.Call) {
	type settings struct {
		Login         lua.LValue
		Shell         *bool
		Dialogue      lua.LValue
		Address, User string
		Port          int
		Options       map[string]string
		Forwards      []struct {
			Listen int    `lua:"listen,required"`
			To     string `lua:"to,required"`
		}
		PasswordGroup string
		SudoAccount   string
		Vars          map[string]lua.LValue
	}
	opts := luahost.Options[struct {
		Groups map[string]string
		Hosts  map[string]settings
		Lock   struct{ Host, Path string }
		Fence  string
	}](c, 1)
	s := Site{Groups: opts.Groups, Hosts: map[string]Settings{}, Lock: SiteLock(opts.Lock), Fence: opts.Fence}
	for set, o := range opts.Hosts {
		vars := map[string]any{}
		for k, v := range o.Vars {
			vars[k] = v
		}
		login := Login{Address: o.Address, User: o.User, Port: o.Port, Options: o.Options, Shell: o.Shell}
		login.Login, login.Program = takeLogin(c, set, o.Login)
		if o.Forwards != nil {
			login.Forwards = []Forward{}
		}
		for _, f := range o.Forwards {
			login.Forwards = append(login.Forwards, Forward(f))
		}
		if o.Dialogue != nil && o.Dialogue != lua.LNil {
			login.Dialogue = b.takeDialogue(c, o.Dialogue)
		}
		s.Hosts[set] = Settings{Login: login, PasswordGroup: o.PasswordGroup, SudoAccount: o.SudoAccount, Vars: vars}
	}
	if err := b.farm.Define(s); err != nil {
		c.Raise(&luahost.Error{Kind: luahost.Script, Message: err.Error(), Err: err})
	}
	b.folder = filepath.Dir(c.File())
}

// takeLogin reads how to log in: a word that means a protocol, or a program.
func takeLogin(c *luahost.Call, set string, v lua.LValue) (login string, program []string) {
	var err error
	switch v := v.(type) {
	case nil, *lua.LNilType:
	case *lua.LTable:
		if err = luahost.Decode(v, &program); err == nil && len(program) == 0 {
			err = errors.New("the list is empty")
		}
	default:
		if err = luahost.Decode(v, &login); err == nil {
			login = c.Choice("login", login, "ssh", "slogin", "telnet", "rlogin")
		}
	}
	if err != nil {
		c.Fail("the login of %s: %v", set, err)
	}
	return login, program
}

func (b *binding) takeDialogue(c *luahost.Call, v lua.LValue) any {
	if b.dialogue == nil {
		c.Fail("no login has a dialogue here")
	}
	return b.dialogue(c, v)
}

// farm.folder() -> dir
//
// Returns the folder of the site file, where a site keeps what belongs to it;
// "." as long as no file has called farm.site.
func (b *binding) siteFolder(c *luahost.Call) { c.Push(cmp.Or(b.folder, ".")) }

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

// farm.fold(answers) -> groups
//
// Puts hosts together that answer alike. answers has a text for each host name,
// or a list of texts, each of which is an answer of its own. The group of
// most hosts comes first. A group has these fields:
//
//   - group.answer (string): the answer
//   - group.hosts (string): the hosts, as farm.names writes them
func fold(c *luahost.Call) {
	answers := map[string][]string{}
	c.Table(1).ForEach(func(host, answer lua.LValue) {
		var list []string
		if text, ok := answer.(lua.LString); ok {
			list = []string{string(text)}
		} else if err := luahost.Decode(answer, &list); err != nil {
			c.Fail("the answer of %s: %v", host, err)
		}
		answers[host.String()] = list
	})
	c.Push(Fold(answers))
}

// farm.each(hosts [, options], work) -> results
//
// Calls work(host) for every host, many at once, and waits for all; returns a
// table of work's results by host name: results.web1, or pairs(results). For work
// that takes a host out of service, use farm.rollout. A host's failure does not
// stop the others. If one has failed, an error of kind "hosts" is raised at the
// end; its field failures has the errors by host name, for a single host, too.
// Options:
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
	opts := luahost.Options[eachOptions](c, optionsAt(c))
	hosts, work := b.take(c, 1), c.Function(c.Count())
	if opts.Parallel < 0 {
		c.Fail(`option "parallel": a number above zero expected, got %d`, opts.Parallel)
	}
	stop := c.Choice("on_failure", opts.OnFailure, "continue", "stop") == "stop"
	results, err := b.parts(c, hosts, EachOptions{opts.Parallel, stop, opts.First}, cmp.Or(opts.Timeout, partTimeout), work)
	failures, onlyThose := failuresIn(err)
	check := opts.Check == nil || *opts.Check
	if err != nil && (check || !onlyThose) {
		c.Raise(eachFailed(err))
	}
	c.Push(results)
	if !check {
		c.Push(failures)
	}
}

// eachOptions are the options of farm.each.
type eachOptions struct {
	Parallel  int
	Timeout   time.Duration
	OnFailure string
	First     bool
	Check     *bool
}

// partTimeout is the time for each host's part unless the script says otherwise.
const partTimeout = time.Hour

// parts calls work for every host and returns what it returned, by host name.
func (b *binding) parts(c *luahost.Call, hosts []*Host, opts EachOptions, timeout time.Duration, work *lua.LFunction) (map[string]lua.LValue, error) {
	values := make(map[*Host]*lua.LValue, len(hosts)) // the map does not change while hosts are at work
	for _, h := range hosts {
		values[h] = new(lua.LValue)
	}
	err := c.Try("farm.each", 0, func(ctx context.Context) error {
		return b.farm.Each(ctx, hosts, opts, func(ctx context.Context, h *Host) (err error) {
			task := luahost.Task{Host: h.name, What: "the part of " + h.name, Timeout: timeout}
			*values[h], err = c.Runtime().Call(ctx, task, work, b.host.Value(h))
			return err
		})
	})
	results := make(map[string]lua.LValue, len(hosts))
	for h, v := range values {
		if *v != nil {
			results[h.name] = *v
		}
	}
	return results, err
}

// failuresIn returns the failures that err is about, by host name, and whether
// it is about nothing else: no exit, no stop.
func failuresIn(err error) (failures map[string]error, only bool) {
	several, ok := errors.AsType[*EachError](err)
	if !ok {
		return map[string]error{}, false
	}
	_, exit := errors.AsType[*luahost.ExitRequest](err)
	return several.Failures(), several.Why == nil && !exit
}

// eachFailed words the failure of an each; that of a single host has the text of
// the host's own error.
func eachFailed(err error) error {
	var failed *EachError
	var exit *luahost.ExitRequest
	switch {
	case errors.As(err, &exit):
		return exit
	case !errors.As(err, &failed):
		return &luahost.Error{Kind: luahost.Script, Message: "farm.each: " + err.Error(), Err: err}
	}
	of := luahost.Error{Message: err.Error()}
	if own, ok := failed.only(); ok {
		of = *own
	}
	of.Kind, of.Err = luahost.Hosts, err
	return &of
}

// farm.shared(name, ask) -> answer
//
// Returns what ask() returns, for all hosts alike: the first that comes with
// this name calls it, and the others wait for that, whatever they come with. An
// error that it raises is raised to all. It is for a question that takes its
// time and has one answer, which lasts until the script ends:
//
//	local revisions = farm.shared("revisions", function() return cvs.revisions(host, of) end)
func (b *binding) shared(c *luahost.Call) {
	name, ask := c.String(1), c.Function(2)
	a := b.answers[name]
	if a == nil {
		a = &shared{there: make(chan struct{}), err: errors.New("nobody has answered")}
		b.answers[name] = a
		a.get(c, ask)
	}
	c.Wait("farm.shared "+name, 0, a.wait)
	if a.err != nil {
		c.Raise(a.err)
	}
	c.Push(a.value)
}

// farm.at_most(n, name, work) -> result
//
// Calls work() and returns what it returns, while no more than n hosts are at
// work of that name; those that come later wait for their turn. It spares a
// server that all need, where farm.each would have them wait with all the rest of
// what they do:
//
//	farm.at_most(8, "cvs", function() cvs.checkout(host, of) end)
func (b *binding) atMost(c *luahost.Call) {
	n, name, work := c.Int(1), c.String(2), c.Function(3)
	if n < 1 {
		c.Fail("argument 1: a number above zero expected, got %d", n)
	}
	places := b.places[name]
	if places == nil {
		places = make(chan struct{}, n)
		b.places[name] = places
	}
	c.Wait("farm.at_most "+name, 0, func(ctx context.Context) error {
		select {
		case places <- struct{}{}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	defer func() { <-places }()
	result, err := c.Protect(work)
	if err != nil {
		c.Raise(err)
	}
	c.Push(result)
}

// shared is what one host gets for all.
type shared struct {
	there chan struct{} // closed when value and err stand
	value lua.LValue
	err   error
}

func (a *shared) get(c *luahost.Call, ask *lua.LFunction) {
	defer close(a.there)
	a.value, a.err = c.Protect(ask)
}

func (a *shared) wait(ctx context.Context) error {
	select {
	case <-a.there:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// optionsAt returns where the options of a call stand whose last argument is a
// function: between that and the first, or nowhere.
func optionsAt(c *luahost.Call) int {
	if c.Count() > 2 {
		return 2
	}
	return c.Count() + 1
}
