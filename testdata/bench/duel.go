package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// duel is farmrun and another program at the same work.
type duel struct {
	name    string
	ours    []string
	theirs  []string
	targets map[string]float64 // the most that ours may be of theirs, by figure
	farm    *farm              // that they work on; nil is none
	hosts   int
	rounds  int // unless the flag says otherwise: more where the target is near
	// terminal shows what ours says on a terminal, which has a live view.
	terminal bool
}

// fight runs both in turns, and returns what ours took.
func (w *world) fight(ctx context.Context, d duel, t *table) (ours []usage, err error) {
	if why := d.impossible(); why != "" {
		t.leaveOut(d, why)
		return nil, nil
	}
	rounds := cmp.Or(w.options.rounds, d.rounds)
	if w.options.tiny {
		rounds = 1
	}
	var theirs []usage
	for round := range rounds {
		pair := [2][]string{d.ours, d.theirs}
		var took [2]usage
		for i := range pair {
			which := (i + round) % 2
			if took[which], err = run(ctx, w.dir, pair[which], d.terminal && which == 0); err != nil {
				return nil, err
			}
		}
		ours, theirs = append(ours, took[0]), append(theirs, took[1])
	}
	t.add(d, ours, theirs)
	return ours, nil
}

// impossible tells what is missing for the duel, "" if nothing is.
func (d duel) impossible() string {
	if d.farm != nil && d.farm.missing != "" {
		return d.farm.missing
	}
	if _, err := exec.LookPath(d.theirs[0]); err != nil {
		return d.theirs[0] + " is not installed"
	}
	const besides = 100 // files that are not connections
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil && uint64(files.Max) < uint64(d.hosts+besides) {
		return fmt.Sprintf("a process may have only %d files open (ulimit -Hn)", files.Max)
	}
	return ""
}

// duels are all that is compared.
func (w *world) duels() []duel {
	plain := map[string]float64{"processor": 1.25, "wall": 1.10, "memory": 1.3, "private": 1.3}
	other := map[string]float64{"processor": 1. / 20, "wall": 1}
	some := w.hosts(100)
	duels := []duel{
		w.againstPlain("sshd", &w.sshd, some, 15, plain),
		w.againstPlain("in-process", &w.server, w.hosts(1000), 9, plain),
		w.againstPlain("in-process", &w.server, w.hosts(10000), 3, plain),
	}
	count, set := strconv.Itoa(some), setOf(some)
	config := w.sshd.config
	for _, theirs := range [][]string{
		{"clush", "-q", "-f", count, "-o", "-F " + config, "-w", set, "true"},
		{"parallel-ssh", "-p", count, "-h", w.hostList(some), "-x", "-F " + config, "true"},
		{"ansible", "all", "-i", w.hostList(some), "-f", count, "-m", "raw", "-a", "true", "--ssh-common-args", "-F " + config},
	} {
		duels = append(duels, duel{
			name: fmt.Sprintf("%s: %d hosts of sshd", theirs[0], some), targets: other,
			farm: &w.sshd, hosts: some, rounds: 3, ours: w.onHosts(&w.sshd, some), theirs: theirs,
		})
	}
	duels = append(duels, w.startups()...)
	return append(duels, duel{
		name: "start: clush --version", targets: map[string]float64{"wall": 1. / 10}, rounds: 9,
		ours: []string{w.farmrun, "-e", "return"}, theirs: []string{"clush", "--version"},
	})
}

// startups are the starts of farmrun and of its earlier self, if one was asked for.
func (w *world) startups() (duels []duel) {
	if w.earlier == "" {
		return nil
	}
	for _, args := range [][]string{{"-e", "return"}, {"--version"}, {"--help"}} {
		duels = append(duels, duel{
			name: "startup: " + strings.Join(args, " "), rounds: 101,
			targets: map[string]float64{"processor": 1.05, "wall": 1.05},
			ours:    append([]string{w.farmrun}, args...), theirs: append([]string{w.earlier}, args...),
		})
	}
	return duels
}

// againstPlain is a command on n hosts at once.
func (w *world) againstPlain(name string, f *farm, n, rounds int, targets map[string]float64) duel {
	count := strconv.Itoa(n)
	return duel{
		name: fmt.Sprintf("plain: %d hosts of %s", n, name), targets: targets, farm: f, hosts: n, rounds: rounds,
		ours:   w.onHosts(f, n),
		theirs: []string{w.plain, strings.Join(f.addresses, ","), w.user, w.key, w.hostKey + ".pub", count, count, "true"},
	}
}

// onHosts is farmrun's command line for n hosts at once.
func (w *world) onHosts(f *farm, n int) []string {
	return []string{w.farmrun, "-F", f.config, "--keep-going", "--parallel", strconv.Itoa(n), "-c", "true", setOf(n)}
}

// hosts returns n, or three in a tiny run.
func (w *world) hosts(n int) int {
	if w.options.tiny {
		return 3
	}
	return n
}

func setOf(n int) string { return fmt.Sprintf("h[1-%d]", n) }
