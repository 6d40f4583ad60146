package runpage

import (
	"encoding/json"
	"strings"
	"time"

	"farmrun/luahost/asciicast"
	"farmrun/luahost/runs"
)

// How much of what was said a page has: enough to see what happened, and no more
// than a browser, or a mail, bears.
const (
	mostLines      = 20000 // of all hosts together
	mostOfHost     = 1000  // of one of them
	leastOfHost    = 40
	longestLine    = 2000      // bytes
	mostRecordings = 4 << 20   // bytes of all together
	mostRecording  = 256 << 10 // of one of them
)

// line is a line that was said.
type line struct {
	At   string
	By   string
	Text string
}

// recording is a Recording as the page has it.
type recording struct {
	Name, Title string
	Took        time.Duration
	// Events is a JSON list of pairs: seconds, and what was shown. The page
	// has it as a text, not as a script.
	Events string
	Cut    bool
}

// afterwards is how long after the end of a rollout what is said belongs to it.
const afterwards = time.Second

// attach adds what hosts have said in the rollout and since before, the end of
// the one before it: a release that is pulled for a rollout is a part of its
// story.
func (o *rollout) attach(s Source, before time.Time) {
	share := min(mostOfHost, max(leastOfHost, mostLines/max(1, len(o.Hosts))))
	room := mostRecordings
	for _, h := range o.Hosts {
		if s.Said != nil {
			h.say(s.Said(h.Name, share+1), before, o.Ended.Add(afterwards), share)
		}
		if s.Recordings == nil {
			continue
		}
		for _, r := range s.Recordings(h.Name) {
			shown := newRecording(r, min(room, mostRecording))
			room -= len(shown.Events)
			h.Recordings = append(h.Recordings, shown)
		}
	}
}

// say adds lines that were said of the host from begin to end, at most so many.
func (h *host) say(said []runs.Said, begin, end time.Time, most int) {
	for _, l := range said {
		if l.Time.Before(begin) || l.Time.After(end) {
			continue
		}
		text := l.Text
		if len(text) > longestLine {
			text = text[:longestLine] + " ..."
		}
		h.Lines = append(h.Lines, line{clock(l.Time), l.By, text})
	}
	if over := len(h.Lines) - most; over > 0 {
		h.Lines, h.More = h.Lines[over:], true
	}
}

// newRecording makes a recording fit for the page, with as many bytes of it as
// there is room for.
func newRecording(r Recording, room int) recording {
	shown := recording{Name: r.Name, Title: r.Title, Cut: r.Cut}
	var pairs []string
	for _, e := range r.Events {
		if e.Kind != asciicast.Output {
			continue
		}
		pair, err := json.Marshal([2]any{float64(e.At.Milliseconds()) / 1000, e.Text})
		if room -= len(pair) + len(","); err != nil || room < 0 { // a control character takes six bytes
			shown.Cut = true
			break
		}
		pairs = append(pairs, string(pair))
		shown.Took = e.At
	}
	shown.Events = "[" + strings.Join(pairs, ",") + "]"
	return shown
}
