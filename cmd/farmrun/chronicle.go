package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/user"
	"slices"
	"sync"
	"time"

	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/luahost/runs"
	"farmrun/modules/farm"
)

// chronicle is what is remembered of this run: nothing, and no directory for
// it, until somebody asks for one by open.
type chronicle struct {
	store    runs.Store
	script   string
	typed    []string // what farmrun was called with
	practice bool     // on a farm that is gone with the run

	mu      sync.Mutex
	about   journal.Run // set with run
	sources []journal.Source
	run     *runs.Run                    // nil until it is asked for
	err     error                        // why there is none
	earlier map[string]map[string]string // what the runs before this one remember; nil until it is asked for

	past *journal.State // what the run had done before it was resumed; nil if it was not
}

// newChronicle returns the chronicle of the run that flags and script are of.
func newChronicle(f flags, script string, mask journal.Mask) *chronicle {
	dir, err := runs.DefaultDir()
	c := &chronicle{store: runs.Store{Dir: dir, Mask: mask}, script: script, typed: f.typed, practice: f.practice, err: err}
	if f.resume != nil && err == nil {
		c.resume(*f.resume)
	}
	return c
}

// describe returns what there is to say of this run. It is not asked where nothing
// is remembered: to look up the user may take a server's answer.
func (c *chronicle) describe(sources []journal.Source) journal.Run {
	about := journal.Run{
		Script: c.script, Command: c.typed, PID: os.Getpid(), Version: version(), User: userName(), Sources: sources,
		Practice: c.practice,
	}
	about.Machine, _ = os.Hostname() // who has no name is shown without
	about.Dir, _ = os.Getwd()
	return about
}

// resume goes on with an earlier run.
func (c *chronicle) resume(r resumption) {
	run, records, err := c.store.Resume(r.id)
	if err != nil {
		c.err = err
		return
	}
	c.about = c.describe(r.sources)
	c.about.ID, c.about.Token, c.about.Began = run.ID, run.About.Token, run.Clock.At(time.Now())
	c.run, c.past = run, journal.StateOf(records)
	if err := run.Journal.Append(journal.Record{Kind: journal.RunResumed, Run: &c.about}); err != nil {
		c.err = errors.Join(err, run.Close())
		c.run = nil
	}
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// read notes that a Lua file was read; name is that of require, "" the script.
func (c *chronicle) read(name, path string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = append(c.sources, sourceOf(name, path, text))
}

func sourceOf(name, path string, text []byte) journal.Source {
	sum := sha256.Sum256(text)
	return journal.Source{Name: name, Path: path, SHA256: hex.EncodeToString(sum[:])}
}

// runAbout is farm.Config.About: the run as rollouts know it.
func (c *chronicle) runAbout() (farm.About, error) {
	run, err := c.open()
	if err != nil {
		return farm.About{}, err
	}
	about := farm.About{Run: c.about}
	about.ID, about.Token = run.ID, run.About.Token
	if about.Epoch = 1; c.past == nil {
		about.Began = run.About.Began
	} else { // which ends before this farmrun took the run
		about.Epoch = len(c.past.Resumed) + 2
	}
	if !c.practice {
		about.Resume = "farmrun resume " + run.ID
	}
	return about, nil
}

// over is farm.Config.Over: whether another run has ended and cannot be resumed. Of
// one that is not of this user, on this machine, nobody knows here.
func (c *chronicle) over(id, token string) bool { return c.standing(id, token) == over }

// standing tells how a run stands: over, unknown, or in words for the operator.
func (c *chronicle) standing(id, token string) string {
	state, err := c.store.State(id)
	switch {
	case err != nil || state.Run.Token != token:
		return unknown
	case c.store.InUse(id):
		return "is running"
	case state.Resumable():
		return "can be resumed: farmrun resume " + id + ", or farmrun abandon " + id
	}
	return over
}

// Values of standing besides words for people.
const (
	over    = "over"
	unknown = "unknown"
)

// recall is farm.Config.Recall: what the newest of the earlier runs remembers.
func (c *chronicle) recall(host, name string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.earlier == nil {
		c.earlier = c.store.Facts()
	}
	value, ok := c.earlier[host][name]
	return value, ok
}

// open returns the run's directory and journal, made now if there is none yet.
func (c *chronicle) open() (*runs.Run, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil && c.err == nil {
		c.about = c.describe(slices.Clone(c.sources))
		c.run, c.err = c.store.Create(c.about)
	}
	return c.run, c.err
}

// record writes down what a rollout does, and outside of one what a script has
// remembered and which lock it holds; the first of it makes the directory.
func (c *chronicle) record(r journal.Record) error {
	switch r.Kind {
	case journal.Fact, journal.LockTaken, journal.LockReleased:
	default:
		if r.Rollout == 0 {
			return nil
		}
	}
	run, err := c.open()
	if err != nil {
		return err
	}
	return run.Journal.Append(r)
}

// close writes down how the run ended, if anything is remembered of it.
func (c *chronicle) close(ended error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil {
		return nil
	}
	defer c.run.Close()
	r := journal.Record{Kind: journal.RunEnded}
	if ended != nil {
		e := shown(ended)
		r.Error, r.Said = e.Error(), remote.SaidBy(e)
	}
	return c.run.Journal.Append(r)
}
