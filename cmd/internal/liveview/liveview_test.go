package liveview_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/cmd/internal/liveview"
	"farmrun/luahost/journal"
	"farmrun/modules/farm/nodeset"
)

// event is a record, and how long after the one before it came.
type event struct {
	after time.Duration
	journal.Record
}

const second = time.Second

// kind is a record about a host.
func kind(after time.Duration, k journal.Kind, host string) event {
	return event{after, journal.Record{Kind: k, Host: host}}
}

func step(after time.Duration, host, name string) event {
	return event{after, journal.Record{Kind: journal.StepBegan, Host: host, Step: name}}
}

func wrong(after time.Duration, k journal.Kind, host, what string) event {
	return event{after, journal.Record{Kind: k, Host: host, Error: what}}
}

// rollout begins one of web1 to webN.
func rollout(n, budget int) event {
	hosts, _ := nodeset.Parse(fmt.Sprintf("web[1-%d]", n), nodeset.Groups{})
	return event{0, journal.Record{Kind: journal.RolloutBegan, Rollout: 1, Hosts: hosts, MaxOffline: budget}}
}

// turn is a whole turn of a host that is done after d.
func turn(host string, d time.Duration) []event {
	return []event{
		kind(0, journal.TurnBegan, host), step(0, host, "restart"), kind(d, journal.Verifying, host),
		kind(0, journal.Healthy, host), kind(0, journal.Settling, host), kind(0, journal.HostDone, host),
	}
}

// lines shows the view after the events, and another 300 ms, on a screen of
// that size. It checks that no more is used of it than was promised.
func lines(t *testing.T, v *liveview.View, rows, columns int, events ...event) string {
	t.Helper()
	for _, e := range events {
		time.Sleep(e.after)
		e.Time = time.Now()
		v.Record(e.Record)
	}
	time.Sleep(300 * time.Millisecond)
	shown := v.Lines(rows, columns)
	if len(shown) > max(1, rows/2) {
		t.Errorf("%d lines on a screen of %d", len(shown), rows)
	}
	for _, line := range shown {
		if len([]rune(line)) >= max(20, columns) {
			t.Errorf("a line of %d on a screen of %d: %q", len(line), columns, line)
		}
	}
	return strings.Join(shown, "\n")
}

