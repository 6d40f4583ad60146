package runs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"farmrun/luahost/journal"
)

// stateName is a file beside the journal of a run that is over: what its records come
// to, so that nobody has to read them all who only looks through the runs. It can be
// removed at any time.
const stateName = "state.json"

// kept is the content of that file, good for a journal of this size and time.
type kept struct {
	Version int
	Size    int64
	Time    time.Time
	State   *journal.State
}

// version counts the forms of kept.
const version = 2

// State returns what the records of a run come to. Of its hosts it has how far they
// have come, and no more. It is never nil: with an error, it is what could be read.
func (s Store) State(id string) (*journal.State, error) {
	now, err := os.Stat(filepath.Join(s.Path(id), journalName))
	if err != nil {
		return &journal.State{}, err
	}
	if state := s.keptState(id, now); state != nil {
		return state, nil
	}
	over := !s.InUse(id)
	records, err := s.Records(id)
	state := journal.StateOf(records)
	for _, r := range state.Rollouts {
		for _, h := range r.Hosts {
			*h = journal.Host{Progress: h.Progress}
		}
	}
	if over && err == nil {
		s.keepState(id, kept{version, now.Size(), now.ModTime(), state})
	}
	return state, err
}

// keptState returns what the file says, nil if it says nothing of the journal as it is.
func (s Store) keptState(id string, now os.FileInfo) *journal.State {
	text, err := os.ReadFile(filepath.Join(s.Path(id), stateName))
	if err != nil {
		return nil
	}
	var k kept
	if json.Unmarshal(text, &k) != nil || k.Version != version || k.Size != now.Size() || !k.Time.Equal(now.ModTime()) {
		return nil
	}
	return k.State
}

// keepState writes the file, in one piece. Where that cannot be, it is not needed.
func (s Store) keepState(id string, k kept) {
	text, err := json.Marshal(k)
	if err != nil {
		return
	}
	file, err := os.CreateTemp(s.Path(id), ".new-")
	if err != nil {
		return
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if file.Close() == nil && err == nil {
		os.Rename(file.Name(), filepath.Join(s.Path(id), stateName))
	}
}
