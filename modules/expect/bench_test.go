package expect

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"farmrun/testdata/need"
)

// The same dialogues as Tcl Expect has them. Each prints the milliseconds that
// they took.
const (
	tclTurns = `
log_user 0
set timeout 10
spawn sh -c {while read x; do echo "got $x."; done}
set began [clock microseconds]
for {set i 0} {$i < %d} {incr i} { send "$i\r"; expect "got $i." }
puts [expr {([clock microseconds] - $began) / 1000.0}]`

	tclOutput = `
log_user 0
set timeout 60
set began [clock microseconds]
spawn sh -c {%s}
expect "the end of it"
puts [expr {([clock microseconds] - $began) / 1000.0}]`

	turnsProgram  = `while read x; do echo "got $x."; done`
	outputProgram = `yes 0123456789012345678901234567890123456789012345678901234567890 | head -c 4194304; echo the end of it; read x`
)

// cost is what a dialogue took, in milliseconds.
type cost struct{ wall, processor float64 }

// costs are those of the rounds of a benchmark, ours and Tcl's in turns, so
// that what else goes on on the machine hits both.
type costs struct{ ours, theirs []cost }

// report reports the medians of the rounds' ratios and of the times, to run
// with -benchtime 15x or so. All that goexpect and Go do is in our processor
// time, and in Tcl's all but what it takes to start.
func (c *costs) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	wall := func(c cost) float64 { return c.wall }
	for name, figure := range map[string]func(cost) float64{
		"": wall, "-processor": func(c cost) float64 { return c.processor },
	} {
		ratios := make([]float64, len(c.ours))
		for i := range ratios {
			ratios[i] = figure(c.ours[i]) / figure(c.theirs[i])
		}
		b.ReportMetric(median(ratios), "of-tcl"+name)
	}
	for name, of := range map[string][]cost{"ms": c.ours, "tcl-ms": c.theirs} {
		times := make([]float64, len(of))
		for i := range times {
			times[i] = wall(of[i])
		}
		b.ReportMetric(median(times), name)
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// tcl is Tcl Expect, and what it takes to start it.
type tcl struct{ idle float64 }

func newTcl(b *testing.B) tcl {
	b.Helper()
	need.Program(b, "expect") // Tcl's
	var starts []float64
	for range 5 {
		starts = append(starts, tcl{}.run(b, "puts 0").processor)
	}
	return tcl{median(starts)}
}

// run runs a script that prints milliseconds.
func (t tcl) run(b *testing.B, script string) cost {
	b.Helper()
	cmd := exec.Command("expect", "-c", script)
	out, err := cmd.CombinedOutput()
	words := strings.Fields(string(out))
	if err != nil || len(words) == 0 {
		b.Fatalf("expect: %v: %s", err, out)
	}
	took, err := strconv.ParseFloat(words[len(words)-1], 64)
	if err != nil {
		b.Fatalf("expect: %s", out)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return cost{took, max(milliseconds(used)-t.idle, 0.001)}
}

// timed tells what f takes.
func timed(f func()) cost {
	used, began := processorTime(), time.Now()
	f()
	return cost{milliseconds(time.Since(began)), milliseconds(processorTime() - used)}
}

func spawn(b *testing.B, script string) *Session {
	b.Helper()
	terminal, err := Start(Program{Args: []string{"sh", "-c", script}})
	if err != nil {
		b.Fatal(err)
	}
	return New(terminal, Options{})
}

func await1(b *testing.B, s *Session, text string) {
	b.Helper()
	if _, err := s.Expect(b.Context(), Wait{Patterns: []Pattern{Text(text)}, Timeout: time.Minute}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTurns sends and expects 2,000 times with a shell script, and
// reports the time as a ratio to that of Tcl Expect, and the slowest wait.
func BenchmarkTurns(b *testing.B) {
	const turns = 2000
	tcl := newTcl(b)
	var all costs
	var slowest time.Duration
	for b.Loop() {
		all.theirs = append(all.theirs, tcl.run(b, fmt.Sprintf(tclTurns, turns)))
		s := spawn(b, turnsProgram)
		all.ours = append(all.ours, timed(func() {
			for i := range turns {
				sent := time.Now()
				if err := s.Send(b.Context(), strconv.Itoa(i)+"\r"); err != nil {
					b.Fatal(err)
				}
				await1(b, s, "got "+strconv.Itoa(i)+".")
				slowest = max(slowest, time.Since(sent))
			}
		}))
		s.Close()
	}
	all.report(b)
	b.ReportMetric(milliseconds(slowest), "slowest-ms")
}

// BenchmarkOutput finds the end of 4 MiB.
func BenchmarkOutput(b *testing.B) {
	tcl := newTcl(b)
	var all costs
	for b.Loop() {
		all.theirs = append(all.theirs, tcl.run(b, fmt.Sprintf(tclOutput, outputProgram)))
		var s *Session
		all.ours = append(all.ours, timed(func() {
			s = spawn(b, outputProgram)
			await1(b, s, "the end of it")
		}))
		s.Close()
	}
	all.report(b)
}

// BenchmarkIdle has 1,000 sessions wait for what does not come, and reports
// this process's share of a core and memory for each, without the programs.
func BenchmarkIdle(b *testing.B) {
	const sessions, watched = 1000, 2 * time.Second
	for b.Loop() {
		before := residentMemory(b)
		all := make([]*Session, sessions)
		over := make(chan error, sessions)
		for i := range all {
			all[i] = spawn(b, "echo ready; exec sleep 1000")
			await1(b, all[i], "ready")
			go func() {
				_, err := all[i].Expect(b.Context(), Wait{Patterns: []Pattern{Text("never")}, Timeout: time.Hour})
				over <- err
			}()
		}
		cpu := processorTime()
		time.Sleep(watched) // the very thing that is measured
		cpu = processorTime() - cpu
		runtime.GC()
		after := residentMemory(b)
		for _, s := range all {
			go s.Close()
		}
		for range all {
			<-over
		}
		for _, s := range all {
			s.Close()
		}
		b.ReportMetric(float64(after-before)/sessions/1024, "KiB/session")
		b.ReportMetric(100*cpu.Seconds()/watched.Seconds(), "%core")
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func residentMemory(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}
