package luahost

import (
	"fmt"
	"runtime/metrics"
	"sync"
	"time"
)

// watchdog ends the thread that keeps the interpreter for longer than a
// stretch, or eats up the memory meanwhile. One timer serves all threads,
// since only one has the lock; it runs freely and looks at each expiry whose
// turn it is, so that taking and giving back the lock costs no system call.
type watchdog struct {
	stretch time.Duration
	memory  uint64

	mu    sync.Mutex
	timer *time.Timer
	owner *thread
	since time.Time
	seen  time.Time     // the since of the last look
	last  time.Time     // when that was
	ran   time.Duration // how long the owner has run since it was first seen
	heap  uint64        // how much memory was in use when the owner was first seen
}

// lookEvery is how often the watchdog looks. A look that comes much later than
// that tells that the machine has more to do than it can: the owner has waited
// for its turn as the watchdog has, and is not blamed for it.
const lookEvery = 50 * time.Millisecond

func newWatchdog(stretch time.Duration, memory uint64) *watchdog {
	return &watchdog{stretch: stretch, memory: memory}
}

// begin notes that t has the interpreter from now on.
func (w *watchdog) begin(t *thread) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner, w.since = t, time.Now()
	if w.timer == nil {
		w.timer = time.AfterFunc(min(w.stretch, lookEvery), w.look)
	}
}

// end notes that nobody has the interpreter.
func (w *watchdog) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner = nil
}

// look ends the owner if it is late or greedy, and comes again. With no owner
// the timer rests until the next begin.
func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owner == nil {
		w.timer = nil
		return
	}
	w.see()
	left := w.stretch - w.ran
	switch {
	case left <= 0:
		w.owner.cancel(&Error{
			Kind:    Timeout,
			Message: fmt.Sprintf("Lua ran for %v without calling any primitive; nothing else could run meanwhile", w.stretch),
			Hint:    "do long computations elsewhere, or in pieces",
		})
		left = w.stretch
	case w.greedy():
		w.owner.cancel(&Error{
			Kind:    Script,
			Message: fmt.Sprintf("Lua used up more than %d MiB of memory without calling any primitive", w.memory>>20),
			Hint:    "a string or a table grows without end",
		})
	}
	w.timer.Reset(min(left, lookEvery))
}

// see counts how long the owner has run, and what memory it began with.
func (w *watchdog) see() {
	now := time.Now()
	if w.seen != w.since {
		w.seen, w.last, w.ran, w.heap = w.since, w.since, 0, heapInUse()
	}
	w.ran += min(now.Sub(w.last), 4*lookEvery)
	w.last = now
}

// greedy tells whether the owner has used up more memory than it may since it
// was first seen to have the interpreter. Garbage counts as long as it has not
// been collected, which farmrun does when it is three times all the rest.
func (w *watchdog) greedy() bool { return heapInUse() > 4*w.heap+w.memory }

func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// stop ends the timer.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}
