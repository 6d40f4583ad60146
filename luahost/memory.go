package luahost

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"
)

// memory is the ceiling on the memory that all threads of a Runtime use together.
//
// gopher-lua asks the context of a thread before each instruction whether it is
// done, and so a leash can measure on the interpreter's own goroutine, while
// nothing of the script runs. It does so when the watchdog has seen too much in
// use, and before a long string is made. Only memory still in use after a garbage
// collection counts.
type memory struct {
	most uint64 // the script's part of the ceiling
	own  uint64 // in use before there was a script

	mu      sync.Mutex
	threads map[*thread]bool
	widest  atomic.Int64 // the most threads there ever were

	over    atomic.Pointer[Error] // why the script ends; nil until then
	raised  atomic.Uint64         // the ceiling after it was reached; 0 until then
	again   atomic.Uint64         // how much may be in use before it is measured again
	suspect atomic.Bool           // more than enough is in use, garbage included

	measuring atomic.Bool // garbage is being collected, which may take seconds
}

const (
	// ownByThread is the memory of farmrun itself for a host at work: its login,
	// and the Go side of its thread. Both take 60 KiB at most hosts.
	ownByThread = 256 << 10
	// spare is the part of the ceiling, an eighth, that undoing gets when the
	// script has reached it.
	spare = 8
	// garbage is the part of the ceiling that garbage may take once half of the
	// ceiling is in use. More of it would leave no room for a table that has to
	// be copied to grow; less would have a script near the ceiling do nothing but
	// collect, which takes it a second each time.
	garbage = 8
)

func newMemory(most uint64) *memory {
	return &memory{most: most, own: inUse(), threads: map[*thread]bool{}}
}

// began notes a new thread; its end has to be told.
func (m *memory) began(t *thread) (ended func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.threads[t] = true
	m.widest.Store(max(m.widest.Load(), int64(len(m.threads))))
	if t.outer != nil {
		t.outer.inner++
	}
	return func() { m.ended(t) }
}

func (m *memory) ended(t *thread) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.threads, t)
	if t.outer != nil {
		t.outer.inner--
	}
}

// end ends the script because of e: at once the threads that wait for no other,
// the rest when those that they wait for have ended and been undone.
func (m *memory) end(e *Error) {
	m.over.CompareAndSwap(nil, e)
	m.mu.Lock()
	defer m.mu.Unlock()
	for t := range m.threads {
		if t.inner == 0 && !t.undoes {
			t.cancel(m.over.Load())
		}
	}
}

// refuses returns why t may not run; nil if it may.
func (m *memory) refuses(t *thread) error {
	if e := m.over.Load(); e != nil && !t.undoes {
		return e
	}
	return nil
}

func (m *memory) ceiling() uint64 {
	return max(m.raised.Load(), m.most+m.own+uint64(m.widest.Load())*ownByThread)
}

// enough is how much may be in use, garbage included, before it is measured.
func (m *memory) enough() uint64 { return max(m.ceiling()-m.most/2, m.again.Load()) }

// fits tells whether the ceiling leaves room for so many bytes more.
func (m *memory) fits(more uint64) bool {
	if inUse()+more <= m.enough() {
		return true
	}
	m.measuring.Store(true)
	runtime.GC()
	m.measuring.Store(false)
	left := inUse()
	m.again.Store(left + m.most/garbage)
	return left+more <= m.ceiling()
}

// look has the thread that runs measure if there may be too much in use. It tells
// whether much is.
func (m *memory) look() (much bool) {
	used := inUse()
	if used > m.enough() {
		m.suspect.Store(true)
	}
	return used > m.ceiling()/2
}

func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() + sample[1].Value.Uint64()
}

// leash is the context of the Lua state L of a thread: the thread's, but that it
// keeps to the memory ceiling.
type leash struct {
	context.Context
	done   <-chan struct{}
	thread *thread
	L      *lua.LState
}

// leashed has L run as part of the thread.
func (t *thread) leashed(L *lua.LState) { L.SetContext(&leash{t.ctx, t.ctx.Done(), t, L}) }

// leash has L, which the thread of ctx calls, run as part of that.
func (rt *Runtime) leash(L *lua.LState, ctx context.Context) {
	ctx.Value(threadKey{}).(*thread).leashed(L)
}

// Done is called before each instruction.
func (l *leash) Done() <-chan struct{} {
	m := l.thread.rt.memory
	if m.suspect.Load() {
		m.suspect.Store(false)
		if !m.fits(0) {
			l.thread.greedy(l.L)
		}
	}
	if e := m.refuses(l.thread); e != nil {
		l.thread.cancel(e)
	}
	return l.done
}

// reserve raises an error in L, which no pcall survives, if so many bytes more
// would pass the ceiling.
func (rt *Runtime) reserve(L *lua.LState, bytes int) {
	if !rt.memory.fits(uint64(bytes)) {
		L.Error(rt.errorValue(rt.outgrown(L)), 0)
	}
}

// parsed is how much memory a byte of source may take to compile, at most.
const parsed = 128

// fitsSource tells whether there is room to compile a source. A short one is not
// looked at, which would take longer than to compile it.
func (m *memory) fitsSource(source string) bool {
	return len(source) < 64<<10 || m.fits(uint64(len(source))*parsed)
}

// greedy ends the thread, and the script, because the ceiling is reached. Undo
// functions get some room.
func (t *thread) greedy(L *lua.LState) error {
	m := t.rt.memory
	m.raised.CompareAndSwap(0, max(inUse(), m.ceiling())+m.most/spare)
	e := fill(m.exceeded(t.rt.where(L)), t)
	t.cancel(e)
	m.end(e)
	return e
}

// outgrown is greedy for an L that may be outside of any thread.
func (rt *Runtime) outgrown(L *lua.LState) error {
	if ctx := L.Context(); ctx != nil {
		return ctx.Value(threadKey{}).(*thread).greedy(L)
	}
	return rt.memory.exceeded(rt.where(L))
}

// exceeded is the error at the ceiling.
func (m *memory) exceeded(where []string) *Error {
	return &Error{
		Kind:    Script,
		Message: "the script needs more than " + binary(m.most),
		Where:   where,
		Hint:    "if a string or a table does not grow without end, give it more: farmrun --memory " + strings.ReplaceAll(binary(2*m.most), " ", ""),
	}
}

// binary writes a number of bytes as "1 GiB" or "64 MiB".
func binary(bytes uint64) string {
	if bytes%(1<<30) == 0 {
		return fmt.Sprintf("%d GiB", bytes>>30)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
