package ssh

import (
	"io"
	"sync/atomic"
	"time"

	"farmrun/luahost/remote"
)

// stream is one of the outputs of a command. It keeps and passes on what comes
// until it is shut, so that nothing is written after Run has returned.
type stream struct {
	turn chan struct{} // whose value writes; both streams have the same if they have the same writer
	kept remote.Output
	live io.Writer
	off  atomic.Bool
}

func (s *stream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.off.Load() {
		return len(p), nil
	}
	s.kept.Write(p)
	if s.live != nil {
		if _, err := s.live.Write(p); err != nil {
			s.live = nil
		}
	}
	return len(p), nil
}

// sameWriter tells whether a and b are one, as far as they can be compared.
func sameWriter(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a == b
}

// shut ends the passing on, and waits for the writer that is at work. One that blocks
// for longer than that is left behind.
func (s *stream) shut(patience time.Duration) {
	s.off.Store(true)
	select {
	case s.turn <- struct{}{}:
		<-s.turn
	case <-time.After(patience):
	}
}

func (s *stream) bytes() []byte { return s.kept.Bytes() }
