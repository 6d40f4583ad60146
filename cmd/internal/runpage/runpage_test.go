package runpage

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/asciicast"
	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

var began = time.Date(2000, 9, 19, 21, 4, 5, 0, time.UTC)

// hostile is what a host may say to whoever reads a page.
const hostile = `</pre></script><script>document.title="taken over"</script><img src=x onerror="document.title='taken over'">'"` + "\x1b[31m\u2028 ${x} {{.}}"

// after is when something happened, in seconds after the begin.
func after(seconds float64, r journal.Record) journal.Record {
	r.Time = began.Add(time.Duration(seconds * float64(time.Second)))
	if r.Kind != journal.RunBegan && r.Kind != journal.RunEnded && r.Kind != journal.Fact {
		r.Rollout = 1
	}
	return r
}

func of(seconds float64, kind journal.Kind, host, step, failure string) journal.Record {
	return after(seconds, journal.Record{Kind: kind, Host: host, Step: step, Error: failure})
}

// sample is a run that has all that there can be: a host that is done, one that
// failed, one that was sick for a while, and one that was not tried.
func sample() Source {
	records := []journal.Record{
		after(0, journal.Record{Kind: journal.RunBegan, Run: &journal.Run{
			ID: "2000-09-19T21-04-05Z-cutover", Script: "cutover", Command: []string{"cutover", "2000-09-19"},
			User: "ken", Machine: "ops1", Began: began,
		}}),
		after(0, journal.Record{Kind: journal.Fact, Host: "web1", Name: "former", Value: "releases/2000-09-12"}),
		after(0, journal.Record{Kind: journal.RolloutBegan, Hosts: []string{"web1", "web2", "web3", "web4"}, MaxOffline: 1}),
		of(0, journal.TurnBegan, "web1", "", ""),
		of(0, journal.StepBegan, "web1", "drain", ""), of(10, journal.StepEnded, "web1", "drain", ""),
		of(10, journal.StepBegan, "web1", "restart", ""), of(12, journal.StepBegan, "web1", "restart/check", ""),
		of(15, journal.StepEnded, "web1", "restart/check", ""), of(20, journal.StepEnded, "web1", "restart", ""),
		of(20, journal.TurnEnded, "web1", "", ""),
		of(20, journal.Verifying, "web1", "", ""), of(22, journal.Healthy, "web1", "", ""),
		of(22, journal.Settling, "web1", "", ""), of(40, journal.HostDone, "web1", "", ""),
		of(45, journal.Sick, "web3", "", "answers 503"), of(55, journal.Well, "web3", "", ""),
		of(60, journal.TurnBegan, "web2", "", ""),
		of(60, journal.StepBegan, "web2", "drain", ""), of(70, journal.StepEnded, "web2", "drain", ""),
		of(70, journal.StepBegan, "web2", "restart", ""), of(80, journal.StepEnded, "web2", "restart", hostile),
		of(80, journal.TurnEnded, "web2", "", hostile),
		after(80, journal.Record{Kind: journal.HostFailed, Host: "web2", Error: hostile, Output: "the last\n" + hostile}),
		of(80, journal.Halting, "web2", "", hostile),
		of(100, journal.RolloutEnded, "", "", "the rollout halted at web2"),
		of(100, journal.RunEnded, "", "", "web2: the rollout halted"),
	}
	return Source{
		Records: records,
		Now:     began.Add(time.Hour),
		Said: func(host string, n int) []runs.Said {
			if host != "web2" {
				return nil
			}
			return []runs.Said{{Time: began.Add(71 * time.Second), By: "stdout", Text: hostile}, {Time: began.Add(72 * time.Second), By: "stderr", Text: "no"}}
		},
		Recordings: func(host string) []Recording {
			if host != "web2" {
				return nil
			}
			return []Recording{{Name: "web2", Title: "takeover", Events: []asciicast.Event{
				{At: 0, Kind: asciicast.Output, Text: "web2$ lz\b \bs\r\nfile\x1b[1"}, {At: time.Second, Kind: asciicast.Input, Text: "typed"},
				{At: time.Second, Kind: asciicast.Output, Text: "m bold\x1b[0m\r\n 10%\r100%\r\n" + hostile},
			}}}
		},
	}
}

