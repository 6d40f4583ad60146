// Package virtual has hosts that exist in memory only, on lines that are slow,
// hang, and lose requests and answers, and processes that work on them and can
// be killed. It is for simulations in a bubble of testing/synctest, whose clock
// is the only one that it knows: whole rollouts take microseconds.
//
//	f := virtual.New(seed, 3)
//	p := f.Process(0)
//	err := p.Call(ctx, "web1", "stop", time.Second, func(h *virtual.Host) error { h.Up = false; return nil })
//
// The fate of a call hangs on the seed, the process, the host, the call and how
// many calls the host had before, and not on which goroutine comes first, so a
// seed means the same history each time, or nearly: with several processors a
// few in a thousand still differ.
package virtual

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

var (
	ErrFenced   = errors.New("another process has taken over")
	ErrNoAnswer = errors.New("no answer")
	ErrKilled   = errors.New("killed")
)

// answerTime is how long a process waits for an answer.
const answerTime = 30 * time.Second

// Host is one machine. Its fields may be read and changed only by the effect of
// a call, or when no call is in progress.
type Host struct {
	Name       string
	InPool, Up bool
	Release    int
	epoch      int // of the newest process that has marked it
	calls      atomic.Int64
}

// Serves tells whether the host is in service.
func (h *Host) Serves() bool { return h.InPool && h.Up }

// Effect is one thing that happened to a host, after Since from the begin.
type Effect struct {
	Since   time.Duration
	Process int
	Host    string
	Call    string
	Err     error
	Out     int  // how many hosts are out of service since
	Left    bool // by this the host went out of service
}

func (e Effect) String() string {
	return fmt.Sprintf("%12v process %d %s %s: %v, %d out", e.Since, e.Process, e.Host, e.Call, e.Err, e.Out)
}

// Farm is the hosts of one simulation.
type Farm struct {
	Hosts   []*Host
	Fenced  bool     // hosts refuse the calls of a process older than the one that has marked them
	History []Effect // in order; read it when no call is in progress

	seed  uint64
	began time.Time
	mu    sync.Mutex
}

// New returns a farm of so many hosts, web0 and so on, that are all in service.
func New(seed uint64, hosts int) *Farm {
	f := &Farm{seed: seed, began: time.Now()}
	for i := range hosts {
		f.Hosts = append(f.Hosts, &Host{Name: fmt.Sprint("web", i), InPool: true, Up: true, Release: 1})
	}
	return f
}

// Names returns the names of the hosts.
func (f *Farm) Names() []string {
	names := make([]string, len(f.Hosts))
	for i, h := range f.Hosts {
		names[i] = h.Name
	}
	return names
}

// Dice returns the random numbers that belong to these parts.
func (f *Farm) Dice(parts ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	return rand.New(rand.NewPCG(f.seed, h.Sum64()))
}

func (f *Farm) host(name string) *Host {
	for _, h := range f.Hosts {
		if h.Name == name {
			return h
		}
	}
	panic("virtual: there is no host " + name)
}

// Process is one that works on the hosts of a farm. Epoch says which of them is
// the newest.
type Process struct {
	Number, Epoch int
	farm          *Farm
	killed        atomic.Bool
}

// Process returns a new one.
func (f *Farm) Process(number int) *Process { return &Process{Number: number, farm: f} }

// Kill ends the process as kill -9 does: none of its calls returns before its
// context ends. A request that was sent still has its effect.
func (p *Process) Kill() { p.killed.Store(true) }

// Killed tells whether Kill was called.
func (p *Process) Killed() bool { return p.killed.Load() }

// Mark has a host know p as its owner from now on.
func (p *Process) Mark(ctx context.Context, host string) error {
	return p.Call(ctx, host, "mark", 0, func(h *Host) error { h.epoch = p.Epoch; return nil })
}

// Call has the host named do some work that takes so long and then has that effect.
// The request travels, and so does the answer; either may be lost.
func (p *Process) Call(ctx context.Context, host, call string, takes time.Duration, effect func(*Host) error) error {
	f, h := p.farm, p.farm.host(host)
	d := f.Dice(p.Number, host, call, h.calls.Add(1))
	there, back := time.Duration(1+d.IntN(40_000_000)), time.Duration(1+d.IntN(40_000_000))
	if d.IntN(40) == 0 {
		there += time.Duration(d.IntN(90)) * time.Second // the line hangs; what was sent still arrives
	}
	lost, answerLost := d.IntN(150) == 0, d.IntN(150) == 0
	if p.Killed() {
		<-ctx.Done()
		return ErrKilled
	}
	answer := make(chan error, 1)
	go func() { // without the process, as on a real host
		time.Sleep(there)
		if lost {
			return
		}
		time.Sleep(takes)
		err := f.happen(p, h, call, effect)
		time.Sleep(back)
		if !answerLost {
			answer <- err
		}
	}()
	select {
	case err := <-answer:
		if p.Killed() {
			<-ctx.Done()
			return ErrKilled
		}
		return err
	case <-time.After(answerTime):
		return ErrNoAnswer
	case <-ctx.Done():
		return ctx.Err()
	}
}

// happen lets a call have its effect, unless the fence refuses it.
func (f *Farm) happen(p *Process, h *Host, call string, effect func(*Host) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	served, err := h.Serves(), ErrFenced
	if !f.Fenced || h.epoch <= p.Epoch {
		err = effect(h)
	}
	out := 0
	for _, h := range f.Hosts {
		if !h.Serves() {
			out++
		}
	}
	f.History = append(f.History, Effect{time.Since(f.began), p.Number, h.Name, call, err, out, served && !h.Serves()})
	return err
}
