package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/user"
	"slices"
	"sync"

	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

// chronicle is what is remembered of this run: nothing, and no directory for
// it, until somebody asks for one by open.
type chronicle struct {
	store runs.Store
	about journal.Run

	mu      sync.Mutex
	sources []journal.Source
	run     *runs.Run // nil until it is asked for
	err     error     // why there is none
}

// newChronicle returns the chronicle of the run that flags and script are of.
func newChronicle(f flags, script string, mask func([]byte) []byte) *chronicle {
	dir, err := runs.DefaultDir()
	about := journal.Run{Script: script, Command: f.typed, PID: os.Getpid(), Version: version(), User: userName()}
	about.Machine, _ = os.Hostname() // who has no name is shown without
	about.Dir, _ = os.Getwd()
	return &chronicle{store: runs.Store{Dir: dir, Mask: mask}, about: about, err: err}
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// read notes that a Lua file was read; name is that of require, "" the script.
func (c *chronicle) read(name, path string, text []byte) {
	sum := sha256.Sum256(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = append(c.sources, journal.Source{Name: name, Path: path, SHA256: hex.EncodeToString(sum[:])})
}

// open returns the run's directory and journal, made now if there is none yet.
func (c *chronicle) open() (*runs.Run, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil && c.err == nil {
		about := c.about
		about.Sources = slices.Clone(c.sources)
		c.run, c.err = c.store.Create(about)
	}
	return c.run, c.err
}

// record writes down what a rollout does; the first one makes the directory.
func (c *chronicle) record(r journal.Record) error {
	if r.Rollout == 0 {
		return nil
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
		r.Error = shown(ended).Error()
	}
	return c.run.Journal.Append(r)
}
