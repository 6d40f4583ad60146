package farm

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
)

// part is whose work a context belongs to, in the numbers of the records. What
// is begun within it belongs to it, and Stop does not stop it.
type part struct{ rollout, each int }

type partKey struct{}

// partOf returns the zero part for what belongs to no host's work.
func partOf(ctx context.Context) part {
	p, _ := ctx.Value(partKey{}).(part)
	return p
}

func (p part) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, partKey{}, p)
}

func atWork(ctx context.Context) bool { return partOf(ctx) != part{} }

// record tells what happens, or happens next, in a part, and keeps what it comes
// to.
func (f *Farm) record(p part, r journal.Record) error {
	r.Rollout, r.Each = p.rollout, p.each
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	f.recording.Lock()
	defer f.recording.Unlock()
	if f.config.Record != nil {
		if err := f.config.Record(r); err != nil {
			return err
		}
	}
	f.standing.Lock()
	defer f.standing.Unlock()
	f.state.Add(r)
	return nil
}

// beginStep records that a host begins a step, and returns how to record its
// end. The step must not begin if that fails.
func (f *Farm) beginStep(ctx context.Context, host, step string) (end func(error), err error) {
	p, began := partOf(ctx), time.Now()
	over := turnOf(ctx).begin(step)
	err = f.record(p, journal.Record{Kind: journal.StepBegan, Time: began, Host: host, Step: step})
	return func(err error) {
		over()
		r := journal.Record{Kind: journal.StepEnded, Host: host, Step: step, Seconds: seconds(time.Since(began))}
		f.record(p, failed(r, err))
	}, err
}

// failed returns r with what err says, if anything.
func failed(r journal.Record, err error) journal.Record {
	if err == nil {
		return r
	}
	r.Error, r.Output, r.Said = strings.TrimPrefix(err.Error(), r.Host+": "), luahost.OutputOf(err), remote.SaidBy(err)
	if e, ok := errors.AsType[*luahost.Error](err); ok {
		r.Reason, r.Code, r.Output = string(e.Kind), e.Code, cmp.Or(e.Output, r.Output)
	}
	return r
}

// recordKinds are the gate's events that are recorded.
var recordKinds = map[gate.Kind]journal.Kind{
	gate.Sick: journal.Sick, gate.Well: journal.Well, gate.Waiting: journal.Waiting,
	gate.TurnBegan: journal.TurnBegan, gate.TurnEnded: journal.TurnEnded,
	gate.Verifying: journal.Verifying, gate.Healthy: journal.Healthy, gate.Settling: journal.Settling,
	gate.HostDone: journal.HostDone, gate.HostFailed: journal.HostFailed,
	gate.Halting: journal.Halting,
}

// backKinds are the records of hosts on their way back, by those of others.
var backKinds = map[journal.Kind]journal.Kind{
	journal.TurnBegan: journal.UndoBegan, journal.HostDone: journal.HostBack,
}

// recordOf returns the record of an event of the gate.
func recordOf(e gate.Event) (_ journal.Record, ok bool) {
	kind, ok := recordKinds[e.Kind]
	return failed(journal.Record{Time: e.Time, Kind: kind, Host: e.Host, Wait: seconds(e.Wait)}, e.Err), ok
}

// ended returns the record of a rollout that ended so. What a host said is with
// the host's.
func ended(err error) journal.Record {
	r := journal.Record{Kind: journal.RolloutEnded}
	if err != nil {
		r.Error, r.Said, r.Reason = err.Error(), remote.SaidBy(err), string(reasonOf(err))
	}
	return r
}

// seconds is a time as records have it, to the millisecond.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// reasonOf is why a rollout did not end well, in a word.
func reasonOf(err error) luahost.Kind {
	if _, halted := errors.AsType[*gate.HaltError](err); halted {
		return luahost.Halted
	}
	return luahost.Hosts
}