func TestLines(t *testing.T) {
	var threeDone []event
	for i := range 3 {
		threeDone = append(threeDone, turn(fmt.Sprint("web", i+1), 10*second)...)
	}
	join := func(lists ...[]event) (all []event) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, test := range []struct {
		name          string
		rows, columns int
		events        []event
		want          string
	}{
		{"nothing is under way", 24, 80, nil, ""},
		{"a rollout begins", 24, 80, []event{rollout(2, 1)}, `
-- cutover: 0 of 2 done; budget 0 of 1 used; 2 to come; 0s
   web1  to come
   web2  to come`},
		{"a host is at work", 24, 80, join([]event{rollout(3, 1)}, turn("web1", 10*second),
			[]event{kind(0, journal.TurnBegan, "web2"), step(0, "web2", "drain"), step(2*second, "web2", "restart")}), `
-- cutover: 1 of 3 done; budget 1 of 1 used; 1 to come; 12s, about 17s left
   web1  done                     10.0s
   web2  out         restart         2s
   web3  to come`},
		{"a host comes back", 24, 80, []event{rollout(1, 1), kind(0, journal.TurnBegan, "web1"),
			step(0, "web1", "restart"), kind(65*second, journal.Verifying, "web1")}, `
-- cutover: 0 of 1 done; budget 1 of 1 used; 1m5s
   web1  verifying                 1m5s`},
		{"a host settles", 24, 80, []event{rollout(1, 1), kind(0, journal.TurnBegan, "web1"),
			kind(0, journal.Verifying, "web1"), kind(0, journal.Healthy, "web1"), kind(2*time.Hour, journal.Settling, "web1")}, `
-- cutover: 0 of 1 done; budget 1 of 1 used; 2h0m
   web1  settling                  2h0m`},
		{"a turn fails", 24, 80, []event{rollout(2, 1), kind(0, journal.TurnBegan, "web1"), step(0, "web1", "restart"),
			wrong(3*second, journal.HostFailed, "web1", "restart: exit status 1 (cutover.lua:17)"), wrong(0, journal.Halting, "web1", "x")}, `
-- cutover: 0 of 2 done; budget 1 of 1 used; 1 failed; 1 to come; halted; 3s
   web1  failed      restart: exit status 1 (cutover.lua:17)
   web2  to come`},
		{"a turn fails and the rollout goes on", 24, 80, []event{rollout(2, 2), kind(0, journal.TurnBegan, "web1"),
			wrong(3*second, journal.HostFailed, "web1", "no"), kind(0, journal.Verifying, "web1"), kind(0, journal.Healthy, "web1")}, `
-- cutover: 0 of 2 done; budget 0 of 2 used; 1 failed; 1 to come; 3s
   web1  failed      no
   web2  to come`},
		{"a run that is resumed", 24, 80, []event{
			{0, journal.Record{Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1", "web2"}, Done: []string{"web1"}, MaxOffline: 1}},
			kind(0, journal.TurnBegan, "web2"), step(3*second, "web2", "drain")}, `
-- cutover: 1 of 2 done; budget 1 of 1 used; 3s
   web1  done
   web2  out         drain           3s`},
		{"hosts are taken back", 24, 80, join([]event{rollout(2, 1)}, turn("web1", second), []event{
			kind(0, journal.TurnBegan, "web2"), wrong(second, journal.HostFailed, "web2", "no"), wrong(0, journal.Halting, "web2", "no"),
			kind(0, journal.GoingBack, ""), kind(0, journal.UndoBegan, "web2"), kind(0, journal.HostBack, "web2"), kind(0, journal.UndoBegan, "web1"), step(0, "web1", "switch")}), `
-- cutover: 0 of 2 done; budget 1 of 1 used; 1 taken back; going back; 2s
   web1  out         switch          0s
   web2  taken back`},
		{"a host is sick", 24, 80, []event{rollout(2, 1), wrong(0, journal.Sick, "web2", "answers\n\x1b[2J503")}, `
-- cutover: 0 of 2 done; budget 1 of 1 used; 1 to come; 0s
   web1  to come
   web2  sick        answers \x1b[2J503`},
		{"and well again", 24, 80, []event{rollout(2, 1), wrong(0, journal.Sick, "web2", "no"), kind(0, journal.Well, "web2")}, `
-- cutover: 0 of 2 done; budget 0 of 1 used; 2 to come; 0s
   web1  to come
   web2  to come`},
		{"more hosts than lines", 12, 80, join([]event{rollout(100, 2)}, threeDone,
			[]event{kind(0, journal.TurnBegan, "web4"), step(0, "web4", "drain"), wrong(0, journal.Sick, "web9", "no answer")}), `
-- cutover: 3 of 100 done; budget 2 of 2 used; 95 to come; 30s, about 8m4s left
   web9    sick        no answer
   web4    out         drain           0s
   95 to come: web[5-8,10-100]
   3 done: web[1-3]`},
		{"more at work than lines", 12, 80, []event{rollout(100, 9),
			kind(0, journal.TurnBegan, "web1"), kind(0, journal.TurnBegan, "web2"), kind(0, journal.TurnBegan, "web3"),
			kind(0, journal.TurnBegan, "web4"), kind(0, journal.TurnBegan, "web5"), kind(0, journal.TurnBegan, "web6")}, `
-- cutover: 0 of 100 done; budget 6 of 9 used; 94 to come; 0s
   web1    out                         0s
   web2    out                         0s
   web3    out                         0s
   and 3 more
   94 to come: web[7-100]`},
		{"a tiny screen", 3, 30, []event{rollout(100, 1), kind(0, journal.TurnBegan, "web1")}, `
-- cutover: 0 of 100 done; ..`},
		{"a low screen", 4, 40, []event{rollout(100, 1), kind(0, journal.TurnBegan, "web1")}, `
-- cutover: 0 of 100 done; budget 1 o..
   web1    out                       0s`},
		{"a low screen with a line more", 6, 40, []event{rollout(100, 1), kind(0, journal.TurnBegan, "web1")}, `
-- cutover: 0 of 100 done; budget 1 o..
   web1    out                       0s
   99 to come: web[2-100]`},
		{"a narrow screen", 24, 30, []event{rollout(1, 1), kind(0, journal.TurnBegan, "web1"), step(0, "web1", "restart-everything-there-is")}, `
-- cutover: 0 of 1 done; bu..
   web1  out               0s`},
		{"it is over", 24, 80, []event{rollout(1, 1), kind(0, journal.RolloutEnded, "")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &liveview.View{Title: "cutover", Plain: true, Folded: nodeset.Fold}
				got := lines(t, v, test.rows, test.columns, test.events...)
				if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// part is a record of an each.
func part(after time.Duration, number int, k journal.Kind, host, what string) event {
	return event{after, journal.Record{Kind: k, Each: number, Host: host, Error: what}}
}

func TestEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &liveview.View{Title: "-c", Plain: true, Folded: nodeset.Fold}
		began := event{0, journal.Record{Kind: journal.EachBegan, Each: 1, Hosts: []string{"web1", "web2", "web3", "web4"}}}
		if got := lines(t, v, 24, 80, began, part(0, 1, journal.PartBegan, "web1", "")); got != "" {
			t.Errorf("at once: %q", got)
		}
		got := lines(t, v, 24, 80,
			part(0, 1, journal.PartBegan, "web3", ""), part(0, 1, journal.PartBegan, "web2", ""),
			part(0, 1, journal.PartBegan, "web4", ""), part(0, 1, journal.PartEnded, "web4", ""),
			part(0, 2, journal.EachBegan, "", ""), part(0, 2, journal.PartBegan, "db1", ""), part(0, 2, journal.EachEnded, "", ""),
			part(3*second, 1, journal.PartEnded, "web1", "exit status 1"))
		if want := "-- -c: 1 of 4 done; 1 failed; 3s; 2 at work: web[2-3]"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := lines(t, v, 24, 80, part(0, 1, journal.EachEnded, "", "")); got != "" {
			t.Errorf("afterwards: %q", got)
		}
	})
}

// TestColours: what a colour says stands there in words as well.
func TestColours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := []event{rollout(4, 1), kind(0, journal.TurnBegan, "web1"), wrong(0, journal.Sick, "web2", "no"),
			wrong(0, journal.HostFailed, "web3", "no"), kind(0, journal.HostDone, "web4")}
		v := &liveview.View{Folded: nodeset.Fold}
		lines(t, v, 24, 200, events...)
		got := v.Lines(24, 200)
		for i, want := range []string{"\x1b[1m-- ", "\x1b[36m   web1  out", "\x1b[33m   web2  sick", "\x1b[31m   web3  failed", "\x1b[32m   web4  done"} {
			if !strings.HasPrefix(got[i], want) || !strings.HasSuffix(got[i], "\x1b[0m") {
				t.Errorf("got %q, want %q", got[i], want)
			}
		}
	})
}
