// Package runpage makes a page of a run: when each host was in which step, how
// many were out of service at a time, what failed, and, behind a click, what
// each host said and the recordings of its terminals.
//
// The page is one file of HTML that needs nothing else, neither a server nor the
// network, and no script but for the recordings. It is read in any light, on a
// phone too, and by a screen reader: all that the bars show stands in tables as
// well. What hosts have said is foreign, and only ever text in it.
package runpage

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"farmrun/luahost/asciicast"
	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

// Source is what a page is made of.
type Source struct {
	Records []journal.Record
	// Said returns the last n lines that were said of a host, and Recordings the
	// recordings of its terminals; nil is none.
	Said       func(host string, n int) []runs.Said
	Recordings func(host string) []Recording
	Now        time.Time // when the page is made
	// UnderWay tells that the run goes on; one that does not and has no end in
	// its records was killed.
	UnderWay bool
}

// Recording is the recording of a terminal.
type Recording struct {
	Name   string // "web1", "web1+2"
	Title  string // what the terminal was for
	Events []asciicast.Event
	Cut    bool // there is more of it
}

//go:embed page.html
var pageSource string

// Write writes the page.
func Write(w io.Writer, s Source) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"took": took, "clock": clock, "percent": percent, "plural": plural,
		"colour": func(step int) int { return step % colours },
	}).Parse(pageSource)
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(s))
}

// page is what the template shows.
type page struct {
	Title    string
	Run      journal.Run
	Resumed  []journal.Run
	Began    time.Time
	Took     time.Duration
	Verdict  string // how it went, in a line
	Failed   bool
	Rollouts []*rollout
	Facts    []fact
	Made     time.Time
}

// fact is something that the run has remembered of a host.
type fact struct{ Host, Name, Value string }

func newPage(s Source) page {
	state := journal.StateOf(s.Records)
	p := page{
		Title: state.Run.Script, Run: state.Run, Resumed: state.Resumed, Began: state.Run.Began,
		Made: s.Now,
	}
	end := state.Last
	if s.UnderWay {
		end = s.Now
	}
	p.Took = end.Sub(p.Began)
	p.Rollouts = rollouts(s.Records, end)
	var before time.Time
	for _, r := range p.Rollouts {
		r.attach(s, before)
		before = r.Ended.Add(afterwards)
	}
	for _, r := range s.Records {
		if r.Kind == journal.Fact {
			p.Facts = append(p.Facts, fact{r.Host, r.Name, r.Value})
		}
	}
	p.Verdict, p.Failed = verdict(state, s.UnderWay)
	return p
}

// verdict says how a run went.
func verdict(s *journal.State, underWay bool) (text string, failed bool) {
	if s.Error != "" {
		return s.Error, true
	}
	done, all := 0, 0
	for _, r := range s.Rollouts {
		done, all = done+len(r.With(journal.Done)), all+len(r.Order)
	}
	text = fmt.Sprintf("%d of %s done", done, plural(all, "host"))
	switch {
	case underWay:
		return text + "; it is under way", false
	case !s.Ended:
		return text + "; it was killed", true
	case done < all:
		return text, true
	}
	return text, false
}

// plural is "1 host" or "2 hosts".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// took writes how long something took.
func took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// clock writes the time of day.
func clock(t time.Time) string { return t.Format("15:04:05") }

// percent writes a share for CSS.
func percent(share float64) string { return fmt.Sprintf("%.2f%%", 100*share) }
