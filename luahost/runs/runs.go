// Package runs keeps a directory for each run of farmrun that has to be
// remembered, with its journal, the recordings of its sessions, and a short form of the
// journal for who looks through many:
//
//	~/.local/state/farmrun/runs/2000-09-19T21-04-05Z-cutover/journal
//	                                                         webserv1.cast
//	                                                         state.json
//
// The directory's name is the run's id. Ids sort in the order in which the runs
// were made: a run whose clock was set back is given the second after that of
// the run before it. Directories are for this user's eyes only (0700), and so
// must the files be that others put there (0600).
//
// The newest Keep runs are remembered, and of the older ones those that can be
// resumed or are under way.
package runs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"farmrun/luahost/journal"
	"farmrun/luahost/lazyregexp"
)

// Keep is how many runs are remembered, besides older ones that can be resumed.
const Keep = 100

// ErrNone is returned where there is no run to return.
var ErrNone = errors.New("there is no such run")

// Store is where runs are kept. Several processes may use one at once.
type Store struct {
	Dir  string       // made when the first run is; see DefaultDir
	Mask journal.Mask // of journals
}

// DefaultDir returns the directory for the runs of this user, below
// $XDG_STATE_HOME or else ~/.local/state (XDG Base Directory Specification).
func DefaultDir() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "farmrun", "runs"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "farmrun", "runs"), nil
}

// Journal is where a run is written down. Append returns when the record will
// outlive the process, and the machine's power as well if its kind announces
// something; what it announces must not begin if it fails. It may be called from
// many goroutines. A *journal.File is the one there is; a store that several
// operators share would have to do no more.
type Journal interface {
	Append(journal.Record) error
	Close() error
}

// Run is a run that is being written. Close it.
type Run struct {
	ID      string
	Dir     string
	About   journal.Run // who began it
	Journal Journal
	Clock   journal.Clock // of what the journal says, and of what else is kept of the run
}

// Close lets go of the run's journal.
func (r *Run) Close() error { return r.Journal.Close() }

const journalName = "journal"

// Create makes a run and writes down that it has begun. about.ID, Token and
// Began are filled in. Older runs that are of no use any more are removed.
func (s Store) Create(about journal.Run) (*Run, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, &journal.WriteError{Path: s.Dir, Err: err}
	}
	s.prune()
	about.Began, about.Token = time.Now(), rand.Text()
	dir, err := s.mkdir(about.Began, idName(about.Script))
	if err != nil {
		return nil, &journal.WriteError{Path: s.Dir, Err: err}
	}
	about.ID = filepath.Base(dir)
	file, err := journal.Create(filepath.Join(dir, journalName), s.Mask)
	if err == nil {
		err = file.Append(journal.Record{Kind: journal.RunBegan, Time: about.Began, Run: &about})
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &Run{ID: about.ID, Dir: dir, About: about, Journal: file, Clock: file.Clock()}, nil
}

// mkdir makes the directory of a run, behind all others in order.
func (s Store) mkdir(now time.Time, name string) (string, error) {
	for {
		ids, err := s.ids()
		if err != nil {
			return "", err
		}
		at := now.UTC().Truncate(time.Second)
		if len(ids) > 0 {
			if last := idTime(ids[len(ids)-1]); !at.After(last) {
				at = last.Add(time.Second)
			}
		}
		dir := filepath.Join(s.Dir, at.Format(idLayout)+name)
		if err := os.Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
			return dir, err
		}
	}
}

// idLayout is the time in an id; no colons, which scp and make take amiss.
const idLayout = "2006-01-02T15-04-05Z"

var isID = lazyregexp.New(`^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ`)

// idTime returns the time in an id; the zero time for what is none.
func idTime(id string) time.Time {
	t, _ := time.Parse(idLayout, id[:min(len(id), len(idLayout))])
	return t
}

// idName is how a script's name stands in an id: "-cutover", or nothing if it
// has no letters to show.
func idName(script string) string {
	name := regexp.MustCompile(`[^A-Za-z0-9_.]+`).ReplaceAllString(script, "-")
	name = strings.Trim(name[:min(len(name), 40)], "-.")
	if name == "" {
		return ""
	}
	return "-" + name
}

// ids returns the ids of all runs, oldest first.
func (s Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && isID().MatchString(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil // in order, as os.ReadDir has them
}

// Find returns the id of the run that id, or the begin of one, names. "" is the
// newest run. It fails with ErrNone, and where several begin so.
func (s Store) Find(id string) (string, error) {
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	if slices.Contains(ids, id) {
		return id, nil
	}
	match := slices.DeleteFunc(ids, func(known string) bool { return !strings.HasPrefix(known, id) })
	switch {
	case len(match) == 0 && id == "":
		return "", fmt.Errorf("%w: nothing has been remembered in %s", ErrNone, s.Dir)
	case len(match) == 0:
		return "", fmt.Errorf("%w: %q", ErrNone, id)
	case len(match) > 1 && id != "":
		return "", fmt.Errorf("%d runs begin with %q: %s", len(match), id, strings.Join(match, ", "))
	}
	return match[len(match)-1], nil
}

// Path returns the directory of a run.
func (s Store) Path(id string) string { return filepath.Join(s.Dir, id) }

// Records returns what is written of a run, which may be under way.
func (s Store) Records(id string) ([]journal.Record, error) {
	file, err := os.Open(filepath.Join(s.Path(id), journalName))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := journal.Read(file)
	if err != nil {
		return records, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return records, nil
}

// Resume opens a run to go on with it and returns what is written of it. It
// fails with journal.ErrInUse while the run is under way.
func (s Store) Resume(id string) (*Run, []journal.Record, error) {
	path := filepath.Join(s.Path(id), journalName)
	file, records, err := journal.Open(path, s.Mask)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", id, err)
	}
	return &Run{ID: id, Dir: s.Path(id), About: journal.StateOf(records).Run, Journal: file, Clock: file.Clock()}, records, nil
}

// List returns the ids of all runs, oldest first.
func (s Store) List() ([]string, error) { return s.ids() }

// Facts returns what all runs together remember, by host and name; of several values
// that of the newest run counts. A run that cannot be read is passed over.
func (s Store) Facts() map[string]map[string]string {
	all := map[string]map[string]string{}
	ids, _ := s.ids()
	for _, id := range ids {
		state, _ := s.State(id)
		for host, facts := range state.Facts {
			if all[host] == nil {
				all[host] = facts
				continue
			}
			maps.Copy(all[host], facts)
		}
	}
	return all
}

// InUse tells whether a run is under way.
func (s Store) InUse(id string) bool {
	return journal.InUse(filepath.Join(s.Path(id), journalName))
}
