package gate

import "time"

// Kind is what an Event tells.
type Kind int

// The kinds of events. Those marked (host) carry the host's name.
const (
	Checking   Kind = iota // a look at hosts that are not in a turn begins
	Sick                   // (host) it is not, or was not any more; Err says what Healthy said
	Well                   // (host) it was sick and no longer is
	Waiting                // the budget is used up by sick hosts (Err); they are asked again for Wait
	TurnBegan              // (host) it may be out of service from now on
	TurnEnded              // (host) Err is nil if the turn did its work
	Verifying              // (host) it is asked until it is healthy, for Wait
	Healthy                // (host) it said yes after its turn
	Settling               // (host) it stays on the air for Wait before the next one leaves it
	HostDone               // (host) it no longer counts against the budget
	HostFailed             // (host) it counts as a failure; Err says why
	Halting                // no further turn begins; Err is why, Host where, if it was at one
	Finished               // the rollout is over; Err is what Run returns
)

var kindNames = [...]string{
	Checking: "checking", Sick: "sick", Well: "well", Waiting: "waiting",
	TurnBegan: "turn began", TurnEnded: "turn ended", Verifying: "verifying", Healthy: "healthy",
	Settling: "settling", HostDone: "host done", HostFailed: "host failed",
	Halting: "halting", Finished: "finished",
}

// String returns the kind in words: "turn began".
func (k Kind) String() string { return kindNames[k] }

// Event is one thing that happened in a rollout.
type Event struct {
	Kind Kind
	Time time.Time
	Host string        // "" where the event is about the whole rollout
	Err  error         // nil where all is well
	Wait time.Duration // how long the wait that begins may last, for Verifying, Settling and Waiting
}
