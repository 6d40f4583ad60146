package journal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is what the records of a run come to.
type State struct {
	Run       Run   // who began it
	Resumed   []Run // who went on with it, in order
	Ended     bool  // by itself; a run that was killed has not
	Error     string
	Last      time.Time // of the last record
	Locked    bool      // it has a lock, or is about to take it
	Lock      Record    // if so: Host and Name say where
	Abandoned bool      // nobody will go on with it
	Rollouts  []*Rollout
	Facts     map[string]map[string]string // by host and name; the last counts
}

// Rollout is where one rollout of a run stands.
type Rollout struct {
	Number    int // from 1
	Began     time.Time
	Order     []string // the hosts, as they were given
	Hosts     map[string]*Host
	GoingBack bool // its hosts are being taken back
	// Fences are the machines on which commands of a host's turn may have run, by
	// the host: as long as they are there, something of the run is. Value and Boot of
	// the record are "" where the fence may never have been made.
	Fences    map[string]map[string]Record
	Unfencing bool // they are being removed, so that any may be gone
	Ended     bool
	Error     string // why it did not end well
}

// Progress is how far a host has come in a rollout.
type Progress string

// How far a host can be. In State these are words as the operator reads them.
const (
	Untried Progress = "not touched"
	Middle  Progress = "in the middle" // its turn began and nothing says how it ended
	Failed  Progress = "failed"
	Unknown Progress = "unknown"    // what ran on it was ended
	Back    Progress = "taken back" // as it was before its turn
	Done    Progress = "done"
)

// Host is where a host stands in a rollout.
type Host struct {
	Progress Progress
	Step     string    `json:",omitzero"` // the last step that began; "" if none did
	StepDone bool      `json:",omitzero"` // that step did its work
	Began    time.Time `json:",omitzero"` // its turn; zero if it has had none
	Ended    time.Time `json:",omitzero"` // when it was done, had failed or was back; zero before
	Error    string    `json:",omitzero"` // what it failed of
}

// Standing says in words how far the host has come: "in the middle, step
// switch", or "in the middle, after step switch" when that has done its work.
func (h Host) Standing() string {
	switch {
	case h.Step == "" || h.Progress == Done:
		return string(h.Progress)
	case h.StepDone:
		return fmt.Sprintf("%s, after step %s", h.Progress, h.Step)
	}
	return fmt.Sprintf("%s, step %s", h.Progress, h.Step)
}

// StateOf reads records in the order in which they were written.
func StateOf(records []Record) *State {
	s := &State{}
	for _, r := range records {
		s.Add(r)
	}
	return s
}

// Add adds one record.
func (s *State) Add(r Record) {
	s.Last = r.Time
	switch r.Kind {
	case RunBegan:
		if r.Run != nil {
			s.Run = *r.Run
		}
	case RunResumed:
		if r.Run != nil {
			s.Resumed = append(s.Resumed, *r.Run)
		}
		s.Ended, s.Error = false, ""
	case RunEnded:
		s.Ended, s.Error = true, r.Error
	case Fact:
		s.remember(r)
	case LockTaken, LockReleased:
		s.Locked, s.Lock = r.Kind == LockTaken, r
	case RunAbandoned:
		s.Abandoned = true
	case RolloutBegan:
		s.begin(r)
	default:
		if rollout := s.Rollout(r.Rollout); rollout != nil {
			rollout.note(r)
		}
	}
}

func (s *State) remember(r Record) {
	if s.Facts == nil {
		s.Facts = map[string]map[string]string{}
	}
	if s.Facts[r.Host] == nil {
		s.Facts[r.Host] = map[string]string{}
	}
	s.Facts[r.Host][r.Name] = r.Value
}

// begin notes that a rollout began, or goes on in a run that was resumed.
func (s *State) begin(r Record) {
	rollout := s.Rollout(r.Rollout)
	if rollout == nil {
		rollout = &Rollout{Number: r.Rollout, Began: r.Time, Hosts: map[string]*Host{}, Fences: map[string]map[string]Record{}}
		s.Rollouts = append(s.Rollouts, rollout)
	}
	rollout.Order, rollout.Ended, rollout.Error = r.Hosts, false, ""
	for _, name := range r.Hosts {
		if rollout.Hosts[name] == nil {
			rollout.Hosts[name] = &Host{Progress: Untried}
		}
	}
}

