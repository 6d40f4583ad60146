// Package journal writes down what a run does, so that whoever comes after it,
// though it was killed, knows where every host stands.
//
// A journal is a file of records, one a line, each a JSON object (RFC 8259).
// A record that announces something (Kind.Announces) is on stable storage
// before what it announces begins, so that a host without such a record was
// not touched. The first record is RunBegan and says what the run is.
//
//	f, err := journal.Create(path, keyring)
//	err = f.Append(journal.Record{Kind: journal.StepBegan, Host: "web1", Step: "drain"})
//
// Read returns the records of a file, and StateOf what they come to. The
// package knows no Lua and no network. Who writes rollouts down needs only
// Append (see runs.Journal).
package journal

import "time"

// Kind says what a record tells. In the file it is these words.
type Kind string

// The kinds of records. Those marked (host) name a host. All from RolloutBegan
// to RolloutEnded carry the number of their rollout, all from EachBegan to
// EachEnded that of their each, and of the rollout that it is a part of.
const (
	RunBegan   Kind = "run began"   // Run says what run it is
	RunResumed Kind = "run resumed" // Run says who goes on with it
	RunEnded   Kind = "run ended"   // Error is why it did not end well
	// RunAbandoned: nobody will resume it; Error names the hosts that have something
	// of it left.
	RunAbandoned Kind = "run abandoned"

	LockTaken    Kind = "lock taken"    // (host) Name is the lock's path there
	LockReleased Kind = "lock released" // (host)

	RolloutBegan Kind = "rollout began" // Hosts are all of it, in order
	Sick         Kind = "sick"          // (host) it is out of service for another reason than its turn
	Well         Kind = "well"          // (host) it no longer is
	Waiting      Kind = "waiting"       // for sick hosts that use the budget up (Error)
	TurnBegan    Kind = "turn began"    // (host) from now on it may be out of service
	StepBegan    Kind = "step began"    // (host)
	StepEnded    Kind = "step ended"    // (host) Error is "" if it did its work
	TurnEnded    Kind = "turn ended"    // (host) Error is "" if it did its work
	Verifying    Kind = "verifying"     // (host) it is asked whether it is healthy
	Healthy      Kind = "healthy"       // (host) it said yes after its turn
	Settling     Kind = "settling"      // (host) it stays on the air for a while
	HostDone     Kind = "host done"     // (host) it is through
	HostFailed   Kind = "host failed"   // (host) Error says why
	HostUndone   Kind = "host undone"   // (host) it was done, but is not any more, a resumed run has found
	Fenced       Kind = "fenced"        // (host) commands of its turn are to run on the machine Name, by the login Value; Boot tells its start from others
	Unfencing    Kind = "unfencing"     // the fences of the rollout are removed, since it goes no further
	Unfenced     Kind = "unfenced"      // (host) nothing of this run is left on the machine Name
	UndoBegan    Kind = "undo began"    // (host) its steps are taken back
	UndoEnded    Kind = "undo ended"    // (host) Error is "" if it is as it was before its turn
	HostBack     Kind = "host back"     // (host) a rollback has taken it back, and it is healthy
	HostUnknown  Kind = "host unknown"  // (host) what ran on it was ended; nobody has looked since
	GoingBack    Kind = "going back"    // the hosts of the rollout are taken back, those in Hosts
	Halting      Kind = "halting"       // no further turn begins; Error is why
	RolloutEnded Kind = "rollout ended" // Error is "" if all hosts are done

	Fact Kind = "fact" // (host) something to remember: Name and Value

	EachBegan Kind = "each began" // Hosts are to do their parts side by side
	PartBegan Kind = "part began" // (host)
	PartEnded Kind = "part ended" // (host) Error is "" if it did its part
	EachEnded Kind = "each ended" // Error is "" if all did
)

// Announces tells whether something begins after the record that the record
// has to be on stable storage for. Others may be lost with the machine's power;
// with the process they are not.
func (k Kind) Announces() bool {
	switch k {
	case RunBegan, RunResumed, LockTaken, RolloutBegan, TurnBegan, StepBegan, Fenced, UndoBegan, GoingBack, Fact, RunEnded, RunAbandoned:
		return true
	}
	return false
}

// Record is one line of a journal. Fields that do not matter to its kind are
// zero and left out of the line.
type Record struct {
	Time    time.Time `json:"time"` // when it was written; Append fills it in
	Kind    Kind      `json:"kind"`
	Rollout int       `json:"rollout,omitempty"` // which of the run's rollouts, from 1
	Host    string    `json:"host,omitempty"`
	Step    string    `json:"step,omitempty"` // "drain"; of a step within a step "switch/check"
	Name    string    `json:"name,omitempty"`
	Value   string    `json:"value,omitempty"`
	Hosts   []string  `json:"hosts,omitempty"`
	Done    []string  `json:"done,omitempty"`   // of RolloutBegan in a run that was resumed: the hosts that are done
	Error   string    `json:"error,omitempty"`  // what went wrong, in a line
	Reason  string    `json:"reason,omitempty"` // what sort of failure that is: "timeout", "exit"
	Code    int       `json:"code,omitempty"`   // the exit status, of reason "exit"
	Boot    string    `json:"boot,omitempty"`   // of "fenced": tells a start of the machine from others
	Output  string    `json:"output,omitempty"` // the last lines that the host said before it did
	Said    string    `json:"-"`                // a host's words that Error may have in it besides
	Run     *Run      `json:"run,omitempty"`

	Each       int     `json:"each,omitempty"`        // which of the run's farm.each, from 1
	MaxOffline int     `json:"max_offline,omitempty"` // of RolloutBegan: how many hosts may be out of service at once
	Wait       float64 `json:"wait,omitempty"`        // how many seconds the wait that begins may last
	Seconds    float64 `json:"seconds,omitempty"`     // how long what ended took
}

// Run says what a run is and who began it or went on with it.
type Run struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`   // tells it from runs elsewhere; no secret
	Script  string    `json:"script"`  // the script's name: "cutover"
	Command []string  `json:"command"` // what farmrun was called with, its own name left out
	Dir     string    `json:"dir"`     // the working directory
	User    string    `json:"user"`    // who
	Machine string    `json:"machine"` // from where
	PID     int       `json:"pid"`
	Version string    `json:"version,omitempty"` // farmrun's
	Sources []Source  `json:"sources,omitempty"` // the Lua files that were read before it began
	Began   time.Time `json:"began"`
	// Practice tells that the farm was gone with the run, which nobody can go on
	// with therefore.
	Practice bool `json:"practice,omitempty"`
}

// Source is a Lua file as a run has read it.
type Source struct {
	Name   string `json:"name"` // as require has it; "" is the script
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// Mask redacts secrets, but for names, which stay as they are. A secret.Keyring is
// one; nil leaves all as it is.
type Mask interface {
	// Mask redacts those in a host's text, MaskOwn those in a text of farmrun's that
	// may have some of said in it, which is the host's.
	Mask(text []byte, names ...string) []byte
	MaskOwn(text []byte, said string, names ...string) []byte
}

// Masked returns r with the hosts' output redacted. The names that farmrun, the site
// and the script have given have to be found again: they stay, even if a secret is
// a part of one.
func (r Record) Masked(mask Mask) Record {
	if mask == nil {
		return r
	}
	names := append([]string{r.Host, r.Step, r.Name}, r.Hosts...)
	r.Error = string(mask.MaskOwn([]byte(r.Error), r.Said+"\n"+r.Output, names...))
	r.Output = string(mask.Mask([]byte(r.Output), names...))
	return r
}
