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
// round trips a step takes.
func (w *world) rollout(ctx context.Context, t *table) error {
	script := filepath.Join(w.dir, "rollout.lua")
	if err := os.WriteFile(script, rolloutScript, 0o600); err != nil {
		return err
	}
	hosts, steps := w.hosts(rolloutHosts), strconv.Itoa(turnSteps)
	err := w.fight(ctx, duel{
		name: rolloutName, targets: map[string]float64{"wall": 1.05},
		farm: &w.far, hosts: hosts, rounds: 3, terminal: true,
		ours: []string{w.farmrun, "-F", w.far.config, script, setOf(hosts), steps},
		theirs: []string{w.plain, "walk", strings.Join(w.far.addresses, ","), w.user, w.key, w.hostKey + ".pub",
			strconv.Itoa(hosts), steps, "true"},
	}, t)
	if err != nil {
		return fmt.Errorf("%s: %w", rolloutName, err)
	}
	trips, err := w.trips(hosts * turnSteps)
	if err != nil {
		return err
	}
	t.count(rolloutName, "trips", trips, 2)
	return nil
}

// trips is how many round trips a step of the last run took, by its journal,
// which has so many of them.
func (w *world) trips(steps int) (float64, error) {
	store := runs.Store{Dir: filepath.Join(w.dir, ".local", "state", "farmrun", "runs")}
	id, err := store.Find("")
	if err != nil {
		return 0, err
	}
	records, err := store.Records(id)
	if err != nil {
		return 0, err
	}
	var took []float64
	for _, r := range records {
		if r.Kind == journal.StepEnded {
			took = append(took, r.Seconds)
		}
	}
	if len(took) != steps {
		return 0, errors.New("the journal does not have all steps")
	}
	return (median(took) - commandTime.Seconds()) / roundTrip.Seconds(), nil
}
