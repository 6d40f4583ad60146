package runs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

func add(t testing.TB, r *runs.Run, records ...journal.Record) {
	t.Helper()
	for _, record := range records {
		if err := r.Journal.Append(record); err != nil {
			t.Fatal(err)
		}
	}
}

// halted writes down a rollout that halted at its second host.
func halted(t testing.TB, r *runs.Run) {
	add(t, r,
		journal.Record{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1", "web2"}},
		journal.Record{Kind: journal.TurnBegan, Rollout: 1, Host: "web1"},
		journal.Record{Kind: journal.Fact, Host: "web1", Name: "before", Value: "one"},
		journal.Record{Kind: journal.HostDone, Rollout: 1, Host: "web1"},
		journal.Record{Kind: journal.TurnBegan, Rollout: 1, Host: "web2"},
		journal.Record{Kind: journal.HostFailed, Rollout: 1, Host: "web2", Error: "no"},
		journal.Record{Kind: journal.RolloutEnded, Rollout: 1, Error: "no"},
		journal.Record{Kind: journal.RunEnded, Error: "no"})
}

// TestState: the short form of a journal says what the journal says, from its first
// reading on, also after the run was resumed, and where somebody has spoilt it.
func TestState(t *testing.T) {
	s := runs.Store{Dir: t.TempDir()}
	r := create(t, s, "cutover")
	file := filepath.Join(r.Dir, "state.json")
	check := func(when string, isKept bool) {
		t.Helper()
		records, err := s.Records(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := journal.StateOf(records)
		for _, rollout := range want.Rollouts {
			for _, h := range rollout.Hosts {
				*h = journal.Host{Progress: h.Progress}
			}
		}
		for range 2 {
			got, err := s.State(r.ID)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", when, err, diff)
			}
		}
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) == isKept {
			t.Errorf("%s: is it kept: %v", when, err)
		}
	}
	check("begun", false)
	halted(t, r)
	check("under way", false)
	r.Close()
	check("halted", true)
	if got := s.Facts()["web1"]["before"]; got != "one" {
		t.Errorf("it remembers %q", got)
	}
	again, _, err := s.Resume(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	add(t, again, journal.Record{Kind: journal.RunResumed, Run: &again.About},
		journal.Record{Kind: journal.Fact, Host: "web1", Name: "before", Value: "two"},
		journal.Record{Kind: journal.HostDone, Rollout: 1, Host: "web2"})
	check("resumed", true)
	again.Close()
	check("killed", true)
	if got := s.Facts()["web1"]["before"]; got != "two" {
		t.Errorf("it remembers %q", got)
	}
	for _, spoilt := range []string{"", "{", `{"Version":1,"State":null}`} {
		if err := os.WriteFile(file, []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		check("spoilt by "+spoilt, true)
	}
	if state, err := s.State("none"); err == nil || state == nil {
		t.Errorf("of no run: %v, %v", state, err)
	}
}

// BenchmarkFacts recalls what 5 runs of 400 hosts remember: from their journals,
// and from what is kept beside them.
func BenchmarkFacts(b *testing.B) {
	s := runs.Store{Dir: b.TempDir()}
	var hosts []string
	for i := range 400 {
		hosts = append(hosts, fmt.Sprintf("web%d", i))
	}
	for range 5 {
		r, err := s.Create(journal.Run{Script: "cutover"})
		if err != nil {
			b.Fatal(err)
		}
		add(b, r, journal.Record{Kind: journal.RolloutBegan, Rollout: 1, Hosts: hosts})
		for _, h := range hosts {
			add(b, r, journal.Record{Kind: journal.Fact, Host: h, Name: "before", Value: "2000-09-05"})
			for range 5 {
				add(b, r, journal.Record{Kind: journal.StepEnded, Rollout: 1, Host: h, Step: "switch"})
			}
			add(b, r, journal.Record{Kind: journal.HostUndone, Rollout: 1, Host: h})
		}
		r.Close()
	}
	b.Run("journals", func(b *testing.B) {
		for b.Loop() {
			ids, _ := s.List()
			for _, id := range ids {
				os.Remove(filepath.Join(s.Path(id), "state.json"))
			}
			s.Facts()
		}
	})
	b.Run("kept", func(b *testing.B) {
		for b.Loop() {
			s.Facts()
		}
	})
}
