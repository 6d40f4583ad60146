package expect

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// queueLimit is how much is read beyond what is kept; then the other end has
// to wait until somebody listens.
const queueLimit = 64 << 10

// input is what the matcher reads from: what the other end says, through the
// filter. Its reader, by calling Read again, says that it has stored what it
// got before.
type input struct {
	stream Stream
	keep   int
	masker func(to io.Writer) Masker // Options.Mask

	more chan struct{} // has one place; filled when something was stored, or at the end
	room chan struct{} // has one place; filled when something was taken
	stop chan struct{} // closed by close

	rest []byte // what Read has yet to give out

	mu      sync.Mutex
	filter  filter
	given   []byte       // what Read has given out and is not yet stored
	waiting bytes.Buffer // what is stored and not yet matched
	said    tail
	early   int          // how much was matched before stored could note it
	fresh   int          // how much was stored since news was last called
	tapped  bool         // what is read goes to tap, as it is, and not to the matcher
	tap     bytes.Buffer // what drawn has yet to take
	tapMask *mask        // blots secrets out of it; nil leaves them there
	failed  bool         // the stream has ended
	ended   bool         // and all that came before is stored
}

func newInput(stream Stream, o Options) *input {
	return &input{
		stream: stream,
		keep:   o.Keep,
		more:   make(chan struct{}, 1),
		room:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		filter: filter{strip: o.Strip},
		masker: o.Mask,
	}
}

// Read returns what the other end says, as soon as it says something. It
// belongs to one goroutine, the matcher's.
func (in *input) Read(p []byte) (int, error) {
	in.stored()
	for len(in.rest) == 0 {
		if in.failed || !in.awaitRoom() {
			return 0, io.EOF
		}
		n, err := in.stream.Read(p)
		in.pass(p[:n], err)
	}
	n := copy(p, in.rest)
	in.given, in.rest = in.rest[:n], in.rest[n:]
	return n, nil
}

// stored notes that what Read gave out before is with the matcher.
func (in *input) stored() {
	in.mu.Lock()
	in.said.add(in.given)
	early := min(in.early, len(in.given))
	in.waiting.Write(in.given[early:])
	in.early -= early
	in.fresh += len(in.given)
	in.given = nil
	in.ended = in.failed && len(in.rest) == 0
	tell := in.fresh > 0 || in.ended
	in.mu.Unlock()
	if tell {
		signal(in.more)
	}
}

// pass puts what was read through the filter. Every error is the end, for a
// terminal whose programs are gone says EIO; but that of the deadline is how
// release gets through.
func (in *input) pass(raw []byte, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.tapped {
		in.pour(raw)
	} else {
		in.rest = in.filter.pass(in.rest[:0], raw)
	}
	if err == nil {
		return
	}
	in.rest = in.filter.release(in.rest)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		in.stream.SetReadDeadline(time.Time{})
		return
	}
	in.failed = true
	if len(in.rest) == 0 {
		in.ended = true
		signal(in.more)
	}
}

// awaitRoom waits until less than the limit is stored. What was taken before
// may have left its signal, so it looks again. It returns false after close.
func (in *input) awaitRoom() bool {
	for {
		in.mu.Lock()
		full := in.waiting.Len()+in.tap.Len() >= in.keep+queueLimit
		in.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-in.room:
		case <-in.stop:
			return false
		}
	}
}

// news tells whether something was stored since it was last called, whether
// more is held back because it may be an echo, and whether nothing will come
// after what is stored.
func (in *input) news() (fresh, holding, ended bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	fresh, in.fresh = in.fresh > 0, 0
	return fresh, in.filter.holds(), in.ended
}

const (
	burstBegins = 1 << 10 // who has said so much is likely to go on at once
	burstEnough = 32 << 10
	burstWait   = time.Millisecond
)

// gather waits a moment for more of a burst, since all that is kept is searched
// again for each piece.
func (in *input) gather() {
	var late *time.Timer
	for {
		in.mu.Lock()
		wait := in.fresh >= burstBegins && in.fresh < burstEnough && !in.ended
		in.mu.Unlock()
		if !wait {
			return
		}
		if late == nil {
			late = time.NewTimer(burstWait)
			defer late.Stop()
		}
		select {
		case <-in.more:
		case <-late.C:
			return
		case <-in.stop:
			return
		}
	}
}

// tooMuch is by how much more is stored than shall be kept.
func (in *input) tooMuch() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting.Len() - in.keep
}

// empty tells whether nothing is stored.
func (in *input) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting.Len() == 0
}

// took says that the first n bytes of what is stored are gone. They may be
// more than are noted as yet, by what Read has just given out.
func (in *input) took(n int) {
	in.mu.Lock()
	in.early += n - len(in.waiting.Next(n))
	if in.waiting.Len() == 0 {
		in.waiting.Reset()
	}
	in.mu.Unlock()
	signal(in.room)
}

// before returns what is stored before the first place where text is.
func (in *input) before(text string) (before string, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := in.waiting.Bytes()
	if i := bytes.Index(all, []byte(text)); i >= 0 {
		return string(all[:i]), true
	}
	return "", false
}

// unmatched returns what is stored.
func (in *input) unmatched() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting.String()
}

// lastLines returns the end of all that was said, for errors.
func (in *input) lastLines() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.said.lines()
}

// sent says what is about to be sent. It returns false where nobody is left
// to send it to: a terminal would take it all the same.
func (in *input) sent(text string, e Echo) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.failed {
		in.filter.sent(text, e)
	}
	return !in.failed
}

// hasFailed tells whether the stream has ended.
func (in *input) hasFailed() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.failed
}

// release gives out what was held back and was no echo after all.
func (in *input) release() { in.stream.SetReadDeadline(time.Unix(1, 0)) }

// mask has secrets blotted out from now on.
func (in *input) mask() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.masker != nil && in.filter.mask == nil {
		in.filter.mask = newMask(in.masker)
	}
}

func (in *input) close() { close(in.stop) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
