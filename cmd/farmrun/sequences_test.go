package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"farmrun/luahost/remote/remotetest"
)

var sequenceCases = remotetest.NewCases("sequences", 60, "how many sequences TestSequences tries")

// Two operators pull, switch, cut over, take back and prune in any order, and their
// farmruns are killed at any command. A model has the right outcome of each:
// every rollback goes where the host remembers, or else the operator's own journal, and
// nothing goes that is in service, newer than that, or needed to go back.
func TestSequences(t *testing.T) {
	kills := make(chan int, *sequenceCases.Count)
	sequenceCases.Run(t, func(t *testing.T, _ int, seeds iter.Seq[uint64]) {
		for seed := range seeds {
			s := newSequence(t, seed)
			for range 12 {
				s.act()
			}
			kills <- s.kills
		}
	})
	close(kills)
	count := 0
	for n := range kills {
		count += n
	}
	t.Logf("%d farmruns were killed", count)
	if count < *sequenceCases.Count {
		t.Error("those are too few")
	}
}

// sequence is the actions of two operators on a host.
type sequence struct {
	*testing.T
	*rand.Rand
	seed      uint64
	farm      *shellFarm
	operators [2]*shellOperator
	model     hostModel
	done      []string // so far, for errors
	kills     int
}

// hostModel is the state of a host, and of the operators' journals.
type hostModel struct {
	now      string // the release that is in service
	former   string // the one before, as the host remembers; "" is none
	releases map[string]bool
	before   [2]map[string]string // each release's former one, by the operators' journals
}

func (s hostModel) clone() hostModel {
	s.releases = maps.Clone(s.releases)
	for i := range s.before {
		s.before[i] = maps.Clone(s.before[i])
	}
	return s
}

func (s hostModel) String() string {
	return fmt.Sprintf("on %s, before %s, with %s, journals %v", s.now, s.former, slices.Sorted(maps.Keys(s.releases)), s.before)
}

// back returns where an operator goes back to; "" is nowhere.
func (s hostModel) back(operator int) string {
	if s.former != "" {
		return s.former
	}
	if before := s.before[operator][s.now]; before != s.now {
		return before
	}
	return ""
}

const oldSite = "oldsite" // which was there before farmrun

func (s hostModel) isThere(release string) bool { return release == oldSite || s.releases[release] }

// sequenceSource is a script that pulls releases of one file.
const sequenceSource = `
local pull = require "lib.pull"
local source = pull.source("stub", {}, {})
function source.find(_, date) return { tag = date } end
function source.fill(host, new, notes) host:run { "sh", "-c", 'echo "$2" >"$1/$2"', "sh", new.dir, notes.tag } end
if ... then return source end
local args = require("cli").parse(pull.arguments "Pulls a release of one file.")
pull.everywhere(source, args.hosts, args.date)
`

func newSequence(t *testing.T, seed uint64) *sequence {
	s := &sequence{T: t, Rand: rand.New(rand.NewPCG(seed, 1)), seed: seed}
	s.farm = newShellFarm(t, t.TempDir(), `site.source = "stub"`, "webserv1")
	s.farm.files["stub-pull-snapshot"] = sequenceSource
	// Most of the hosts have busybox, which does within its shell much that others start
	// programs for.
	if _, err := exec.LookPath("busybox"); err == nil && seed%8 != 0 {
		s.farm.wrap = []string{"busybox"}
	}
	home := s.farm.home("webserv1")
	if err := errors.Join(os.Mkdir(filepath.Join(home, oldSite), 0o755), os.Symlink(oldSite, filepath.Join(home, "www"))); err != nil {
		t.Fatal(err)
	}
	s.model = hostModel{now: oldSite, releases: map[string]bool{}}
	for i := range s.operators {
		s.operators[i] = &shellOperator{farm: s.farm}
		s.model.before[i] = map[string]string{}
	}
	return s
}

// read returns how the host is now.
func (s *sequence) read() hostModel {
	is := hostModel{releases: map[string]bool{}}
	link := func(name string) string {
		to, err := os.Readlink(filepath.Join(s.farm.home("webserv1"), name))
		if err != nil {
			return ""
		}
		return filepath.Base(to)
	}
	if is.now, is.former = link("www"), link("www.former"); is.former == is.now {
		is.former = "" // it says nothing
	}
	entries, err := os.ReadDir(filepath.Join(s.farm.home("webserv1"), "releases"))
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // such as pulls leave that were killed
			is.releases[e.Name()] = true
		}
	}
	for i, o := range s.operators {
		is.before[i] = map[string]string{}
		for _, date := range sequenceDates() {
			if was, ok := o.recall("webserv1", "before releases/"+date); ok {
				is.before[i][date] = filepath.Base(was)
			}
		}
	}
	return is
}

func sequenceDates() []string { return []string{"2000-09-12", "2000-09-19", "2000-09-26"} }

