package ssh

import (
	"bytes"
	"io"
	"strconv"
	"strings"
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

// shut ends the passing on. A writer that blocks for longer than that is left
// behind.
func (s *stream) shut(patience time.Duration) {
	s.off.Store(true)
	select {
	case s.turn <- struct{}{}:
		<-s.turn
	case <-time.After(patience):
	}
}

func (s *stream) bytes() []byte { return s.kept.Bytes() }

// markText begins the line in which the shell tells its process id.
const markText = "farmrun-shell-pid:"

// marker passes on what a command says on standard error, but for the line
// with the process id of its shell. It holds back only what may be that line.
type marker struct {
	to    *stream
	text  string
	known chan struct{} // closed when pid is set, or will not be; nil if nobody waits
	found bool
	inner bool // within a line that is not ours
	noise int  // how much came before
	held  []byte
	pid   atomic.Int64
}

// mostNoise is how much a login shell may say before the process id.
const mostNoise = 16 << 10

func (m *marker) Write(p []byte) (int, error) {
	if m.found {
		return m.to.Write(p)
	}
	m.held = append(m.held, p...)
	for len(m.held) > 0 && !m.found {
		line, _, whole := bytes.Cut(m.held, []byte("\n"))
		short := len(line) < len(m.text)+20 // as long as a process id may be
		mine := !m.inner && (bytes.HasPrefix(line, []byte(m.text)) || !whole && strings.HasPrefix(m.text, string(line)))
		switch {
		case mine && !whole && short:
			return len(p), nil // the rest of the line is still to come
		case mine && whole && short && m.take(line):
			m.held = m.held[len(line)+1:]
		default:
			m.pass(len(line), whole)
		}
	}
	m.flush()
	return len(p), nil
}

// pass passes on n bytes, and the line end after them if there is one.
func (m *marker) pass(n int, whole bool) {
	if whole {
		n++
	}
	m.inner = !whole
	m.to.Write(m.held[:n])
	m.held = m.held[n:]
	if m.noise += n; m.noise > mostNoise {
		m.find() // it will not come any more
	}
}

// find notes that nothing more is to be taken out.
func (m *marker) find() {
	if m.found {
		return
	}
	if m.found = true; m.known != nil {
		close(m.known)
	}
}

func (m *marker) take(line []byte) bool {
	pid, err := strconv.Atoi(string(line[len(m.text):]))
	if err != nil || pid <= 1 {
		return false
	}
	m.pid.Store(int64(pid))
	m.find()
	return true
}

// flush passes on what is held back.
func (m *marker) flush() {
	m.to.Write(m.held)
	m.held = nil
}

// end flushes the beginning of a line that the command's end has cut short.
func (m *marker) end() {
	m.find()
	m.flush()
}
