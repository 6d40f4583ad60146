package runs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

func create(t *testing.T, s runs.Store, script string) *runs.Run {
	t.Helper()
	r, err := s.Create(journal.Run{Script: script, Command: []string{script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestARunIsFoundAgain(t *testing.T) {
	s := runs.Store{Dir: filepath.Join(t.TempDir(), "state", "runs")}
	if _, err := s.Find(""); !errors.Is(err, runs.ErrNone) {
		t.Errorf("in an empty store: %v", err)
	}
	first, second := create(t, s, "cutover"), create(t, s, "-e")
	if !strings.HasSuffix(first.ID, "Z-cutover") || !strings.HasSuffix(second.ID, "Z-e") || first.ID >= second.ID {
		t.Errorf("ids %s, %s", first.ID, second.ID)
	}
	for ask, want := range map[string]string{"": second.ID, first.ID: first.ID, second.ID[:20]: second.ID} {
		if got, err := s.Find(ask); got != want {
			t.Errorf("Find(%q): %q, %v; want %q", ask, got, err, want)
		}
	}
	for _, ask := range []string{"1999", "../" + first.ID, first.ID[:4]} {
		if got, err := s.Find(ask); err == nil {
			t.Errorf("Find(%q): %q", ask, got)
		}
	}
	if info, _ := os.Stat(first.Dir); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, want 0700", info.Mode())
	}
	records, err := s.Records(first.ID)
	if err != nil || len(records) != 1 || records[0].Run.ID != first.ID || records[0].Run.Script != "cutover" {
		t.Errorf("records %v, %v", records, err)
	}
}

func TestAClockThatIsSetBack(t *testing.T) {
	s := runs.Store{Dir: t.TempDir()}
	later := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15-04-05Z") + "-x"
	if err := os.Mkdir(s.Path(later), 0o700); err != nil {
		t.Fatal(err)
	}
	if r := create(t, s, "cutover"); r.ID <= later {
		t.Errorf("%s stands before %s", r.ID, later)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := runs.Store{Dir: t.TempDir()}
	var wg sync.WaitGroup
	var ids sync.Map
	for range 20 {
		wg.Go(func() {
			r, err := s.Create(journal.Run{Script: "x"})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if _, twice := ids.LoadOrStore(r.ID, true); twice {
				t.Errorf("%s was given twice", r.ID)
			}
		})
	}
	wg.Wait()
}

func TestARunThatIsUnderWayIsNotResumed(t *testing.T) {
	s := runs.Store{Dir: t.TempDir()}
	r := create(t, s, "x")
	if _, _, err := s.Resume(r.ID); !errors.Is(err, journal.ErrInUse) || !s.InUse(r.ID) {
		t.Errorf("got %v", err)
	}
	r.Close()
	again, records, err := s.Resume(r.ID)
	if err != nil || len(records) != 1 {
		t.Fatalf("got %v, %v", records, err)
	}
	again.Close()
}

// TestOldRunsAreForgotten but not one that is under way, and not one that can
// be resumed.
func TestOldRunsAreForgotten(t *testing.T) {
	s := runs.Store{Dir: t.TempDir()}
	underWay := create(t, s, "under-way")
	halted := create(t, s, "halted")
	for _, r := range []journal.Record{
		{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1"}},
		{Kind: journal.RolloutEnded, Rollout: 1, Error: "halted"},
		{Kind: journal.RunEnded, Error: "halted"},
	} {
		halted.Journal.Append(r)
	}
	halted.Close()
	var last *runs.Run
	for range runs.Keep + 5 {
		last = create(t, s, "x")
		last.Close()
	}
	entries, _ := os.ReadDir(s.Dir)
	if len(entries) != runs.Keep+2 {
		t.Errorf("%d runs are left, want %d", len(entries), runs.Keep+2)
	}
	for _, r := range []*runs.Run{underWay, halted, last} {
		if _, err := os.Stat(r.Dir); err != nil {
			t.Error(err)
		}
	}
}

func TestWhereTheStateIs(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	if dir, err := runs.DefaultDir(); dir != "/var/state/farmrun/runs" {
		t.Errorf("got %q, %v", dir, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative") // to be passed over, says the specification
	t.Setenv("HOME", "/home/op")
	if dir, err := runs.DefaultDir(); dir != "/home/op/.local/state/farmrun/runs" {
		t.Errorf("got %q, %v", dir, err)
	}
}
