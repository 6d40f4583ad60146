package luahost

import (
	"fmt"
	"sync"
	"time"
)

// watchdog ends the thread that keeps the interpreter for longer than a
// stretch. One timer serves all threads, since only one has the lock; it runs
// freely and looks at each expiry whose turn it is, so that taking and giving
// back the lock costs no system call.
type watchdog struct {
	stretch time.Duration

	mu    sync.Mutex
	timer *time.Timer
	owner *thread
	since time.Time
}

func newWatchdog(stretch time.Duration) *watchdog {
	w := &watchdog{stretch: stretch}
	return w
}

// begin notes that t has the interpreter from now on.
func (w *watchdog) begin(t *thread) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner, w.since = t, time.Now()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.stretch, w.look)
	}
}

// end notes that nobody has the interpreter.
func (w *watchdog) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner = nil
}

// look ends the owner if it is late, and comes again when it would be. With
// no owner the timer rests until the next begin.
func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owner == nil {
		w.timer = nil
		return
	}
	if left := w.stretch - time.Since(w.since); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.owner.cancel(&Error{
		Kind:    Timeout,
		Message: fmt.Sprintf("Lua ran for %v without calling any primitive; nothing else could run meanwhile", w.stretch),
		Hint:    "do long computations elsewhere, or in pieces",
	})
	w.timer.Reset(w.stretch)
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
