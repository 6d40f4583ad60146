package login

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote"
)

// TestEndedInTime has farmrun find at once that a command has ended, its time is
// over and its terminal gone, as on a busy machine: the end came first.
func TestEndedInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &shell{gone: make(chan struct{}), got: make(chan frame, 1), err: errors.New("gone")}
	close(s.gone)
	r := newRun(s, remote.Cmd{})
	close(r.ended)
	for range 100 { // select chooses at random
		if err := r.wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeldOpen: a command whose output something holds open has ended all the same.
func TestHeldOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(&shell{gone: make(chan struct{})}, remote.Cmd{})
		time.AfterFunc(time.Second, func() { r.took(frame{kind: 'X', body: []byte("7")}) })
		began := time.Now()
		if err := r.wait(t.Context()); err != nil || r.code != 7 || time.Since(began) != time.Second+heldWithin {
			t.Errorf("got %v, status %d after %v", err, r.code, time.Since(began))
		}
	})
}

// TestAPlaceComesFree has somebody wait for a shell, and a place come free
// without one.
func TestAPlaceComesFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("asked to open a terminal")
		c := &Client{
			options: Options{Open: func(context.Context, remote.TerminalOptions) (remote.Terminal, error) { return nil, full }},
			done:    make(chan struct{}), shells: map[*shell]bool{}, idle: make(chan *shell, mostShells),
			places: mostShells, freed: make(chan struct{}),
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		got := make(chan error)
		go func() {
			_, err := c.take(ctx, mostShells)
			got <- err
		}()
		synctest.Wait()
		c.leave(1)
		if err := <-got; !errors.Is(err, full) {
			t.Errorf("got %v, want that it tries to open a terminal", err)
		}

		// A host that lets in no more is not asked again before a shell is gone.
		c.shells[&shell{}] = true
		go func() {
			_, err := c.take(ctx, mostShells)
			got <- err
		}()
		synctest.Wait()
		s := &shell{}
		c.idle <- s
		if err := <-got; err != nil {
			t.Errorf("got %v, want the shell that another has done with", err)
		}
	})
}

// TestAnsweredInTime is the same for a frame.
func TestAnsweredInTime(t *testing.T) {
	s := &shell{gone: make(chan struct{}), got: make(chan frame, 1)}
	for range 100 {
		s.got <- frame{kind: 'R'}
		if f, err := s.next(t.Context(), 0); err != nil || f.kind != 'R' {
			t.Fatalf("got %c, %v", f.kind, err)
		}
	}
}
