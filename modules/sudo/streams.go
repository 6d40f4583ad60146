package sudo

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sync"

	"farmrun/luahost/remote"
)

// stderr takes what a command says, passes it on as it comes and keeps it. With
// hold set, a first line that matches goes no further.
type stderr struct {
	live io.Writer // nil is nowhere
	keep int       // as Cmd.Keep
	hold *regexp.Regexp

	mu    sync.Mutex
	kept  *remote.Output
	first []byte // the first line, as far as it has come
	ended bool   // it has come
}

// longestFirst is how long a first line may be without an end.
const longestFirst = 4 << 10

// Write never fails.
func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		s.pass(p)
		return len(p), nil
	}
	line, rest, found := bytes.Cut(p, []byte{'\n'})
	s.first = append(s.first, line...)
	if s.ended = found || len(s.first) > longestFirst; s.ended {
		s.release(found)
		s.pass(rest)
	}
	return len(p), nil
}

// release passes the first line on, unless it is one to hold back.
func (s *stderr) release(newline bool) {
	if s.hold != nil && s.hold.Match(s.first) {
		return
	}
	s.pass(s.first)
	if newline {
		s.pass([]byte{'\n'})
	}
}

func (s *stderr) pass(p []byte) {
	if len(p) == 0 {
		return
	}
	if s.kept == nil {
		s.kept = &remote.Output{Keep: s.keep}
	}
	s.kept.Write(p)
	if s.live != nil {
		s.live.Write(p)
	}
}

// bytes returns what was passed on. It is called when all has come.
func (s *stderr) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		s.release(false)
	}
	if s.kept == nil {
		return nil
	}
	return s.kept.Bytes()
}

// firstLine returns the first line with its end, and whether it was held back.
func (s *stderr) firstLine() (line string, held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.first) + "\n", s.hold != nil && s.hold.Match(s.first)
}

// tape lets a command's input be read more than once: sudo may have to be
// started again after the runner has begun to send it. There is one reader at a
// time; an older one is at its end as soon as there is a newer one, although
// the runner may still be waiting in it.
type tape struct {
	src io.Reader

	mu      sync.Mutex
	more    *sync.Cond
	kept    []byte // what was read of src, from the byte number base on
	base    int64
	err     error // of src
	reading bool
	current *replay
}

// mostKept is how much is kept for another start, more than any connection
// takes of the input of a command that does not read it.
const mostKept = 4 << 20

var errInputLost = errors.New("sudo: it wants a password only after it took more of the input than can be sent again")

func newTape(src io.Reader) *tape {
	if src == nil {
		return nil
	}
	t := &tape{src: src}
	t.more = sync.NewCond(&t.mu)
	return t
}

// reader returns a reader from the beginning, nil if there is no input.
func (t *tape) reader() (io.Reader, error) {
	if t == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.base > 0 {
		return nil, errInputLost
	}
	t.current = &replay{tape: t}
	t.more.Broadcast()
	return t.current, nil
}

// close ends all readers.
func (t *tape) close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = nil
	t.more.Broadcast()
}

// replay is one reading of a tape.
type replay struct {
	tape *tape
	at   int64
}

func (r *replay) Read(p []byte) (int, error) {
	t := r.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.current == r && r.at == t.base+int64(len(t.kept)) && t.err == nil {
		if !t.reading {
			t.reading = true
			go t.read()
		}
		t.more.Wait()
	}
	if t.current != r {
		return 0, io.EOF
	}
	n := copy(p, t.kept[r.at-t.base:])
	r.at += int64(n)
	if n == 0 {
		return 0, t.err
	}
	return n, nil
}

// read reads a piece of src. It is the only one to do so.
func (t *tape) read() {
	piece := make([]byte, 32<<10)
	n, err := t.src.Read(piece)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) > mostKept { // whoever reads has had all of it
		t.base += int64(len(t.kept))
		t.kept = t.kept[:0]
	}
	t.kept = append(t.kept, piece[:n]...)
	t.err, t.reading = err, false
	t.more.Broadcast()
}
