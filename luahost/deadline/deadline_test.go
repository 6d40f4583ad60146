package deadline_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/deadline"
)

var (
	errTurn = errors.New("the turn is over")
	errRun  = errors.New("the run is over")
)

// endsAfter fails the test if ctx does not end after d from began, because of why.
func endsAfter(t *testing.T, ctx context.Context, began time.Time, d time.Duration, why error) {
	t.Helper()
	<-ctx.Done()
	if took := time.Since(began); took != d || context.Cause(ctx) != why {
		t.Errorf("it ended after %v (%v), want %v (%v)", took, context.Cause(ctx), d, why)
	}
}

// key is of a value that a context has.
type key struct{}

func TestWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := deadline.With(t.Context(), time.Minute, errTurn)
		defer cancel()
		below, cancelBelow := context.WithCancel(context.WithValue(ctx, key{}, "value"))
		defer cancelBelow()
		endsAfter(t, below, began, time.Minute, errTurn)
		if below.Value(key{}) != "value" {
			t.Error("a value is lost")
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := deadline.With(t.Context(), time.Minute, errTurn)
		cancel()
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("got %v", context.Cause(ctx))
		}
		deadline.Pause(ctx)() // does no harm
	})
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		run, cancel := deadline.With(t.Context(), 3*time.Minute, errRun)
		defer cancel()
		turn, cancel := deadline.With(run, time.Minute, errTurn)
		defer cancel()
		other, cancel := deadline.With(run, 2*time.Minute, errTurn)
		defer cancel()

		time.Sleep(30 * time.Second)
		resume, again := deadline.Pause(turn), deadline.Pause(turn)
		time.Sleep(time.Hour)
		resume()
		time.Sleep(time.Hour)
		if turn.Err() != nil || run.Err() != nil || !deadline.Stopped(turn) || !deadline.Stopped(run) {
			t.Fatal("it did not stand still")
		}
		if other.Err() == nil {
			t.Error("another clock stood still as well")
		}
		if again(); deadline.Stopped(turn) || deadline.Stopped(run) {
			t.Error("it stands still")
		}
		endsAfter(t, turn, began, 2*time.Hour+time.Minute, errTurn)
		endsAfter(t, run, began, 2*time.Hour+3*time.Minute, errRun)
	})
}

// A context that ended while its clock stood still stays so.
func TestEndedWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := deadline.With(t.Context(), time.Minute, errTurn)
		resume := deadline.Pause(ctx)
		cancel()
		resume()
		time.Sleep(time.Hour)
		if context.Cause(ctx) == errTurn {
			t.Error("it ended twice")
		}
	})
}

func TestNoDeadline(t *testing.T) {
	deadline.Pause(t.Context())()
	if deadline.Stopped(t.Context()) {
		t.Error("there is no clock to stand still")
	}
}