// action is something that an operator does.
type action struct {
	words []string
	fails bool
	after hostModel
}

// draw returns an action, and how it has to end. Most of those are drawn again that would
// do nothing.
func (s *sequence) draw(operator int) action {
	a := s.drawAny(operator)
	for a.after.String() == s.model.String() && s.IntN(8) > 0 {
		a = s.drawAny(operator)
	}
	return a
}

func (s *sequence) drawAny(operator int) action {
	dates := sequenceDates()
	date := dates[s.IntN(len(dates))]
	a := action{after: s.model.clone()}
	is := &a.after
	switch s.IntN(8) {
	case 0, 1:
		a.words = []string{"stub-pull-snapshot", date}
		is.releases[date] = true
	case 2, 3, 4:
		a.words = []string{"switchrel", date}
		if s.IntN(3) == 0 {
			a.words = []string{"cutover", "--settle", "0s", date}
		}
		switch a.fails = !is.releases[date]; {
		case a.fails:
		case is.now != date:
			is.before[operator][date], is.former, is.now = is.now, is.now, date
		case is.former != "":
			is.before[operator][date] = is.former
		}
	case 5, 6:
		a.words = []string{"rollback", "--settle", "0s"}
		back := is.back(operator)
		if a.fails = !is.isThere(back); !a.fails {
			is.now, is.former = back, ""
		}
	case 7:
		a.words = []string{"prune", "--changed", "--keep", "1"}
		needed := map[string]bool{is.now: true, is.former: true, is.back(operator): true}
		kept, later := 0, true
		for _, date := range slices.Backward(dates) {
			if date == is.now {
				later = false
			}
			if !is.releases[date] {
				continue
			}
			if kept++; kept > 1 && !later && !needed[date] {
				delete(is.releases, date)
			}
		}
	}
	return a
}

// act does something, and compares the host with the model.
func (s *sequence) act() {
	operator := s.IntN(2)
	a := s.draw(operator)
	commands := s.life()
	s.note("operator %d, killed after %d commands: %s", operator, commands, strings.Join(a.words, " "))
	o := s.operators[operator]
	said, err := o.run(s, commands, a.words...)
	s.ended(operator, a, said, err)
}

// life returns after how many commands farmrun is killed; 0 is not at all.
func (s *sequence) life() int {
	if s.IntN(3) > 0 {
		return 0
	}
	return 1 + s.IntN(16)
}

func (s *sequence) note(format string, args ...any) {
	s.done = append(s.done, fmt.Sprintf(format, args...))
}

// ended compares the host with the model after an operator's last run.
func (s *sequence) ended(operator int, a action, said string, err error) {
	o := s.operators[operator]
	if r := o.runs[len(o.runs)-1]; r.life.over() {
		s.kills++
		s.killed(operator, a, r)
		return
	}
	if a.fails != (err != nil) {
		s.fail("got %v\n%s", err, said)
	}
	if is := s.read(); is.String() != a.after.String() {
		s.fail("the host is %v\nthe model  %v\n%s %v", is, a.after, said, err)
	}
	s.model = a.after
}

// between takes the state of the host after a kill for the model: it must lie between
// those before and after the action.
func (s *sequence) between(a action) {
	is := s.read()
	for _, date := range sequenceDates() {
		if had, has := s.model.releases[date], a.after.releases[date]; is.releases[date] != had && is.releases[date] != has {
			s.fail("%s: %v", date, is)
		}
		for i := range s.operators {
			if is.before[i][date] != s.model.before[i][date] && is.before[i][date] != a.after.before[i][date] {
				s.fail("the journals: %v", is)
			}
		}
	}
	if is.now != s.model.now && is.now != a.after.now || is.former != s.model.former && is.former != a.after.former {
		s.fail("the links: %v", is)
	}
	s.model = is
}

// killed has somebody clean up after a farmrun that was killed.
func (s *sequence) killed(operator int, a action, r *shellRun) {
	s.between(a)
	o := s.operators[operator]
	if !r.state().Resumable() {
		return
	}
	var err error
	switch s.IntN(3) {
	case 0:
		commands := s.life()
		s.note("resumed, killed after %d commands", commands)
		said, err := o.resume(s, commands, r)
		s.ended(operator, a, said, err)
		return
	case 1:
		s.note("abandoned")
		err = o.abandon(s, r)
	case 2:
		s.note("cleaned up by the other")
		err = s.operators[1-operator].clean(s)
	}
	if err != nil {
		s.fail("%v", err)
	}
	if is := s.read(); is.String() != s.model.String() {
		s.fail("the host is %v\nand was     %v", is, s.model)
	}
}

func (s *sequence) fail(format string, args ...any) {
	s.Helper()
	s.Fatalf("-sequences 1 -sequences.seed %d: "+format+"\nafter:\n%s", append(append([]any{s.seed}, args...), strings.Join(s.done, "\n"))...)
}
