package liveview

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"farmrun/luahost/console"
)

// page is one drawing of a view.
type page struct {
	view          *View
	now           time.Time
	rows, columns int // that may be used
}

// rollout draws a rollout.
func (p page) rollout(o *rollout) []string {
	lines := []string{p.bold(p.cut(p.summary(o)))}
	room := p.rows - 1
	if len(o.hosts) <= room {
		return append(lines, p.hosts(o.hosts, o)...)
	}
	var single []*host
	var rest []string
	for _, s := range states {
		members := o.with(s)
		switch {
		case len(members) == 0:
		case s == done || s == toCome || s == back:
			rest = append(rest, p.fold(s, members))
		default:
			single = append(single, members...)
		}
	}
	rest = rest[:min(len(rest), max(0, room-min(1, len(single))))] // who is at work is worth more
	room -= len(rest)
	if more := len(single) - room; more > 0 && room > 0 {
		single = single[:room-1]
		rest = append([]string{p.cut(fmt.Sprintf("   and %d more", more+1))}, rest...)
	}
	return append(append(lines, p.hosts(single[:min(room, len(single))], o)...), rest...)
}

// summary says how many hosts stand where.
func (p page) summary(o *rollout) string {
	offline, count := 0, map[state]int{}
	for _, h := range o.hosts {
		count[h.state]++
		if h.offline() {
			offline++
		}
	}
	parts := []string{
		fmt.Sprintf("%d of %d done", count[done], len(o.hosts)),
		fmt.Sprintf("budget %d of %d used", offline, o.budget),
	}
	if count[failed] > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", count[failed]))
	}
	if count[back] > 0 {
		parts = append(parts, fmt.Sprintf("%d taken back", count[back]))
	}
	if count[toCome] > 0 {
		parts = append(parts, fmt.Sprintf("%d to come", count[toCome]))
	}
	switch {
	case o.goingBack:
		parts = append(parts, "going back")
	case o.halted:
		parts = append(parts, "halted")
	}
	took := clock(p.now.Sub(o.began))
	if left := o.left(p.now); left > 0 {
		took += ", about " + clock(left) + " left"
	}
	return "-- " + p.title() + strings.Join(append(parts, took), "; ")
}

// title is what stands before the numbers.
func (p page) title() string {
	if p.view.Title == "" {
		return ""
	}
	return shown(p.view.Title) + ": "
}

// The widths of the columns, but for the name's.
const (
	stateWidth = 10
	timeWidth  = 7
	mostName   = 32
	usualStep  = 10 // of a step's name; those that are longer widen the column
)

// hosts draws a line for each host, its parts below one another.
func (p page) hosts(hosts []*host, o *rollout) []string {
	name, note := 0, usualStep
	for _, h := range o.hosts {
		name = max(name, min(mostName, utf8.RuneCountInString(shown(h.name))))
		if h.state != failed && h.state != sick { // what is wrong may take all the room there is
			note = max(note, utf8.RuneCountInString(shown(h.note)))
		}
	}
	note = max(0, min(note, p.columns-len("      ")-name-stateWidth-timeWidth-len("   "))) // the time is worth more
	var lines []string
	for _, h := range hosts {
		rest := fmt.Sprintf("  %-*s %*s", note, cut(shown(h.note), note), timeWidth, p.time(h))
		if h.state == failed || h.state == sick {
			rest = "  " + shown(h.note)
		}
		line := fmt.Sprintf("   %-*s  %-*s%s", name, cut(shown(h.name), name), stateWidth, h.state, rest)
		lines = append(lines, p.colour(h.state, strings.TrimRight(p.cut(line), " ")))
	}
	return lines
}

// fold draws hosts that need nobody in one line.
func (p page) fold(s state, hosts []*host) string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.name
	}
	return p.colour(s, p.cut(fmt.Sprintf("   %d %s: %s", len(hosts), s, shown(p.view.Folded(names)))))
}

// each draws hosts that do something side by side.
func (p page) each(e *each) []string {
	parts := []string{fmt.Sprintf("%d of %d done", e.done, e.total)}
	if e.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", e.failed))
	}
	names := e.names()
	parts = append(parts, clock(p.now.Sub(e.began)))
	if len(names) > 0 {
		parts = append(parts, fmt.Sprintf("%d at work: %s", len(names), shown(p.view.Folded(names))))
	}
	return []string{p.bold(p.cut("-- " + p.title() + strings.Join(parts, "; ")))}
}

// time is how long a host's turn took, or takes.
func (p page) time(h *host) string {
	switch {
	case h.began.IsZero(), h.state == back:
		return ""
	case h.state == done:
		return fmt.Sprintf("%.1fs", h.took.Seconds())
	}
	return clock(p.now.Sub(h.began))
}

// clock writes a time to the second.
func clock(d time.Duration) string {
	text := d.Truncate(time.Second).String()
	if d >= time.Hour { // the seconds do not matter any more
		text = d.Truncate(time.Minute).String()
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// shown makes one line of what a host may have said.
func shown(text string) string {
	return string(console.Printable([]byte(strings.Join(strings.Fields(text), " "))))
}

// cut leaves a column free at the right: some terminals go to the next line
// when the last is written to.
func (p page) cut(line string) string { return cut(line, p.columns-1) }

func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	if width < 3 {
		return string(runes[:max(0, width)])
	}
	return string(runes[:width-2]) + ".."
}

func (p page) bold(line string) string { return p.sgr(1, line) }

// colour colours a line by the state that it shows, which stands there in words
// as well.
func (p page) colour(s state, line string) string {
	switch s {
	case failed:
		return p.sgr(31, line)
	case sick:
		return p.sgr(33, line)
	case done, back:
		return p.sgr(32, line)
	case out, verifying, settling:
		return p.sgr(36, line)
	}
	return line
}

func (p page) sgr(code int, line string) string {
	if p.view.Plain {
		return line
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, line)
}
