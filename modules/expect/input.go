package expect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/render"
)

// queueLimit is how much is read beyond what is kept; then the other end has
// to wait until somebody listens.
const queueLimit = 64 << 10

// restless is for how long nobody has waited when listen begins to read.
const restless = 20 * time.Millisecond

// readSize is how much is read at once, which is what a terminal has at most.
const readSize = 4 << 10

// input reads what the other end says, puts it through the filter and keeps
// what is not yet matched.
//
// Who waits for something reads it himself, between take and leave: so no other
// goroutine has to be woken in the turns of a dialogue, which would take longer
// than all else that is done in one. While nobody waits, listen reads, so that
// the other end need not stop and its end is noticed. It begins a moment after
// the last wait, lest it is there in the turns, and lets go when somebody wants
// to wait.
type input struct {
	stream Stream
	keep   int
	masker func(to io.Writer) Masker // Options.Mask

	more chan struct{} // has one place; filled when something has come to the tap, or at the end

	reading sync.Mutex // held by whoever reads from the stream
	buf     []byte     // into which he reads
	end     deadline   // of his Read
	soon    *time.Timer

	mu      sync.Mutex
	wanted  bool      // somebody reads or is about to, and not listen
	left    time.Time // when the last of them ceased
	coming  bool      // soon is going to run listen
	full    bool      // listen reads no further for want of room
	sending bool      // a send is under way, which ends only if somebody reads: listen forgets to make room
	closed  bool
	filter  filter
	cursor  cursorMode
	screen  *drawing     // nil where output is stored as it is
	waiting bytes.Buffer // what is stored and not yet matched
	dropped int          // how much of waiting listen has forgotten that the matcher may still have
	cut     int          // how much was forgotten since the last match
	older   io.Writer    // gets the forgotten text; nil: it is counted
	said    tail
	fresh   int          // how much was stored since news was last called
	tapped  bool         // what is read goes to tap, as it is, and not to the matcher
	tap     bytes.Buffer // what drawn has yet to take
	tapMask *mask        // redacts secrets in it; nil leaves them there
	heldAt  time.Time    // when the filter got the last of what it holds
	stored  int          // how much was stored in all
	sentAt  int          // of which so much when text was last sent
	unmet   bool         // no match took output that came after that
	ended   error        // ErrEnd when the stream has, and all that it said is stored
}

func newInput(stream Stream, o Options) *input {
	in := &input{
		stream: stream,
		keep:   o.Keep,
		more:   make(chan struct{}, 1),
		buf:    make([]byte, readSize),
		end:    deadline{set: stream.SetReadDeadline},
		filter: filter{strip: o.Strip == StripEscapes},
		screen: newDrawing(o.Strip),
		masker: o.Mask,
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.coming = true
	in.soon = time.AfterFunc(0, in.listen)
	return in
}

// take makes the caller the one who reads, until leave.
func (in *input) take() {
	in.mu.Lock()
	in.wanted, in.full = true, false
	in.mu.Unlock()
	if !in.reading.TryLock() {
		in.end.pass()
		in.reading.Lock()
	}
}

func (in *input) leave() {
	in.reading.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.wanted, in.left = false, time.Now()
	in.listenIn(restless)
}

// listenIn has listen run after d, if it is not about to run. The caller holds
// in.mu.
func (in *input) listenIn(d time.Duration) {
	if !in.coming && !in.closed {
		in.coming = true
		in.soon.Reset(d)
	}
}

// listen reads until somebody else wants to.
func (in *input) listen() {
	if !in.due() || !in.reading.TryLock() {
		return // he who reads has it run again
	}
	for in.end.by(time.Time{}); in.mayListen(); in.end.by(time.Time{}) {
		in.readOnce()
	}
}

// due tells whether nobody has waited for long enough, or else has listen run
// again when that may be. It does not hold in.reading, so one who begins to wait
// now need not have it let go.
func (in *input) due() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.coming = false
	rest := restless - time.Since(in.left)
	if rest > 0 && !in.tapped {
		in.listenIn(rest)
		return false
	}
	return true
}

// mayListen tells whether it is for listen to read now, and if not, has that hold
// in.reading no more: before anybody can see why, or he would have listen run
// again in vain. Call by before it, which could undo that take had the deadline
// pass.
func (in *input) mayListen() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sending {
		in.forget(&in.dropped)
	}
	in.full = in.waiting.Len()+in.tap.Len() >= in.keep+queueLimit
	if in.wanted || in.full || in.ended != nil || in.closed {
		in.reading.Unlock()
		return false
	}
	return true
}

// resume has listen go on, if that ceased for want of room. The caller holds
// in.mu.
func (in *input) resume() {
	if in.full {
		in.full = false
		in.listenIn(0)
	}
}

