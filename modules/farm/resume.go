package farm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
	"farmrun/modules/farm/nodeset"
)

// About is what run a farm is worked on in.
type About struct {
	journal.Run
	Epoch  int    // counts who had the run, from 1: who began it, and who resumed it
	Resume string // the command that goes on with the run when it halts; "" if none can
}

// Remember writes down something about a host, or, with host "", about the run:
// a later Recall returns it, in this run, when it is resumed, and in others of
// this operator's.
func (f *Farm) Remember(host, name, value string) error {
	return f.record(part{}, journal.Record{Kind: journal.Fact, Host: host, Name: name, Value: value})
}

// Recall returns what Remember was given last, in this run or else in those
// before it, and whether there is something.
func (f *Farm) Recall(host, name string) (value string, ok bool) {
	if value, ok := f.recallOwn(host, name); ok || f.config.Recall == nil {
		return value, ok
	}
	return f.config.Recall(host, name)
}

// recallOwn is Recall for this run alone, what it did before it was resumed
// included.
func (f *Farm) recallOwn(host, name string) (value string, ok bool) {
	f.standing.Lock()
	defer f.standing.Unlock()
	value, ok = f.state.Facts[host][name]
	return value, ok
}

// tell tells the operator something about a host, or, with host "", about the
// rollout.
func (r *rollout) tell(host, format string, args ...any) {
	if host == "" {
		format = "farmrun: " + format
	}
	r.farm.config.Console.Note(host, format, args...)
}

// redacted returns the text of an error about h, without secrets.
func (r *rollout) redacted(h *Host, err error) string {
	return r.farm.config.Console.RedactError(alone(gate.Event{Host: h.name, Err: err}), h.name)
}

// askDone asks the hosts that are done whether they still are, and has those that
// are not begin anew.
func (r *rollout) askDone(ctx context.Context) error {
	undone, err := r.undone(ctx)
	if err != nil {
		return err
	}
	r.lookAt(ctx, undone)
	for _, name := range undone {
		r.tell(name, "it is not as its turn has left it: it has another")
		if err := r.record(journal.Record{Kind: journal.HostUndone, Host: name}); err != nil {
			return err
		}
	}
	return nil
}

// undone returns the hosts that were done and are not any more.
func (r *rollout) undone(ctx context.Context) (undone []string, err error) {
	var were []*Host
	r.look(func(s *journal.Rollout) {
		if s == nil || s.GoingBack || r.Done == nil {
			return
		}
		for _, name := range s.With(journal.Done) {
			if h := r.hosts[name]; h != nil { // the hosts of the script may be others by now
				were = append(were, h)
			}
		}
	})
	if len(were) == 0 {
		return nil, nil
	}
	var mu sync.Mutex
	err = r.farm.Each(ctx, were, EachOptions{}, func(ctx context.Context, h *Host) error {
		still, err := r.Done(ctx, h)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && !still {
			undone = append(undone, h.name)
		}
		return err
	})
	if failed, ok := errors.AsType[*EachError](err); ok { // such a host is sick as well, which the gate sees to
		r.tell("", "it could not be found out of all hosts that were done whether they still are: %v", failed)
		err = nil
	}
	slices.Sort(undone)
	return undone, err
}

// lookAt says where the hosts stand on which a run that is resumed was at work.
func (r *rollout) lookAt(ctx context.Context, names []string) {
	for _, name := range names {
		h := r.hosts[name]
		var was journal.Host
		r.look(func(s *journal.Rollout) { was = *s.Hosts[h.name] })
		r.tell(h.name, "was %s", wasDoing(was))
		found, err := r.inspect(ctx, h)
		if err != nil {
			found = "nothing could be found out: " + r.redacted(h, err)
		}
		r.tell(h.name, "now: %s", found)
	}
}

// wasDoing says how far a host had come when the run ended, and what failed.
func wasDoing(h journal.Host) string {
	text := h.Standing()
	if h.Error != "" {
		text += ": " + h.Error
	}
	return text
}

// inspect asks how a host stands.
func (r *rollout) inspect(ctx context.Context, h *Host) (string, error) {
	if r.Look != nil {
		return r.Look(ctx, h)
	}
	ctx, cancel := context.WithTimeout(ctx, gate.DefaultHealthTimeout)
	defer cancel()
	if err := r.Healthy(ctx, h); err != nil {
		return "not healthy: " + r.redacted(h, err), nil
	}
	return "healthy", nil
}

// standing is Farm.Standing for a rollout.
func (r *rollout) standing() (lines []string) {
	r.look(func(s *journal.Rollout) {
		if s == nil { // it waits for its lock
			return
		}
		lines = append(lines, s.Standing(nodeset.Fold))
		for _, name := range s.With(journal.Middle) {
			h := s.Hosts[name]
			lines = append(lines, fmt.Sprintf("%s: for %v %s", name, time.Since(h.Began).Round(time.Second), wasDoing(*h)))
		}
	})
	return lines
}
