package farm

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/gate"
	"farmrun/luahost/share"
)

// rolloutOptions are the options of farm.rollout.
type rolloutOptions struct {
	Healthy     *lua.LFunction `lua:"healthy,required"`
	MaxOffline  lua.LValue
	MaxFailures int
	Batches     []lua.LValue
	Watch       lua.LValue
	Mend        bool
	Turn        time.Duration
	Within      time.Duration
	Times       int
	Settle      time.Duration
	Wait        time.Duration
	OnFailure   string
	Back        *lua.LFunction
	Look        *lua.LFunction
	Lock        lua.LValue
}

// rolloutOf returns what opts ask for.
func (b *binding) rolloutOf(c *luahost.Call, hosts []*Host, opts rolloutOptions) Rollout {
	r := Rollout{
		MaxFailures: opts.MaxFailures, Mend: opts.Mend, Times: opts.Times,
		Turn: opts.Turn, Within: opts.Within, Settle: opts.Settle, Wait: opts.Wait,
		Lock:    b.lockOf(c, opts.Lock),
		Healthy: func(ctx context.Context, h *Host) error { return b.healthy(ctx, c.Runtime(), opts.Healthy, h) },
	}
	if opts.MaxOffline != nil {
		r.MaxOffline = shareOf(c, "max_offline", opts.MaxOffline, len(hosts))
	}
	for _, size := range opts.Batches {
		r.Batches = append(r.Batches, shareOf(c, "batches", size, len(hosts)))
	}
	if opts.Watch != nil {
		r.Watched = b.hostsOf(c, 2, opts.Watch)
	}
	if opts.Look != nil {
		r.Look = func(ctx context.Context, h *Host) (string, error) { return b.look(ctx, c.Runtime(), opts.Look, h) }
	}
	r.TakeBack = func(ctx context.Context, h *Host) error { return b.undo(ctx, c.Runtime(), h) }
	switch c.Choice("on_failure", opts.OnFailure, "halt", "undo", "rollback") {
	case "undo":
		r.Undo = r.TakeBack
	case "rollback":
		if opts.Back == nil {
			c.Fail(`on_failure = "rollback" needs the option "back", a host's turn on the way back`)
		}
		r.Back = func(ctx context.Context, h *Host) error {
			return b.turn(ctx, c.Runtime(), opts.Turn, opts.Back, h, Retry, TakeOver, Stop)
		}
	}
	return r
}

// shareOf reads a share of so many hosts from the option of that name.
func shareOf(c *luahost.Call, option string, v lua.LValue, hosts int) int {
	n, err := share.Of(v.String(), hosts)
	if err != nil {
		c.Fail("option %q: %v", option, err)
	}
	return n
}

// farm.share(share, hosts) -> number
//
// Returns how many of so many hosts a share means: a number of them, or a part
// such as "25%". A part is rounded down, and is at least 1.
func shareOfHosts(c *luahost.Call) {
	n, err := share.Of(c.String(1), c.Int(2))
	if err != nil {
		c.Fail("%v", err)
	}
	c.Push(n)
}

// lockOf returns the lock that the option of that name is about: a table, a
// path, or nothing, which is the site's.
func (b *binding) lockOf(c *luahost.Call, v lua.LValue) Lock {
	l, err := b.farm.SiteLock()
	if err != nil {
		c.Raise(err)
	}
	switch v := v.(type) {
	case nil:
	case lua.LString:
		l.Path = string(v)
	default:
		var opts struct {
			Host lua.LValue `lua:"host,required"`
			Path string     `lua:"path,required"`
		}
		if err := luahost.Decode(v, &opts); err != nil {
			c.Fail(`option "lock": %v`, err)
		}
		l = Lock{b.hostsOf(c, 2, opts.Host)[0], opts.Path}
	}
	if l.Path != "" && l.Host == nil {
		c.Fail(`option "lock": it is not said on which host; the site file has no lock`)
	}
	return l
}

// turn is a host's turn, by a function of the script, again and again if the
// operator says so. The way back is no turn that could be taken back or skipped.
func (b *binding) turn(ctx context.Context, rt *luahost.Runtime, timeout time.Duration, fn *lua.LFunction, h *Host, choices ...Choice) error {
	task := luahost.Task{Host: h.name, What: "the turn of " + h.name, Timeout: cmp.Or(timeout, gate.DefaultTurnTimeout)}
	defer rt.Locked(func() { delete(b.turns, h) })
	for {
		rt.Locked(func() { delete(b.undos, h); b.turns[h] = choices })
		_, err := rt.Call(ctx, task, fn, b.host.Value(h))
		if err == nil {
			return nil
		}
		var offer []Choice
		rt.Locked(func() { offer = b.offer(h) })
		err, again := b.farm.settle(ctx, Failed{Host: h, Err: err, Choices: offer})
		if !again {
			return err
		}
	}
}