// close returns when nobody reads any more, which is soon if the stream is
// closed.
func (in *input) close() {
	in.mu.Lock()
	in.closed = true
	in.soon.Stop()
	in.mu.Unlock()
	in.reading.Lock()
	defer in.reading.Unlock()
}

// read reads once. It comes back by until, but for a last look, or when ctx is done if
// that has end pass; it may come back sooner with nothing. The caller has taken in.
func (in *input) read(ctx context.Context, until time.Time) {
	patience, n := time.Until(until), 0
	if patience > leastLook { // the last look is as long as a shorter one
		n = in.readBy(ctx, until)
	}
	if n == 0 && (patience <= leastLook || !time.Now().Before(until)) {
		in.look(ctx, min(lookWithin, max(patience, leastLook)))
	}
}

// lookWithin is how long look may take to read output that has already arrived, leastLook
// where nobody would have waited as long as that.
const (
	lookWithin = 5 * time.Millisecond
	leastLook  = time.Millisecond
)

// look reads the output that came before a deadline and was not read by then. A
// Read whose deadline has passed returns nothing, even where there is output. On
// a busy machine the reader gets to it only then.
func (in *input) look(ctx context.Context, within time.Duration) {
	in.readBy(ctx, time.Now().Add(within))
}

// readBy is readOnce until at, unless ctx is done.
func (in *input) readBy(ctx context.Context, at time.Time) int {
	in.end.by(at)
	if ctx.Err() != nil {
		return 0
	}
	return in.readOnce()
}

// readOnce reads once, and returns how much. The caller holds in.reading.
func (in *input) readOnce() int {
	n, err := in.stream.Read(in.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		in.end.passed()
		err = nil
	}
	in.pass(in.buf[:n], err)
	return n
}

const (
	burstBegins = 1 << 10 // who has said so much is likely to go on at once
	burstEnough = 32 << 10
	burstWait   = time.Millisecond
)

// gather waits a moment for more of a burst, since all that is kept is searched
// again for each piece.
func (in *input) gather(ctx context.Context) {
	var late time.Time
	for in.inBurst() {
		now := time.Now()
		if late.IsZero() {
			late = now.Add(burstWait)
		}
		if !now.Before(late) || ctx.Err() != nil {
			return
		}
		in.end.by(late)
		in.readOnce()
	}
}

func (in *input) inBurst() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fresh >= burstBegins && in.fresh < burstEnough && in.ended == nil
}

// pass puts what was read through the filter and stores it. Every error is the
// end.
func (in *input) pass(raw []byte, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cursor.see(raw)
	if in.tapped {
		in.pour(raw)
	} else {
		in.storeDrawn(in.filter.pass(nil, raw))
		if in.filter.holds() && len(raw) > 0 {
			in.heldAt = time.Now()
		}
	}
	if err != nil {
		in.store(in.filter.release(nil))
		in.ended = ErrEnd
		if !saysGone(err) {
			in.ended = fmt.Errorf("%w: %w", ErrEnd, err)
		}
		signal(in.more)
	}
}

// store notes what was said. The caller holds in.mu.
func (in *input) store(text []byte) {
	if in.screen != nil {
		in.screen.draw(&in.waiting, text)
	} else {
		in.waiting.Write(text)
	}
	in.said.add(text)
	in.fresh += len(text)
	in.stored += len(text)
}

// storeDrawn is store for the text that the filter returns. The echoes that it has taken
// out were seen as well. The caller holds in.mu.
func (in *input) storeDrawn(text []byte) {
	at := 0
	for _, echo := range in.filter.came {
		in.store(text[at:echo.at])
		at = echo.at
		in.said.add(echo.text)
		if in.screen != nil {
			in.screen.pass(echo.text)
		}
	}
	in.filter.came = nil
	in.store(text[at:])
}

// release gives out what was held back and was no echo after all.
func (in *input) release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.store(in.filter.release(nil))
}

// news tells whether something was stored since it was last called, when the last of
// that came which is held back because it may be an echo, if any is, and why nothing
// will come after the stored text.
func (in *input) news() (fresh bool, held time.Time, ended error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	fresh, in.fresh = in.fresh > 0, 0
	if in.filter.holds() {
		held = in.heldAt
	}
	return fresh, held, in.ended
}

// forget drops the oldest of what is stored beyond what shall be kept, and adds to
// dropped how much that was. The caller holds in.mu.
func (in *input) forget(dropped *int) {
	n := in.waiting.Len() - in.keep
	if n <= 0 {
		return
	}
	*dropped += n
	in.drop(in.next(n))
}

// drop is about text that is not kept. The caller holds in.mu.
func (in *input) drop(text []byte) {
	if in.older != nil {
		in.older.Write(text)
		return
	}
	in.cut += len(text)
}

// forgotten returns how much was forgotten that the matcher may have; math.MaxInt is that
// all which it has may have been drawn again.
func (in *input) forgotten() (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n, in.dropped = in.dropped, 0
	if in.screen != nil && in.screen.redrawn {
		in.screen.redrawn = false
		return math.MaxInt
	}
	return n
}