func write(t *testing.T, s Source) string {
	t.Helper()
	var page bytes.Buffer
	if err := Write(&page, s); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestRollouts(t *testing.T) {
	s := sample()
	all := rollouts(s.Records, s.Now)
	if len(all) != 1 {
		t.Fatalf("%d rollouts", len(all))
	}
	var got []string
	for _, h := range all[0].Hosts {
		got = append(got, fmt.Sprintf("%s %s %v", h.Name, h.Outcome, h.Took))
		for _, b := range h.Bars {
			got = append(got, fmt.Sprintf("  %s %s %.2f+%.2f nested %v failed %v", b.Class, b.Name, b.Left, b.Width, b.Nested, b.Failed))
		}
	}
	for _, l := range all[0].Down {
		got = append(got, fmt.Sprintf("%.2f+%.2f: %d down", l.Left, l.Width, l.Hosts))
	}
	want := []string{
		"web1 done 40s",
		"  step drain 0.00+0.10 nested false failed false",
		"  step restart 0.10+0.10 nested false failed false",
		"  step restart/check 0.12+0.03 nested true failed false",
		"  wait verifying 0.20+0.02 nested false failed false",
		"  wait settling 0.22+0.18 nested false failed false",
		"web2 failed 20s",
		"  step drain 0.60+0.10 nested false failed false",
		"  step restart 0.70+0.10 nested false failed true",
		"web3 not touched 0s",
		"  sick sick 0.45+0.10 nested false failed true",
		"web4 not touched 0s",
		"0.00+0.40: 1 down", "0.40+0.05: 0 down", "0.45+0.10: 1 down", "0.55+0.05: 0 down", "0.60+0.40: 1 down",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBroken: of a run that is under way, or was killed, and resumed, the page
// shows each part.
func TestBroken(t *testing.T) {
	records := sample().Records[:13] // web1 is verified
	broken := rollouts(records, began.Add(50*time.Second))
	if h := broken[0].Hosts[0]; h.Outcome != "in the middle" || h.Took != 50*time.Second || broken[0].Length() != 50*time.Second {
		t.Errorf("under way: %s, %v of %v", h.Outcome, h.Took, broken[0].Length())
	}
	records = append(records, of(22, journal.Healthy, "web1", "", ""), of(23, journal.HostDone, "web1", "", ""),
		of(24, journal.TurnBegan, "web2", "", ""), of(24, journal.StepBegan, "web2", "drain", ""),
		after(1000, journal.Record{Kind: journal.RolloutBegan, Hosts: []string{"web1", "web2", "web3", "web4"}, MaxOffline: 1}),
		of(1000, journal.TurnBegan, "web2", "", ""), of(1010, journal.HostDone, "web2", "", ""),
		of(1010, journal.RolloutEnded, "", "", ""))
	both := rollouts(records, began.Add(2000*time.Second))
	if len(both) != 2 || both[0].Length() != 24*time.Second || both[1].Length() != 10*time.Second || !both[1].Again {
		t.Errorf("%d parts, of %v and %v", len(both), both[0].Length(), both[len(both)-1].Length())
	}
	if got := both[1].Hosts[0].Outcome; got != "done before" {
		t.Errorf("web1: %s", got)
	}
}

// TestTakenBack: the way back is a second turn, and what had failed is not
// forgotten.
func TestTakenBack(t *testing.T) {
	records := append(sample().Records[:25:25], // up to the halt
		of(85, journal.GoingBack, "", "", ""),
		of(85, journal.UndoBegan, "web2", "", ""), of(85, journal.StepBegan, "web2", "switch back", ""), of(88, journal.StepEnded, "web2", "switch back", ""),
		of(88, journal.TurnEnded, "web2", "", ""), of(88, journal.Verifying, "web2", "", ""), of(89, journal.Healthy, "web2", "", ""), of(90, journal.HostBack, "web2", "", ""),
		of(90, journal.UndoBegan, "web1", "", ""), of(95, journal.UndoEnded, "web1", "", ""), of(95, journal.HostFailed, "web1", "", "not healthy"),
		of(100, journal.RolloutEnded, "", "", "the rollout halted"))
	o := rollouts(records, began)[0]
	web1, web2 := o.Hosts[0], o.Hosts[1]
	if web2.Outcome != "taken back" || web2.Took != 5*time.Second || web2.Error != hostile {
		t.Errorf("web2: %s in %v, error %q", web2.Outcome, web2.Took, web2.Error)
	}
	if web1.Outcome != "failed, and taken back" || web1.Class != "failed" || web1.Error != "not healthy" {
		t.Errorf("web1: %s (%s), error %q", web1.Outcome, web1.Class, web1.Error)
	}
	if last := o.Down[len(o.Down)-1]; !o.GoingBack || o.MostDown != 1 || last.Hosts != 1 {
		t.Errorf("going back %v, at most %d down, at last %d", o.GoingBack, o.MostDown, last.Hosts)
	}
}

func TestTicks(t *testing.T) {
	for length, want := range map[time.Duration]string{
		0: "0s", 450 * time.Millisecond: "0s 100ms 200ms 300ms", 9 * time.Second: "0s 2s 4s 6s", 2 * time.Minute: "0s 30s 1m 1m30s",
		5 * time.Minute: "0s 1m 2m 3m 4m", 100 * time.Minute: "0s 30m 1h", 30 * time.Hour: "0s 8h 16h 24h",
		-time.Hour: "0s", 1<<63 - 1: "0s 262144h 524288h",
	} {
		o := rollout{Began: began, Ended: began.Add(length)}
		var got []string
		for _, tick := range o.Ticks() {
			got = append(got, tick.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %q, want %q", length, got, want)
		}
	}
}

// TestHostile: whatever a host says, it is text.
func TestHostile(t *testing.T) {
	page := write(t, sample())
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("there are %d scripts", n)
	}
	if strings.Contains(page, "<img") || strings.Contains(page, "http:") || strings.Contains(page, "https:") {
		t.Error("the page wants something else, too")
	}
	for _, part := range []string{"web2: the rollout halted", "farmrun cutover 2000-09-19", "ken on ops1", "releases/2000-09-12", "at most 1 out of service at a time", "answers 503"} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not there", part)
		}
	}
}

// TestBounded: however much was said, a page stays one that can be read.
func TestBounded(t *testing.T) {
	s := Source{Now: began.Add(time.Minute)}
	hosts := make([]string, 500)
	for i := range hosts {
		hosts[i] = fmt.Sprint("web", i)
	}
	s.Records = []journal.Record{after(0, journal.Record{Kind: journal.RolloutBegan, Hosts: hosts})}
	s.Said = func(_ string, n int) []runs.Said {
		said := make([]runs.Said, n)
		for i := range said {
			said[i] = runs.Said{Time: began, By: "stdout", Text: strings.Repeat("x", 100)}
		}
		return said
	}
	s.Recordings = func(string) []Recording {
		r := Recording{Name: "web"}
		for range 100 {
			r.Events = append(r.Events, asciicast.Event{Kind: asciicast.Output, Text: strings.Repeat("y", 10<<10)})
		}
		return []Recording{r}
	}
	page := write(t, s)
	if len(page) > 12<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if !strings.Contains(page, "these are the last lines") || !strings.Contains(page, "This is its beginning") {
		t.Error("it does not say that there is more")
	}
}

// TestUnderWay: of a run that goes on the page shows it until now, of one that
// was killed until the last that is known.
func TestUnderWay(t *testing.T) {
	s := sample()
	s.Records = s.Records[:13] // up to when web1 has said that it is healthy
	killed := newPage(s)
	if killed.Verdict != "0 of 4 hosts done; it was killed" || !killed.Failed || killed.Took != 22*time.Second {
		t.Errorf("%q in %v", killed.Verdict, killed.Took)
	}
	s.UnderWay = true
	underWay := newPage(s)
	if underWay.Verdict != "0 of 4 hosts done; it is under way" || underWay.Failed || underWay.Took != time.Hour {
		t.Errorf("%q in %v", underWay.Verdict, underWay.Took)
	}
}

// TestNothing: a journal may be of a run that has done nothing yet.
func TestNothing(t *testing.T) {
	if page := write(t, Source{}); !strings.Contains(page, "No rollout was begun") {
		t.Error(page)
	}
}
