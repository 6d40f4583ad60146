package journal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/journal"
)

// told makes records of a rollout of web1 to web4, a second apart, out of
// "KIND HOST STEP ERROR"; a "-" stands for nothing.
func told(lines string) []journal.Record {
	records := []journal.Record{{Time: at, Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1", "web2", "web3", "web4"}}}
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f := append(strings.Split(line, ","), "", "", "")
		records = append(records, journal.Record{
			Time: at.Add(time.Duration(i) * time.Second), Rollout: 1,
			Kind: journal.Kind(f[0]), Host: f[1], Step: f[2], Error: f[3],
		})
	}
	return records
}

func TestWhereARolloutStands(t *testing.T) {
	const web1Done = "turn began,web1\nstep began,web1,drain\nstep ended,web1,drain\nturn ended,web1\nhost done,web1\n"
	for _, test := range []struct {
		name, lines string
		open        []string // what is left, in order
		standing    string
	}{
		{"nothing has begun", "", []string{"web1", "web2", "web3", "web4"}, "0 done, 0 failed, 4 not touched (web1 web2 web3 web4)"},
		{"killed in the middle", web1Done + "turn began,web3\nstep began,web3,switch", []string{"web3", "web2", "web4"},
			"1 done, 1 in the middle (web3), 0 failed, 2 not touched (web2 web4)"},
		{"a turn failed", web1Done + "turn began,web2\nstep began,web2,switch\nstep ended,web2,switch,no\nturn ended,web2,,no\nhost failed,web2,,no",
			[]string{"web2", "web3", "web4"}, "1 done, 1 failed (web2), 2 not touched (web3 web4)"},
		{"its host was put back", "turn began,web1\nundo began,web1\nundo ended,web1\nhost failed,web1,,no",
			[]string{"web1", "web2", "web3", "web4"}, "0 done, 1 taken back (web1), 0 failed, 3 not touched (web2 web3 web4)"},
		{"and could not be", "turn began,web1\nundo began,web1\nundo ended,web1,,no way\nhost failed,web1,,no",
			[]string{"web1", "web2", "web3", "web4"}, "0 done, 1 failed (web1), 3 not touched (web2 web3 web4)"},
		{"killed when it could not be", "turn began,web1\nundo began,web1\nundo ended,web1,,no way",
			[]string{"web1", "web2", "web3", "web4"}, "0 done, 1 failed (web1), 3 not touched (web2 web3 web4)"},
		{"those that failed come first", "turn began,web3\nhost failed,web3,,no\nturn began,web4\nhost unknown,web4,,stopped",
			[]string{"web3", "web4", "web1", "web2"}, "0 done, 1 unknown (web4), 1 failed (web3), 2 not touched (web1 web2)"},
		{"what ran was ended", "turn began,web1\nhost unknown,web1,,stopped\nhost failed,web1,,stopped",
			[]string{"web1", "web2", "web3", "web4"}, "0 done, 1 unknown (web1), 0 failed, 3 not touched (web2 web3 web4)"},
		{"a failed one has a second turn", "turn began,web1\nhost failed,web1,,no\nturn began,web1\nhost done,web1",
			[]string{"web2", "web3", "web4"}, "1 done, 0 failed, 3 not touched (web2 web3 web4)"},
		{"killed on the way back", web1Done + "turn began,web2\nhost failed,web2,,no\ngoing back\nundo began,web2\nhost back,web2\nundo began,web1",
			[]string{"web1"}, "0 done, 1 taken back (web2), 1 in the middle (web1), 0 failed, 2 not touched (web3 web4)"},
		{"all are back", web1Done + "turn began,web2\nhost failed,web2,,no\ngoing back\nundo began,web2\nhost back,web2\nundo began,web1\nhost back,web1",
			nil, "0 done, 2 taken back (web1 web2), 0 failed, 2 not touched (web3 web4)"},
		{"a host that is not of it", "turn began,db1\nhost done,db1", []string{"web1", "web2", "web3", "web4"}, "0 done, 0 failed, 4 not touched (web1 web2 web3 web4)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := journal.StateOf(told(test.lines))
			r := state.Rollout(1)
			if d := cmp.Diff(test.open, r.Open()); d != "" {
				t.Errorf("open (-want +got):\n%s", d)
			}
			if got := r.Standing(func(hosts []string) string { return strings.Join(hosts, " ") }); got != test.standing {
				t.Errorf("got  %q\nwant %q", got, test.standing)
			}
			if state.Resumable() != (len(test.open) > 0) {
				t.Errorf("resumable: %v", state.Resumable())
			}
		})
	}
}

