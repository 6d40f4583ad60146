package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/console"
)

// errInterrupt is why a run ended that the operator stopped.
var errInterrupt = errors.New("interrupted")

// atWork is the farm, as ^C finds it.
type atWork struct{ *world }

func (w atWork) Busy() bool          { return w.farm.Busy() }
func (w atWork) Standing() []string  { return w.farm.Standing() }
func (w atWork) Working() []string   { return w.farm.Working() }
func (w atWork) Stop()               { w.farm.Stop() }
func (w atWork) Asking() bool        { return w.operator.Asking() }
func (w atWork) Decline(cause error) { w.operator.Decline(cause) }

// stopper is a farm that can let those at work go on to their end.
type stopper interface {
	Busy() bool         // there are some
	Standing() []string // where the hosts of a rollout stand; nothing if none is under way
	Working() []string  // how far others are that are at work
	Stop()
	Asking() bool        // the operator is being asked something
	Decline(cause error) // what he is being asked fails with cause
}

// interruptible returns a context that ends when the operator says "end now".
//
// ^C once, in a rollout, tells where the hosts stand; twice lets the turn that is
// under way come to its end, its host back on the air, and no other begin; three
// times ends what runs on the host; four times leaves at once. SIGTERM and SIGHUP,
// after which nobody is there to press it again, are as ^C twice. Where hosts are
// at work outside of a rollout, ^C once tells how far they are and is otherwise as
// twice; where none is it ends the run.
//
// Any of them instead of an answer says that whoever waits for it is not to go on.
// In a rollout it is as ^C twice, for others may be at work: the question what
// becomes of a failure is answered by "stop", and any other fails. Outside of a
// rollout it ends the run.
//
// ^Z stops farmrun, and fg goes on: what Live shows is not left on the screen for the
// shell to write on.
//
// A signal that farmrun was started to ignore, as by nohup(1), does nothing. Neither
// does SIGPIPE from now on: a run whose output nobody reads any more goes on. Call
// stop at the end.
func interruptible(ctx context.Context, f stopper, out *console.Console) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 4)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTSTP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not Ignore, which programs that this one starts would inherit
	done := make(chan struct{})
	go func() {
		i := interrupts{farm: f, out: out, cancel: cancel}
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				if s == syscall.SIGTSTP {
					suspend(ctx, out)
				} else {
					i.take(s)
				}
			}
		}
	}()
	var once sync.Once
	return ctx, func() {
		once.Do(func() {
			signal.Stop(signals)
			close(done)
			cancel(nil)
		})
	}
}

// suspend stops this process as ^Z does, and returns when it goes on: by SIGTTOU, for
// Go does not give a signal its default action back that it once had Notify for.
func suspend(ctx context.Context, out *console.Console) {
	ctx, cancel := context.WithTimeout(ctx, screenPatience)
	defer cancel()
	defer out.Hold(ctx)()
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	syscall.Kill(syscall.Getpid(), syscall.SIGTTOU)
	select {
	case <-goesOn:
	case <-time.After(screenPatience): // it does not stop where no shell could have it go on
	}
}

// screenPatience is how long ^Z waits for the screen, and then for its own effect.
const screenPatience = 200 * time.Millisecond

// stopped is what ends because the operator wants it so.
func stopped() error {
	return &luahost.Error{Kind: luahost.Cancelled, Message: "stopped by the operator", Err: errInterrupt}
}

// urgency is what the operator's signals ask for so far.
type urgency int

const (
	goOn    urgency = iota
	tell            // where the hosts stand
	finish          // what is under way, and stop
	endNow          // what runs on hosts
	leaveIt         // as it is
)

// interrupts are the operator's signals to one run.
type interrupts struct {
	farm    stopper
	out     *console.Console
	cancel  context.CancelCauseFunc
	urgency urgency
}

// take does what one more signal asks for.
func (i *interrupts) take(s os.Signal) {
	standing, asked := i.farm.Standing(), i.farm.Asking()
	i.urgency++
	switch inRollout := len(standing) > 0; {
	case inRollout && asked:
		i.urgency = finish
	case asked || !i.farm.Busy():
		i.urgency = max(i.urgency, endNow)
	case s != os.Interrupt || !inRollout:
		i.urgency = max(i.urgency, finish)
	}
	switch i.urgency {
	case tell:
		i.tell(standing)
		note(i.out, "^C again stops when the turn that is under way has come to its end")
	case finish:
		i.farm.Stop()
		i.farm.Decline(stopped())
		if len(standing) == 0 {
			i.tell(i.farm.Working())
		}
		note(i.out, "stopping: no further host is begun; those at work go on to their end (^C again ends them now)")
	case endNow:
		i.cancel(stopped())
		i.out.Abandon()
		note(i.out, "stopping now: what runs on hosts is ended")
	default:
		i.out.Abandon()
		note(i.out, "leaving at once: hosts at work are left as they are")
		i.out.Close() // so that all was seen, and nothing is left at the lower end of the screen
		os.Exit(interrupted)
	}
}

// tell tells the operator where the hosts stand.
func (i *interrupts) tell(lines []string) {
	for _, line := range lines {
		note(i.out, "%s", line)
	}
}
