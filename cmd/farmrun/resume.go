package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
	"farmrun/modules/cli"
)

// resumption is an earlier run to go on with.
type resumption struct {
	id      string
	sources []journal.Source // its files as they are now
}

// resume is farmrun resume.
type resume struct {
	flags   flags
	id      string // "" is the last run
	changed bool   // go on although files have changed
}

// set is the options of farmrun resume.
func (r *resume) set() *pflag.FlagSet {
	set := pflag.NewFlagSet("resume", pflag.ContinueOnError)
	set.Usage = func() {}
	set.BoolVar(&r.changed, "changed", false, "although the script or the site file has changed")
	return set
}

func resumeJob(f flags, args []string) (job, error) {
	r := resume{flags: f}
	set := r.set()
	if err := set.Parse(args); err != nil {
		return nil, usageError("farmrun resume: %v", cli.FlagError(set, f.own(), err))
	}
	if set.NArg() > 1 {
		return nil, usageError("farmrun resume takes one run; farmrun runs lists them")
	}
	if f.dryRun {
		return nil, usageError("a run is not resumed dry: farmrun show says where it stands")
	}
	r.id = set.Arg(0)
	return r, nil
}

// reopen finds the run and its script, and goes to the directory where it was begun.
func (r resume) reopen(store runs.Store) (id string, state *journal.State, s script, err error) {
	id, state, err = r.find(store)
	if err != nil {
		return id, state, s, err
	}
	if err := os.Chdir(state.Run.Dir); err != nil {
		return id, state, s, usageError("%s was begun in %s: %v", id, state.Run.Dir, err)
	}
	s, err = r.script(state)
	return id, state, s, err
}

// run goes on with the run, in the directory where it was begun.
func (r resume) run(ctx context.Context, out *console.Console) error {
	store, err := runStore()
	if err != nil {
		return err
	}
	id, state, s, err := r.reopen(store)
	if err != nil {
		return err
	}
	sources, err := r.compare(s, state)
	if err != nil {
		return err
	}
	s.flags.resume = &resumption{id, sources}
	if r.flags.lockWait != "" {
		s.flags.lockWait = r.flags.lockWait
	}
	note(out, "resuming %s: farmrun %s", id, strings.Join(state.Run.Command, " "))
	return s.run(ctx, out)
}

// find returns the run to resume.
func (r resume) find(store runs.Store) (id string, state *journal.State, err error) {
	if r.id == "" {
		id, err = lastResumable(store)
	} else {
		id, err = findRun(store, r.id)
	}
	if err != nil {
		return "", nil, err
	}
	records, err := store.Records(id)
	if err != nil {
		return "", nil, err
	}
	state = journal.StateOf(records)
	if store.InUse(id) {
		return "", nil, usageError("%s is under way (process %d)", id, state.Run.PID)
	}
	if state.Run.Practice {
		return "", nil, usageError("the practice farm of %s is gone", id)
	}
	if !state.Resumable() {
		return "", nil, usageError("%s has nothing left to do: %s", id, outcome(state, false))
	}
	return id, state, nil
}

// lastResumable returns the last run with a rollout, if that can be resumed. An
// older one has to be named: the run that has come to its end since may be the
// rollback of it, and one that is under way or cannot be read the one that was meant.
func lastResumable(store runs.Store) (string, error) {
	none := "there is no run that was halted or killed"
	since := false // one that was not, or of which that is not known
	ids, err := store.List()
	if err != nil {
		return "", err
	}
	for _, id := range slices.Backward(ids) {
		state, err := store.State(id)
		switch {
		case state.Run.Practice:
		case (err != nil || store.InUse(id)) && !since:
			none, since = fmt.Sprintf("%s is under way (process %d)", id, state.Run.PID), true
			if err != nil {
				none = fmt.Sprintf("the newest run cannot be read: %v", err)
			}
		case err != nil || store.InUse(id):
		case state.Resumable() && since:
			return "", &luahost.Error{
				Kind: luahost.Usage, Message: none, Hint: "farmrun resume " + id + " goes on with an older one",
			}
		case state.Resumable():
			return id, nil
		case len(state.Rollouts) > 0 && !since:
			none += fmt.Sprintf(" since %s (%s)", id, outcome(state, false))
			since = true
		}
	}
	return "", usageError("%s", none)
}

// script returns the script that the run was of, as it would be called again.
func (r resume) script(state *journal.State) (script, error) {
	j, err := parse(state.Run.Command)
	if err != nil {
		return script{}, err
	}
	if s, ok := j.(script); ok {
		return s, nil
	}
	return script{}, usageError("farmrun %s cannot be resumed", strings.Join(state.Run.Command, " "))
}

// compare returns the run's files as they are now. Where they have changed it
// fails, unless the operator wants it so: what was done with the old ones and what
// is done with the new may not go together.
func (r resume) compare(s script, state *journal.State) (now []journal.Source, err error) {
	was := state.Run.Sources
	for _, again := range state.Resumed {
		was = again.Sources
	}
	var changed []string
	for _, old := range was {
		is, err := s.reread(old)
		if err != nil {
			return nil, err
		}
		now = append(now, is)
		if is.SHA256 != old.SHA256 {
			changed = append(changed, is.Path)
		}
	}
	if len(changed) == 0 || r.changed {
		return now, nil
	}
	return nil, &luahost.Error{
		Kind: luahost.Refused, Message: strings.Join(changed, ", ") + ": changed since the run began",
		Hint: "farmrun resume --changed " + state.Run.ID + " goes on with it as it is now",
	}
}

// reread reads a file again that the script has read.
func (s script) reread(old journal.Source) (journal.Source, error) {
	if old.Name == "" {
		return sourceOf("", s.path, []byte(s.source)), nil
	}
	text, path, err := s.find.find(old.Name)
	if err != nil {
		return journal.Source{}, fmt.Errorf("%s: %w", old.Name, err)
	}
	return sourceOf(old.Name, path, text), nil
}

// runStore returns where runs are kept, to read them.
func runStore() (runs.Store, error) {
	dir, err := runs.DefaultDir()
	return runs.Store{Dir: dir}, err
}

//go:embed unlock.lua
var unlockSource string

// unlockJob shows who holds the farm's lock and takes it away.
func unlockJob(f flags, args []string) (job, error) {
	if len(args) > 0 {
		return nil, usageError("farmrun unlock takes no arguments; --site names the farm")
	}
	return script{flags: f, name: "unlock", source: unlockSource, path: commandPath, find: newFinder(f.site, "")}, nil
}
