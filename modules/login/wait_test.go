package login

import (
	"context"
	"errors"
	"testing"

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