// offer returns what the operator can choose when something has failed in a
// host's turn; nil if the host has none. The caller has Lua's lock.
func (b *binding) offer(h *Host) []Choice {
	return slices.DeleteFunc(slices.Clone(b.turns[h]), func(c Choice) bool { return c == Undo && len(b.undos[h]) == 0 })
}

// look asks the script how a host stands.
func (b *binding) look(ctx context.Context, rt *luahost.Runtime, fn *lua.LFunction, h *Host) (text string, err error) {
	answer, err := rt.Call(ctx, luahost.Task{Host: h.name, What: "look", Timeout: lookTime}, fn, b.host.Value(h))
	if err != nil {
		return "", err
	}
	rt.Locked(func() { text = answer.String() })
	if answer == lua.LNil {
		return "", errors.New("look returned nothing")
	}
	return text, nil
}

// lookTime is how long a look at a host may take.
const lookTime = time.Minute

// farm.resumed() -> boolean
//
// Tells whether this run was halted or killed before and goes on now: what
// stands in the way of a fresh run, such as a sick server, may be what it is to
// mend.
func (b *binding) resumed(c *luahost.Call) { c.Push(b.farm.config.Past != nil) }

// farm.once(name, decide) -> text
//
// Returns what decide() returns, a text or nil, and remembers it in the run's
// journal under name: a run that is resumed gets the same answer without calling
// decide. It is for what must not be decided anew halfway, and for what is to be
// done once in a run.
func (b *binding) once(c *luahost.Call) {
	name, decide := "once "+c.String(1), c.Function(2)
	if text, ok := b.farm.recallOwn("", name); ok {
		c.Push(luahost.OrNil(text))
		return
	}
	text := ""
	switch v := c.Invoke(decide).(type) {
	case *lua.LNilType:
	case lua.LString, lua.LNumber:
		text = v.String()
	default:
		c.Fail("a text or nil expected from the function, got a %s", v.Type())
	}
	b.remembered(c, "", name, text)
	c.Push(luahost.OrNil(text))
}

// host:remember(name, value)
//
// Writes something about the host into the run's journal, for host:recall.
// switchrel remembers so which release a server has left.
func (b *binding) remember(c *luahost.Call) {
	h, name, value := luahost.Arg[*Host](c, 1, "a host"), c.String(2), c.String(3)
	b.remembered(c, h.name, name, value)
}

func (b *binding) remembered(c *luahost.Call, host, name, value string) {
	c.Wait(c.Name(), 0, func(context.Context) error { return b.farm.Remember(host, name, value) })
}

// host:recall(name) -> value
//
// Returns what host:remember was given last under that name, in this run or in
// one before it that this operator has started on this machine; nil if nothing.
func (b *binding) recall(c *luahost.Call) {
	h, name := luahost.Arg[*Host](c, 1, "a host"), c.String(2)
	var value string
	c.Wait(c.Name(), 0, func(context.Context) error {
		value, _ = b.farm.Recall(h.name, name)
		return nil
	})
	c.Push(luahost.OrNil(value))
}

// farm.holder() -> text
//
// Returns who holds the site's lock, in words; nil if nobody does.
func (b *binding) holder(c *luahost.Call) {
	lock := b.siteLock(c)
	var text string
	c.Wait(c.Name(), lockTime, func(ctx context.Context) error {
		h, err := lock.Holder(ctx)
		if h != nil {
			text = h.String()
		}
		return err
	})
	c.Push(luahost.OrNil(text))
}

// farm.unlock(holder)
//
// Takes the site's lock away from whom farm.holder has named, if nobody else has
// it by now. Whoever calls it has made sure that no rollout is under way.
func (b *binding) unlock(c *luahost.Call) {
	lock, from := b.siteLock(c), c.String(1)
	c.Wait(c.Name(), 2*lockTime, func(ctx context.Context) error {
		h, err := lock.Holder(ctx)
		switch {
		case err != nil:
			return err
		case h == nil:
			return nil
		case h.String() != from:
			return &luahost.Error{Kind: luahost.Refused, Message: "another has the lock by now: " + h.String()}
		}
		return lock.Break(ctx, *h)
	})
}

// siteLock returns the site's lock, which must be there.
func (b *binding) siteLock(c *luahost.Call) Lock {
	l := b.lockOf(c, nil)
	if l.Path == "" {
		c.Raise(&luahost.Error{
			Kind: luahost.Usage, Message: "the site has no lock",
			Hint: `the site file names one: farm.site { lock = { host = "lb1", path = "farmrun.lock" }, … }`,
		})
	}
	return l
}
