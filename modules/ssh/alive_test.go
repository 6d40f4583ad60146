package ssh

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// talker is a host that says a byte whenever it is told to.
type talker struct {
	net.Conn
	say chan struct{}
}

func (t talker) Read(p []byte) (int, error) { <-t.say; return 1, nil }
func (talker) Close() error                 { return nil }

func TestKeepalive(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers int           // how many questions the host answers
		chat    time.Duration // how often it says something by itself; 0 is never
		asked   int64         // how often it is asked within ten minutes
		dead    time.Duration // when it is given up; 0 is never
	}{
		{"silent", 0, 0, 3, 60 * time.Second},
		{"answers twice", 2, 0, 5, 90 * time.Second},
		{"answers always", 1000, 0, 40, 0},
		{"talks", 0, 10 * time.Second, 0, 0},
		{"talks now and then", 1000, 20 * time.Second, 30, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				say := make(chan struct{}, 100)
				w := newWire(talker{say: say})
				w.greet.over = true
				stop := make(chan struct{})
				go func() { // x/crypto reads all the time
					for {
						select {
						case <-stop:
							return
						default:
							w.Read(make([]byte, 1))
						}
					}
				}()
				began := time.Now()
				var asked, dead atomic.Int64
				answers := x.answers
				k := &keepalive{interval: 15 * time.Second, most: 3, wire: w,
					ask: func() {
						asked.Add(1)
						if answers > 0 {
							answers--
							say <- struct{}{}
						}
					},
					dead: func() { dead.Store(int64(time.Since(began))) },
				}
				k.start()
				if x.chat > 0 {
					go func() {
						for range int(10*time.Minute/x.chat) - 1 {
							time.Sleep(x.chat)
							say <- struct{}{}
						}
					}()
				}
				time.Sleep(10*time.Minute + time.Second)
				k.stop()
				if asked, dead := asked.Load(), time.Duration(dead.Load()).Truncate(time.Second); asked != x.asked || dead != x.dead {
					t.Errorf("asked %d times and given up at %v, want %d and %v", asked, dead, x.asked, x.dead)
				}
				close(stop)
				say <- struct{}{}
			})
		})
	}
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say := make(chan struct{})
		w := newWire(talker{say: say})
		began := time.Now()
		p := newPatience(t.Context(), 0)
		p.watch(w)
		ctx := p.ctx
		go func() {
			for range 100 { // a host that drips
				time.Sleep(10 * time.Second)
				select {
				case say <- struct{}{}:
				case <-ctx.Done():
					close(say)
					return
				}
			}
		}()
		go func() {
			for ctx.Err() == nil {
				w.Read(make([]byte, 1))
			}
		}()
		<-p.ctx.Done()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("a host that drips was waited for %v, want a minute", took)
		}
		p = newPatience(t.Context(), 5*time.Second)
		began = time.Now()
		resume := p.hold()
		time.Sleep(time.Hour)
		if took := resume(); took != time.Hour || p.ctx.Err() != nil {
			t.Errorf("held for %v, %v", took, p.ctx.Err())
		}
		<-p.ctx.Done()
		if took := time.Since(began); took != time.Hour+5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