// shorten forgets the text that is too much.
func (in *input) shorten() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.forget(&in.dropped)
	in.resume()
}

// next takes off the first n stored bytes. The caller holds in.mu.
func (in *input) next(n int) []byte {
	if in.screen != nil {
		in.screen.take(in.waiting.Bytes(), n)
	}
	return in.waiting.Next(n)
}

// olderTo has the text that is forgotten written to w, in order, until restore; otherwise
// it is counted, as Match.Cut.
func (in *input) olderTo(w io.Writer) (restore func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	before := in.older
	in.older = w
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.older = before
	}
}

// cutBefore returns how much was forgotten since the last match.
func (in *input) cutBefore() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.cut
}

// matched says that a match of so many bytes was taken, and the text before it, of which
// it returns as much as shall be kept, and how much was forgotten since the last match.
func (in *input) matched(before string, size int) (kept string, cut int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := max(0, min(len(before), len(before)+size-in.keep))
	in.drop([]byte(before[:n]))
	cut, in.cut = in.cut, 0
	if in.stored-in.waiting.Len() > in.sentAt {
		in.unmet = false
		in.filter.matched()
	}
	return before[n:], cut
}

// drawFrom has output stored as a person sees it, behind the line where the cursor
// is, which it returns, until restore.
func (in *input) drawFrom() (line string, restore func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	before, lines := in.screen, in.said.screen()
	line = lines.Line()
	in.screen = &drawing{lines: lines, taken: line, same: len(line)}
	return line, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		if before == nil {
			in.screen = nil
		}
	}
}

// beginSend says what is about to be sent, until endSend. It returns false where
// nobody is left to send it to: a terminal would take it all the same.
func (in *input) beginSend(text string, e Echo, told bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended != nil {
		return false
	}
	if text != "" {
		var line []byte
		if e == EchoUnknown || told {
			line = in.said.rest()
		}
		in.filter.sent(text, e, told, line)
		in.sentAt, in.unmet = in.stored, true
	}
	in.sending = true
	in.resume()
	if len(text) > readSize && !in.closed { // it waits for the echo to be read
		in.left, in.coming = time.Time{}, true
		in.soon.Reset(0)
	}
	return true
}

func (in *input) endSend() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sending = false
}

// last tells whether no match took output that came after text was last sent, and returns
// the line where the cursor is.
func (in *input) last() (unmet bool, line string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.unmet, string(in.said.rest())
}

// cursorKeys tells whether the cursor's keys are in application mode.
func (in *input) cursorKeys() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.cursor.on
}

// empty tells whether nothing is stored.
func (in *input) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting.Len() == 0
}

// took says that the first n bytes of what is stored are gone.
func (in *input) took(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.next(n)
	in.resume()
}

// from returns what is stored but its first n bytes.
func (in *input) from(n int) []byte {
	in.mu.Lock()
	defer in.mu.Unlock()
	return bytes.Clone(in.waiting.Bytes()[min(n, in.waiting.Len()):])
}

// find returns the match of a pattern that has a place in the stored text.
func (in *input) find(p Pattern) (m Match, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := in.waiting.Bytes()
	at := p.place(all)
	if at == nil {
		return Match{}, false
	}
	m.Before, m.Text = string(all[:at[0]]), string(all[at[0]:at[1]])
	if !p.isText() {
		m.Groups = []string{}
	}
	for i := 2; i < len(at); i += 2 {
		m.Groups = append(m.Groups, string(all[max(0, at[i]):max(0, at[i+1])]))
	}
	return m, true
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

// lastLine returns the last line as a person sees it.
func (in *input) lastLine() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	lines := strings.Split(strings.TrimRight(render.Text(in.said.last()), " \n"), "\n")
	return string(console.Printable([]byte(lines[len(lines)-1])))
}

// hasEnded tells whether the stream has.
func (in *input) hasEnded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ended != nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// deadline is that of a stream's Read. To set one has Go wake a thread that
// looks after it. So one that is sooner than need be is left, and who reads
// looks at the clock.
type deadline struct {
	set func(time.Time) error

	mu sync.Mutex
	at time.Time // the zero time: none is set
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// by has a Read end at t at the latest; the zero time does not ask for it.
func (d *deadline) by(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.IsZero() && t.IsZero() {
		return
	}
	if time.Now().Before(d.at) && (t.IsZero() || !t.Before(d.at)) {
		return
	}
	d.at = t
	d.set(t)
}

// pass ends a Read that is under way, and the next, unless by is called before.
func (d *deadline) pass() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = longAgo
	d.set(longAgo)
}

// passed says that it did, which may be news if it was set before this was
// made.
func (d *deadline) passed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = longAgo
}
