package gate

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that decide what to do next.
var (
	ErrNoHealthy = errors.New("gate: a rollout needs a function that tells whether a host is healthy")
	ErrNoHosts   = errors.New("gate: no hosts")
	ErrBusy      = errors.New("a rollout is under way on this farm")
	ErrStopped   = errors.New("stopped by the operator")
	ErrHalted    = errors.New("a rollout has halted before this one")
	ErrTimeout   = errors.New("out of time") // what turns and health checks fail with that take too long
	ErrAbandoned = errors.New("the turn did not return")
	ErrNotWell   = errors.New("not healthy after its turn")
	// ErrGoOn is wrapped by what a turn fails with if the rollout is to go on
	// all the same, because the operator says so: it does not count against
	// Config.MaxFailures. The host is asked how it is as always, and as long as
	// it is sick it uses the budget.
	ErrGoOn = errors.New("the rollout goes on")
)

// timeoutError says what took too long; it is ErrTimeout.
type timeoutError string

func (e timeoutError) Error() string        { return string(e) }
func (e timeoutError) Timeout() bool        { return true }
func (e timeoutError) Is(target error) bool { return target == ErrTimeout }

// NoAnswer returns err as one with which Healthy says that it could not ask the
// host, or has not heard its answer.
func NoAnswer(err error) error { return noAnswerError{err} }

type noAnswerError struct{ error }

func (e noAnswerError) Unwrap() error { return e.error }

// Report says what became of each host of a rollout.
type Report struct {
	Done   []string // had its turn, was healthy afterwards; in the order they were done
	Failed []Failure
	Left   []string // not touched, in the order given
}

// Summary counts the hosts of each sort in one line; names lists those that
// need attention.
func (r Report) Summary(names func(hosts []string) string) string {
	failed := make([]string, len(r.Failed))
	for i, f := range r.Failed {
		failed[i] = f.Host
	}
	list := func(hosts []string) string {
		if len(hosts) == 0 {
			return ""
		}
		return " (" + names(hosts) + ")"
	}
	return fmt.Sprintf("%d done, %d failed%s, %d not touched%s",
		len(r.Done), len(failed), list(failed), len(r.Left), list(r.Left))
}

// Failure is a host and what was wrong with it.
type Failure struct {
	Host string
	Err  error
}

// HaltError is a rollout that ended before its last host. It wraps Err.
type HaltError struct {
	Host   string // where it halted; "" if it was at no host
	Err    error
	Report // as it stood when the last turn under way had ended
}

func (e *HaltError) Error() string {
	if e.Host == "" {
		return fmt.Sprintf("the rollout halted: %v", e.Err)
	}
	return fmt.Sprintf("the rollout halted at %s: %s", e.Host, strings.TrimPrefix(e.Err.Error(), e.Host+": "))
}

// Unwrap returns why the rollout halted.
func (e *HaltError) Unwrap() error { return e.Err }

// Kind says what sort of failure this is, in luahost's word.
func (e *HaltError) Kind() string { return "halted" }

// Hint says in one line where the farm stands.
func (e *HaltError) Hint() string { return e.Summary(names) }

// FailedError is a rollout that went to its end although turns failed, as
// Config.MaxFailures allowed. It wraps what the hosts said.
type FailedError struct{ Failed []Failure }

func (e *FailedError) Error() string {
	return fmt.Sprintf("%d failed: %s", len(e.Failed), listFailures(e.Failed))
}

// Kind says what sort of failure this is, in luahost's word.
func (e *FailedError) Kind() string { return "hosts" }

// Unwrap returns one error for each host that failed.
func (e *FailedError) Unwrap() []error { return failureErrs(e.Failed) }

// BudgetError is a rollout that could begin no turn, because as many hosts as
// may be out of service already are. It wraps what they said.
type BudgetError struct {
	MaxOffline int
	Sick       []Failure // the hosts that use the budget up
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("at most %d may be out of service, and of the hosts %d already count as sick: %s",
		e.MaxOffline, len(e.Sick), listFailures(e.Sick))
}

// Unwrap returns one error for each sick host.
func (e *BudgetError) Unwrap() []error { return failureErrs(e.Sick) }

// PanicError is a panic in a caller's function.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns what was panicked with, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// mostNamed is how many hosts a message names before it counts the rest.
const mostNamed = 5

func listFailures(failures []Failure) string {
	var parts []string
	for _, f := range failures[:min(len(failures), mostNamed)] {
		said := strings.TrimPrefix(f.Err.Error(), f.Host+": ") // once is enough
		parts = append(parts, fmt.Sprintf("%s (%s)", f.Host, said))
	}
	if more := len(failures) - mostNamed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// names lists hosts.
func names(hosts []string) string {
	if more := len(hosts) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(hosts[:mostNamed], ", "), more)
	}
	return strings.Join(hosts, ", ")
}

func failureErrs(failures []Failure) []error {
	errs := make([]error, len(failures))
	for i, f := range failures {
		errs[i] = f.Err
	}
	return errs
}
