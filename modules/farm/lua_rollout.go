package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/gate"
	"farmrun/luahost/remote"
	"farmrun/luahost/share"
)

// farm.rollout(hosts, options, turn)
//
// Takes the hosts through turn(host) in series, so that never more than
// max_offline of them are out of service, counting those that were unhealthy
// before. A host leaves
// the budget only when healthy has said yes for it after its turn; only then,
// and after it has settled, the next turn begins. The first turn that fails
// halts the rollout with an error of kind "halted": no further host is touched.
//
// Before each turn, or each wave of turns that begin together, and every 15 s while
// turns are in progress, farmrun asks hosts whether they are healthy: those that
// begin, those whose last answer was no or missing, those that this rollout has
// changed and that have not said yes twice since, and of the rest twice as many as
// begin, but at least ten, in rounds: all of them once before any for the second
// time. Looks within 2 s of each other leave a rest of more than ten out but for the
// first, and count as one. So an answer counts for at most one look for every ten hosts: with 400
// hosts that is 40 looks, or about ten minutes while they are 15 s apart. If an
// answer is missing the host is asked again at once.
//
// Options:
//
//   - healthy (required): the function that tells whether a host does its work, by
//     returning nothing or true. An error is no, and so is any other value: nil,
//     false, 0, "no". The usual mistake is that a search which finds nothing returns
//     nil: function(host) return host:query("curl -s localhost").stdout:match "ok" end
//     never says yes; end it with :match "ok" ~= nil
//   - max_offline (1): how many hosts may be out of service at once; a share such
//     as "10%" is one of the hosts that the rollout takes, as farm.share has it
//   - batches: how many hosts to take together, as in { 1, 5, "25%" }: first one,
//     then five, then a quarter of all at a time. A batch begins when all of the
//     one before are done; it never has more out of service than max_offline
//   - watch: hosts that have no turn here, but count as long as they are sick
//   - turn ("10m"): the time for a whole turn
//   - within ("1m"): how long a host may take to get well after its turn
//   - times (1): how many times in a row it has to be healthy then
//   - settle ("0s"): how long it is back before the next leaves
//   - wait ("0s"): how long to wait when hosts that are sick for another reason
//     use up the budget
//   - max_failures (0): how many turns may fail without a halt
//   - mend (false): true lets the turns of unhealthy hosts begin although other
//     unhealthy ones use up the budget, for a farm that is broken. Such a host must
//     have said twice that it is unhealthy: one that does not answer may be healthy
//   - on_failure ("halt"): what becomes of a host whose turn failed: "halt"
//     leaves it as it is; "undo" calls the undo of each of its steps, last first,
//     until one fails;
//     "rollback" halts, and then takes all hosts whose turns have begun through
//     back(host), the last first, with the same budget and health checks
//   - back: the function that is a host's turn on its way back
//   - done: the function that tells, when a run is resumed, whether a host whose
//     turn was done is still as that has left it; where it returns false the host
//     has another turn. Without it, all that were done are taken for done
//   - look: the function that says how a host stands, as text, when a run is
//     resumed that was at work on it; without it, it is whether it is healthy
//   - lock: where the rollout's lock lies if not where the site file says: a table
//     of host and path, or a path on the host of the site's lock
//
// On a terminal a step that fails, or a turn outside of its steps, has the
// operator asked what to do: retry it, take over a session on the host (the one
// that the script has open there, or a new one), undo the turn, skip the host and
// go on with the next, or stop, which is what happens without a terminal and with
// farmrun --yes. While he thinks, and while he has the session, no deadline
// passes. A host that is skipped counts as failed, and uses the budget as long as
// it is sick.
//
// Each turn and each step is in the run's journal before it begins. Where a
// rollout has halted, or farmrun was killed, farmrun resume runs the script anew
// from its begin, with the arguments that it had: its first rollout goes on with
// the first of the journal, the second with the second. Hosts that are done, and
// still are, are left out and only watched; those that were in the middle are
// looked at and have their turn again from its begin, so steps have to bear being
// done twice.
//
// While the rollout lasts it holds its lock, which is that of the site file even if
// the script does not require that, so that no other begins on this
// farm, from wherever it is started; farmrun --lock-wait 10m waits for that of
// another. The lock is given back however the rollout ends, a halt included, so
// that whoever mends the farm has none to break. Only a farmrun that was killed
// leaves its lock: farmrun resume knows it for its own, and farmrun unlock takes
// it away.
func (b *binding) rollout(c *luahost.Call) {
	opts := luahost.Options[rolloutOptions](c, 2)
	hosts, turn := b.take(c, 1), c.Function(3)
	r := b.rolloutOf(c, hosts, opts)
	err := c.Try("farm.rollout", 0, func(ctx context.Context) error {
		err := b.farm.Rollout(ctx, hosts, r, func(ctx context.Context, h *Host) error {
			return b.turn(ctx, c.Runtime(), opts.Turn, turn, h, Retry, TakeOver, Undo, Skip, Stop)
		})
		if halt, ok := errors.AsType[*HaltError](err); ok && ctx.Err() != nil {
			b.tellHalt(haltError(halt, err)) // the run ends, and what is raised is not seen
		}
		return err
	})
	if err != nil {
		b.rolloutFailed(c, err)
	}
}

// healthy asks the script whether a host is healthy. Only nothing returned, or
// true, is yes: the nil of a search that finds nothing is no.
func (b *binding) healthy(ctx context.Context, rt *luahost.Runtime, fn *lua.LFunction, h *Host) error {
	answer, err := rt.CallAll(ctx, luahost.Task{Host: h.name}, fn, b.host.Value(h))
	if err != nil || len(answer) == 0 || answer[0] == lua.LTrue {
		return err
	}
	var returned []string
	rt.Locked(func() {
		for _, v := range answer {
			returned = append(returned, shown(v))
		}
	})
	return fmt.Errorf("healthy returned %s: only true, or nothing returned, is yes", strings.Join(returned, ", "))
}

