package luahost

import (
	"fmt"
	"sync"
	"syscall"
	"time"
)

// watchdog ends the thread that keeps the interpreter for longer than a
// stretch, and keeps an eye on the memory. One timer serves all threads,
// since only one has the lock; it runs freely and looks at each expiry whose
// turn it is, so that taking and giving back the lock costs no system call.
type watchdog struct {
	stretch time.Duration
	memory  *memory

	mu    sync.Mutex
	timer *time.Timer
	owner *thread
	since time.Time
	seen  time.Time     // the since of the last look
	last  time.Time     // when that was
	spent time.Duration // processorTime then
	ran   time.Duration // how long the owner has run since it was first seen
}

// lookEvery is how often the watchdog looks.
const lookEvery = 50 * time.Millisecond

// lookAgain is how soon it looks again when half of the memory is in use, since
// a script can take 4 MB in each millisecond.
const lookAgain = 10 * time.Millisecond

func newWatchdog(stretch time.Duration, memory *memory) *watchdog {
	return &watchdog{stretch: stretch, memory: memory}
}

// begin notes that t has the interpreter from now on.
func (w *watchdog) begin(t *thread) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner, w.since = t, time.Now()
	if w.timer == nil {
		w.timer = time.AfterFunc(min(w.stretch, w.pause()), w.look)
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
	pause := w.pause()
	if w.owner == nil {
		w.timer = nil
		return
	}
	w.see()
	left := w.stretch - w.ran
	if left <= 0 {
		w.owner.cancel(&Error{
			Kind:    Timeout,
			Message: fmt.Sprintf("Lua ran for %v without calling any primitive; nothing else could run meanwhile", w.stretch),
			Hint:    "do long computations elsewhere, or in pieces",
		})
		left = w.stretch
	}
	w.timer.Reset(min(left, pause))
}

// pause looks at the memory and returns how long that is good for.
func (w *watchdog) pause() time.Duration {
	if w.memory.look() {
		return lookAgain
	}
	return lookEvery
}

// see counts how long the owner has run since the last look, without the time that
// measuring the memory takes. When the machine has more to do than it can, the owner
// waits for its turn as everybody does, and is not blamed for it: while this process
// has not worked, neither has the owner.
func (w *watchdog) see() {
	now, spent := time.Now(), processorTime()
	switch {
	case w.seen != w.since:
		w.seen, w.ran = w.since, 0
	case !w.memory.measuring.Load():
		w.ran += min(now.Sub(w.last), spent-w.spent)
	}
	w.last, w.spent = now, spent
}

// processorTime returns for how long processors have worked for this process: see
// getrusage(2).
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
