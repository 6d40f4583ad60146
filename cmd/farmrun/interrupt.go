package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"farmrun/luahost"
	"farmrun/luahost/console"
)

// errInterrupt is why a run ended that the operator stopped.
var errInterrupt = errors.New("interrupted")

// atWork is the farm, as ^C finds it: who presses it instead of an answer does
// not want that those who wait for the answer go on.
type atWork struct{ *world }

func (w atWork) Busy() bool { return w.farm.Busy() && !w.operator.Asking() }
func (w atWork) Stop()      { w.farm.Stop() }

// stopper is a farm that can let those at work go on to their end.
type stopper interface {
	Busy() bool // there are some
	Stop()
}

// interruptible returns a context that ends when the operator says "stop now".
//
// ^C once lets no further host begin, if hosts are at work, and ends the run
// otherwise, and where the operator is being asked; twice ends what runs; three times leaves at once. SIGTERM and
// SIGHUP are as ^C once. Call stop at the end.
func interruptible(ctx context.Context, f stopper, out *console.Console) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for times := 1; ; times++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			interrupt(times, f, out, cancel)
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

// interrupt does what the operator's nth signal asks for.
func interrupt(times int, f stopper, out *console.Console, cancel context.CancelCauseFunc) {
	switch {
	case times == 1 && f.Busy():
		f.Stop()
		note(out, "stopping: no further host is begun; those at work go on to their end (^C again ends them now)")
	case times <= 2:
		note(out, "stopping now")
		cancel(&luahost.Error{Kind: luahost.Cancelled, Message: "stopped by the operator", Err: errInterrupt})
	default:
		note(out, "leaving at once: hosts at work are left as they are")
		out.Hold() // so that all was seen, and nothing is left at the lower end of the screen
		os.Exit(interrupted)
	}
}