func TestWhatIsKnownOfAHost(t *testing.T) {
	r := journal.StateOf(told("turn began,web1\nstep began,web1,drain\nstep ended,web1,drain\nturn began,web2\nstep began,web2,switch\nhost failed,web2,,no")).Rollout(1)
	want := map[string]journal.Host{
		"web1": {Progress: journal.Middle, Step: "drain", StepDone: true, Began: at},
		"web2": {Progress: journal.Failed, Step: "switch", Began: at.Add(3 * time.Second), Ended: at.Add(5 * time.Second), Error: "no"},
		"web3": {Progress: journal.Untried},
	}
	for name, w := range want {
		if d := cmp.Diff(w, *r.Hosts[name]); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, want := range map[string]string{"web1": "in the middle, after step drain", "web2": "failed, step switch", "web3": "not touched"} {
		if got := r.Hosts[name].Standing(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestARunThatIsResumed goes on with its first rollout, with one host more and
// one less, and begins a second.
func TestARunThatIsResumed(t *testing.T) {
	records := append(told("turn began,web1\nhost done,web1\nrollout ended"),
		journal.Record{Kind: journal.RunEnded, Error: "halted"},
		journal.Record{Kind: journal.Fact, Host: "web1", Name: "before", Value: "a"},
		journal.Record{Kind: journal.RunResumed, Run: &journal.Run{User: "ken"}},
		journal.Record{Kind: journal.Fact, Host: "web1", Name: "before", Value: "b"},
		journal.Record{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1", "web3", "web5"}},
		journal.Record{Kind: journal.RolloutBegan, Rollout: 2, Hosts: []string{"db1"}},
	)
	s := journal.StateOf(records)
	if d := cmp.Diff([]string{"web3", "web5"}, s.Rollout(1).Open()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if s.Ended || s.Error != "" || len(s.Resumed) != 1 || len(s.Rollouts) != 2 || s.Facts["web1"]["before"] != "b" {
		t.Errorf("%+v", s)
	}
}

// TestALockThatIsLeft is reason enough to resume a run.
func TestALockThatIsLeft(t *testing.T) {
	records := told("lock taken,lb1\nturn began,web1\nhost done,web1\nturn began,web2\nhost done,web2\nturn began,web3\nhost done,web3\nturn began,web4\nhost done,web4")
	if !journal.StateOf(records).Resumable() {
		t.Error("not resumable")
	}
	records = append(records, journal.Record{Kind: journal.LockReleased})
	if journal.StateOf(records).Resumable() {
		t.Error("resumable without its lock")
	}
}

// TestAPracticeFarmIsGone with the run, whatever is left to do there.
func TestAPracticeFarmIsGone(t *testing.T) {
	practice := journal.Record{Kind: journal.RunBegan, Run: &journal.Run{Practice: true}}
	if journal.StateOf(append([]journal.Record{practice}, told("turn began,web1")...)).Resumable() {
		t.Error("resumable without its farm")
	}
}

// TestFencesThatAreLeft: as long as nobody says that they are removed, they are there, and
// reason enough to resume a run, unless its rollout has ended.
func TestFencesThatAreLeft(t *testing.T) {
	records := []journal.Record{
		{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1"}},
		{Kind: journal.Fenced, Rollout: 1, Host: "web1", Name: "web1", Value: "web"},
		{Kind: journal.TurnBegan, Rollout: 1, Host: "web1"},
		{Kind: journal.Fenced, Rollout: 1, Host: "web1", Name: "lb1", Value: "op"},
		{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1"}},
		{Kind: journal.Unfenced, Rollout: 1, Host: "web1", Name: "web1"},
		{Kind: journal.HostDone, Rollout: 1, Host: "web1"},
	}
	s := journal.StateOf(records)
	want := map[string]map[string]journal.Record{"web1": {"lb1": records[3]}}
	if diff := cmp.Diff(want, s.Rollouts[0].Fences); diff != "" {
		t.Error(diff)
	}
	if !s.Resumable() {
		t.Error("not resumable")
	}
	for _, end := range []journal.Record{
		{Kind: journal.Unfenced, Rollout: 1, Host: "web1", Name: "lb1"}, {Kind: journal.RolloutEnded, Rollout: 1},
	} {
		if journal.StateOf(append(records, end)).Resumable() {
			t.Errorf("resumable after %s", end.Kind)
		}
	}
}

// TestARunThatIsAbandoned has hosts left, but nobody is to go on with it.
func TestARunThatIsAbandoned(t *testing.T) {
	records := []journal.Record{
		{Kind: journal.LockTaken, Host: "lb1", Name: "farm.lock"},
		{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1"}},
	}
	if s := journal.StateOf(records); !s.Resumable() || s.Lock.Host != "lb1" || s.Lock.Name != "farm.lock" {
		t.Errorf("before: %+v", s)
	}
	if s := journal.StateOf(append(records, journal.Record{Kind: journal.RunAbandoned})); s.Resumable() {
		t.Error("it can be resumed")
	}
}
