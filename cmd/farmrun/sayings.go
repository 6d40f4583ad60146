package main

import (
	"context"
	"sync"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/runs"
)

// sayings are what hosts say in a run. As long as it has no directory, because no
// rollout has begun, the newest of them are held in memory: a run that only looks
// leaves nothing behind, and one that pulls a release before it takes a host off
// the air tells of that as well.
type sayings struct {
	mask func(text []byte, names ...string) []byte // for secrets that became known after a host had printed them

	mu    sync.Mutex
	log   *runs.Log // nil until there is one
	early []earlySaying
	size  int // of the texts in early
}

// earlySaying is what was said of a host before there was a log.
type earlySaying struct {
	host string
	said runs.Said
}

// mostEarly is how many bytes are held in memory.
const mostEarly = 1 << 20

// hear is told what is said; see console.Console.Listen.
func (s *sayings) hear(_ context.Context, heard console.Saying) {
	if heard.Host == "" {
		return
	}
	said := runs.Said{Time: time.Now(), By: speakers[heard.By], Text: string(heard.Text)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log != nil {
		s.keep(heard.Host, said)
		return
	}
	s.early = append(s.early, earlySaying{heard.Host, said})
	s.size += len(said.Text)
	for ; s.size > mostEarly; s.early = s.early[1:] {
		s.size -= len(s.early[0].said.Text)
	}
}

// keepIn has log keep what was said, and what will be.
func (s *sayings) keepIn(log *runs.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = log
	for _, e := range s.early {
		if e.said.By != speakers[console.Farmrun] {
			e.said.Text = string(s.mask([]byte(e.said.Text)))
		}
		s.keep(e.host, e.said)
	}
	s.early = nil
}

// keep writes down what was said. The caller holds s.mu.
func (s *sayings) keep(host string, said runs.Said) { s.log.Add(host, said) }