// shown returns a value as an error shows it.
func shown(v lua.LValue) string {
	const most = 200
	switch v := v.(type) {
	case lua.LString:
		text := string(v)
		if len(text) > most {
			text = text[:most] + "…"
		}
		return strconv.Quote(text)
	case *lua.LUserData:
		if text, ok := v.Value.(fmt.Stringer); ok {
			return text.String()
		}
		if err, ok := v.Value.(error); ok {
			return err.Error()
		}
	case *lua.LNilType, lua.LBool, lua.LNumber:
		return v.String()
	}
	return "a " + v.Type().String()
}

// undo takes back the steps of a host's turn, last first. The first that fails
// ends it: a server whose restart could not be undone is not to be put back into
// the pool.
func (b *binding) undo(ctx context.Context, rt *luahost.Runtime, h *Host) error {
	var undos []undo
	rt.Locked(func() { undos = b.undos[h]; delete(b.undos, h) })
	for i, u := range slices.Backward(undos) {
		b.farm.config.Console.Note(h.name, "undo %s", u.step)
		task := luahost.Task{Host: h.name, What: "undo of " + u.step, Timeout: undoWithin, Undoes: true}
		_, err := rt.Call(ctx, task, u.fn, b.host.Value(h))
		if err == nil {
			continue
		}
		err = fmt.Errorf("undo %s: %w", u.step, err)
		if i > 0 {
			left := make([]string, 0, i)
			for _, u := range slices.Backward(undos[:i]) {
				left = append(left, u.step)
			}
			err = fmt.Errorf("%w; not undone: %s", err, strings.Join(left, ", "))
		}
		return err
	}
	return nil
}

// rolloutFailed raises what ended a rollout. A turn that called os.exit ends
// the script, but not without a word on the hosts that are left.
func (b *binding) rolloutFailed(c *luahost.Call, err error) {
	if several, ok := errors.AsType[*gate.FailedError](err); ok { // of no single host
		c.Raise(&luahost.Error{Kind: luahost.Hosts, Message: several.Error(), Err: several})
	}
	var halt *HaltError
	if !errors.As(err, &halt) {
		c.Raise(err)
	}
	e := haltError(halt, err)
	if exit, ok := errors.AsType[*luahost.ExitRequest](halt.HaltError.Err); ok {
		c.Wait(c.Name(), 0, func(context.Context) error {
			b.tellHalt(e)
			return nil
		})
		c.Raise(exit)
	}
	c.Raise(e)
}

// tellHalt tells the operator how a rollout has left the hosts, where the run
// ends without the error.
func (b *binding) tellHalt(e *luahost.Error) {
	b.farm.config.Console.Note("", "farmrun: %s: %s", b.farm.config.Console.Redact(e.Message, remote.SaidBy(e), e.Host), e.Hint)
}

// haltError words why a rollout halted.
func haltError(halt *HaltError, err error) *luahost.Error {
	e := &luahost.Error{Kind: luahost.Halted, Host: halt.Host, Message: "the rollout halted: " + halt.HaltError.Err.Error(), Err: err}
	if fence, ok := errors.AsType[*FenceError](halt.HaltError.Err); ok {
		e.Hint = fence.Hint()
	}
	var inner *luahost.Error
	if halt.Host != "" && errors.As(halt.HaltError.Err, &inner) { // of one host, not of several that are sick
		e.Step, e.Output, e.Where, e.Code = inner.Step, inner.Output, inner.Where, inner.Code
		e.Message = "the rollout halted: " + inner.Message
		if inner.Host != "" && inner.Host != halt.Host { // the balancer, say, has let it down
			e.Host, e.Message = inner.Host, "the rollout halted at "+halt.Host+": "+inner.Message
		}
		e.Hint = inner.Hint
	}
	e.Hint = strings.TrimPrefix(e.Hint+"; "+halt.Hint(), "; ")
	return e
}

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
	Done        *lua.LFunction
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
	if opts.Done != nil {
		r.Done = func(ctx context.Context, h *Host) (bool, error) { return b.done(ctx, c.Runtime(), opts.Done, h) }
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

// farm.share(share, hosts) -> count
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
	if b.farm.lateSite() {
		c.Require("site")
	}
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

// done asks the script whether a host still is as its turn has left it.
func (b *binding) done(ctx context.Context, rt *luahost.Runtime, fn *lua.LFunction, h *Host) (bool, error) {
	answer, err := rt.Call(ctx, luahost.Task{Host: h.name, What: "done", Timeout: lookTime}, fn, b.host.Value(h))
	return err == nil && lua.LVAsBool(answer), err
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

// farm.locked(work)
//
// Calls work() while this run holds the site's lock, and gives that back when it
// ends, however it ends. Rollouts within it use that lock. It is for what must be
// looked at, decided or prepared while no other rollout is under way: before its
// rollout has the lock a script sees the middle of another's. Without a lock in the
// site file it just calls work.
func (b *binding) locked(c *luahost.Call) {
	work := c.Function(1)
	lock := b.lockOf(c, nil)
	var kept io.Closer
	c.Wait(c.Name(), 0, func(ctx context.Context) (err error) {
		kept, err = b.farm.Keep(ctx, lock)
		return err
	})
	c.Own(kept) // for a run that has come to its end in the middle of work
	_, err := c.Protect(work)
	c.Try(c.Name(), 0, func(context.Context) error { return kept.Close() })
	if err != nil {
		c.Raise(err)
	}
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
