package ssh

import (
	"sync"
	"time"
)

// keepalive asks a silent host for a sign of life and gives the connection up
// when it has given none several times, as ServerAliveInterval and
// ServerAliveCountMax say. One timer does it; no goroutine waits.
type keepalive struct {
	interval time.Duration
	most     int // unanswered questions
	wire     *wire
	ask      func() // returns when the host has answered, or the connection ended
	dead     func()

	mu     sync.Mutex
	timer  *time.Timer
	missed int   // questions since the host was heard last
	heard  int64 // when that was, see wire
	asking bool
	over   bool
}

// The keepalives where the configuration says nothing of them.
const (
	defaultAliveInterval = 15 * time.Second
	defaultAliveCount    = 3
)

// aliveInterval returns the interval for s, 0 for none.
func aliveInterval(s *Settings) time.Duration {
	if s.IsSet("serveraliveinterval") {
		return s.ServerAliveInterval
	}
	return defaultAliveInterval
}

func (k *keepalive) start() {
	if k.interval <= 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer = time.AfterFunc(k.interval, k.tick)
}

func (k *keepalive) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// tick looks at the silence: a host that was heard is left alone until it
// would have been silent for the interval.
func (k *keepalive) tick() {
	k.mu.Lock()
	if k.over || isDone(k.wire.done) {
		k.mu.Unlock()
		return
	}
	if heard := k.wire.heard.Load(); heard != k.heard {
		k.missed, k.heard = 0, heard
	}
	if quiet := k.wire.silence(); quiet < k.interval {
		k.timer.Reset(k.interval - quiet)
		k.mu.Unlock()
		return
	}
	if k.missed++; k.missed > k.most {
		k.over = true
		k.mu.Unlock()
		k.dead()
		return
	}
	k.timer.Reset(k.interval)
	again := k.asking
	k.asking = true
	k.mu.Unlock()
	if again { // the last question still waits for its answer
		return
	}
	k.ask()
	k.mu.Lock()
	k.asking = false
	k.mu.Unlock()
}