// Rollout returns the run's rollout of that number, nil if it never began.
func (s *State) Rollout(number int) *Rollout {
	for _, r := range s.Rollouts {
		if r.Number == number {
			return r
		}
	}
	return nil
}

func (r *Rollout) note(rec Record) {
	switch rec.Kind {
	case RolloutEnded:
		r.Ended, r.Error = true, rec.Error
	case GoingBack:
		r.GoingBack = true
	case Fenced:
		if r.Fences[rec.Host] == nil {
			r.Fences[rec.Host] = map[string]Record{}
		}
		r.Fences[rec.Host][rec.Name], r.Unfencing = rec, false
	case Unfencing:
		r.Unfencing = true
	case Unfenced:
		delete(r.Fences[rec.Host], rec.Name)
	}
	if h := r.Hosts[rec.Host]; h != nil {
		h.note(rec)
	}
}

func (h *Host) note(r Record) {
	end := func(p Progress) { h.Progress, h.Ended, h.Error = p, r.Time, r.Error }
	switch r.Kind {
	case TurnBegan:
		*h = Host{Progress: Middle, Began: r.Time}
	case StepBegan:
		h.Step, h.StepDone = r.Step, false
	case StepEnded:
		h.StepDone = r.Error == "" && r.Step == h.Step
	case HostDone:
		end(Done)
	case HostFailed:
		if h.Progress != Unknown && h.Progress != Back { // which say more
			end(Failed)
		}
		h.Error = r.Error
	case HostUnknown:
		end(Unknown)
	case HostUndone:
		*h = Host{Progress: Untried}
	case UndoBegan:
		*h = Host{Progress: Middle, Began: h.Began}
	case UndoEnded:
		if r.Error != "" {
			end(Failed)
		} else {
			end(Back)
		}
	case HostBack:
		end(Back)
	}
}

// Resumable tells whether the run left hosts that it has not done with, its lock, or
// the fences of a rollout that has not ended, on a farm that is still there, and was
// not abandoned.
func (s *State) Resumable() bool {
	if s.Run.Practice || s.Abandoned {
		return false
	}
	return s.Locked || slices.ContainsFunc(s.Rollouts, func(r *Rollout) bool { return len(r.Open()) > 0 || !r.Ended && r.fenced() })
}

// fenced tells whether there is a fence of the rollout anywhere.
func (r *Rollout) fenced() bool {
	for _, on := range r.Fences {
		if len(on) > 0 {
			return true
		}
	}
	return false
}

// Open returns the hosts that a rollout is not done with, those in the middle
// first, and of the rest in the order of the rollout. Of one that takes its
// hosts back it is those that are not back.
func (r *Rollout) Open() []string {
	over := map[Progress]bool{Done: true}
	if r.GoingBack {
		over = map[Progress]bool{Untried: true, Back: true}
	}
	var middle, rest []string
	for _, name := range r.Order {
		switch p := r.Hosts[name].Progress; {
		case over[p]:
		case p.Begun():
			middle = append(middle, name)
		default:
			rest = append(rest, name)
		}
	}
	return append(middle, rest...)
}

// Begun tells whether a host's turn began and has not come to a good end.
func (p Progress) Begun() bool { return p == Middle || p == Failed || p == Unknown }

// With returns the hosts of a rollout that have come so far, in its order.
func (r *Rollout) With(p Progress) []string {
	return slices.DeleteFunc(slices.Clone(r.Order), func(name string) bool { return r.Hosts[name].Progress != p })
}

// Standing says in one line where the hosts stand: "2 done, 1 failed (web3), 4
// not touched (web[4-7])". names lists hosts.
func (r *Rollout) Standing(names func(hosts []string) string) string {
	parts := []string{fmt.Sprintf("%d done", len(r.With(Done)))}
	for _, p := range []Progress{Back, Middle, Unknown, Failed, Untried} {
		hosts := r.With(p)
		switch always := p == Failed || p == Untried; {
		case len(hosts) > 0:
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(hosts), p, names(hosts)))
		case always:
			parts = append(parts, fmt.Sprintf("0 %s", p))
		}
	}
	return strings.Join(parts, ", ")
}
