package remote

import (
	"io"
	"sync/atomic"
	"time"
)

// Stream is one of the outputs of a command. It keeps it, and passes it on to a writer
// until it is shut, so that nothing is written after the command's Run has returned.
type Stream struct {
	turn chan struct{} // whose value writes; both streams have the same if they have the same writer
	kept Output
	live io.Writer
	off  atomic.Bool
}

// WriterWithin is how long a writer may take to return before it is left behind. Those of
// a console return with the command's context, but a busy machine may give them no time to.
const WriterWithin = 10 * time.Second

// NewStream returns one that keeps as Output does, and passes on to live; nil is nowhere.
func NewStream(live io.Writer, keep int) *Stream {
	return &Stream{turn: make(chan struct{}, 1), kept: Output{Keep: keep}, live: live}
}

// Streams returns those of a command, which take turns if they have the same writer.
func Streams(cmd Cmd) (stdout, stderr *Stream) {
	stdout, stderr = NewStream(cmd.Stdout, cmd.Keep), NewStream(cmd.Stderr, cmd.Keep)
	if cmd.Stdout != nil && sameWriter(cmd.Stdout, cmd.Stderr) {
		stderr.turn = stdout.turn
	}
	return stdout, stderr
}

// sameWriter tells whether a and b are one, as far as they can be compared.
func sameWriter(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a == b
}

// Write takes output. It never fails: a writer that does gets no more of it.
func (s *Stream) Write(p []byte) (int, error) {
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

// Shut ends the passing on, and waits for the writer that is at work. One that blocks
// for longer than patience is left behind.
func (s *Stream) Shut(patience time.Duration) {
	s.off.Store(true)
	select {
	case s.turn <- struct{}{}:
		<-s.turn
	case <-time.After(patience):
	}
}

// Bytes returns the kept output, as Output.Bytes does.
func (s *Stream) Bytes() []byte { return s.kept.Bytes() }
