package main

import (
	"fmt"
	"io"
)

// table prints what was measured, a line a figure.
type table struct {
	out io.Writer
	met bool // no target was missed so far
}

const row = "%-41s %-11s %12s %12s %8s %8s  %s\n"

func newTable(out io.Writer) *table {
	fmt.Fprintf(out, row, "figure", "", "farmrun", "other", "ratio", "at most", "")
	return &table{out: out, met: true}
}

// add prints the figures of a duel that have a target.
func (t *table) add(d duel, ours, theirs []usage) {
	for _, f := range figures {
		target := d.targets[f.name]
		if target == 0 {
			continue
		}
		ratio, verdict := ratioOf(ours, theirs, f.of), "met"
		if ratio > target {
			verdict, t.met = "MISSED", false
		}
		fmt.Fprintf(t.out, row, d.name, f.name,
			f.format(medianOf(ours, f.of)), f.format(medianOf(theirs, f.of)),
			fmt.Sprintf("%.3f", ratio), fmt.Sprintf("%.3g", target), verdict)
	}
}

// count prints a figure that is a number and not compared with another.
func (t *table) count(name, what string, got, most float64) {
	verdict := "met"
	if got > most {
		verdict, t.met = "MISSED", false
	}
	fmt.Fprintf(t.out, row, name, what, fmt.Sprintf("%.2f", got), "", "", fmt.Sprintf("%.3g", most), verdict)
}

// grew prints how work has grown from one size to four times that.
func (t *table) grew(name string, start usage, took [3]usage) {
	for _, f := range figures {
		least := map[string]float64{"processor": 0.005, "memory": 4 << 20}[f.name]
		if least == 0 {
			continue
		}
		verdict, power := "met", exponent(f.of(start), f.of(took[0]), f.of(took[2]), least)
		if power > mostPower {
			verdict, t.met = "MISSED", false
		}
		fmt.Fprintf(t.out, row, name, f.name, f.format(f.of(took[0])), f.format(f.of(took[2])),
			fmt.Sprintf("n^%.2f", power), fmt.Sprintf("n^%.3g", mostPower), verdict)
	}
}

// mostPower is with which power of its size work may grow.
const mostPower = 1.15

// leaveOut says that a duel cannot be fought here.
func (t *table) leaveOut(d duel, why string) {
	fmt.Fprintf(t.out, "%-41s left out: %s\n", d.name, why)
}

// figure is something that is measured.
type figure struct {
	name   string
	of     func(usage) float64
	format func(float64) string
}

var figures = []figure{
	{"processor", func(u usage) float64 { return u.processor.Seconds() }, seconds},
	{"wall", func(u usage) float64 { return u.wall.Seconds() }, seconds},
	{"memory", func(u usage) float64 { return float64(u.memory) }, mebibytes},
	{"private", func(u usage) float64 { return float64(u.private) }, mebibytes},
}

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.1f ms", s*1000)
	}
	return fmt.Sprintf("%.2f s", s)
}

func mebibytes(b float64) string { return fmt.Sprintf("%.1f MiB", b/(1<<20)) }
