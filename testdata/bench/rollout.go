package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

//go:embed rollout.lua
var rolloutScript []byte

// rolloutName is the name of the figure.
const rolloutName = "rollout: hosts over a long line"

// The rollout that is measured.
const (
	rolloutHosts = 20
	turnSteps    = 3
)

// rollout measures what a rollout takes longer than its commands do, and how many
// round trips a step takes: by itself, and with all that there is around the
// steps.
func (w *world) rollout(ctx context.Context, t *table) error {
	script := filepath.Join(w.dir, "rollout.lua")
	if err := os.WriteFile(script, rolloutScript, 0o600); err != nil {
		return err
	}
	hosts, steps := w.hosts(rolloutHosts), strconv.Itoa(turnSteps)
	ours, err := w.fight(ctx, duel{
		name: rolloutName, targets: map[string]float64{"wall": 1.05},
		farm: &w.far, hosts: hosts, rounds: 3, terminal: true,
		ours: []string{w.farmrun, "-F", w.far.config, script, setOf(hosts), steps},
		theirs: []string{w.plain, "walk", strings.Join(w.far.addresses, ","), w.user, w.key, w.hostKey + ".pub",
			strconv.Itoa(hosts), steps, "true"},
	}, t)
	if err != nil {
		return fmt.Errorf("%s: %w", rolloutName, err)
	}
	took, err := w.steps(hosts * turnSteps)
	if err != nil {
		return err
	}
	t.count(rolloutName, "a step", trips(took, 1), 2)
	// One after the other in a turn: the look at all hosts, the steps, the look at
	// the host.
	took = medianOf(ours, func(u usage) float64 { return u.wall.Seconds() })
	t.count(rolloutName, "all, a step", trips(took, hosts*(turnSteps+2))/float64(hosts*turnSteps), 2)
	return nil
}

// trips is how many round trips there are in so many seconds, in which commands
// ran one after the other.
func trips(seconds float64, commands int) float64 {
	return (seconds - float64(commands)*commandTime.Seconds()) / roundTrip.Seconds()
}

// steps is how many seconds a step of the last run took, on the average, by its
// journal, which has n of them.
func (w *world) steps(n int) (float64, error) {
	store := runs.Store{Dir: filepath.Join(w.dir, ".local", "state", "farmrun", "runs")}
	id, err := store.Find("")
	if err != nil {
		return 0, err
	}
	records, err := store.Records(id)
	if err != nil {
		return 0, err
	}
	var all float64
	ended := 0
	for _, r := range records {
		if r.Kind == journal.StepEnded {
			all += r.Seconds
			ended++
		}
	}
	if ended != n {
		return 0, errors.New("the journal does not have all steps")
	}
	return all / float64(n), nil
}
