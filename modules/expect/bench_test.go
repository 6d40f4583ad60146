package expect

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The same dialogues as Tcl Expect has them. Each prints the milliseconds that
// they took, and the processor's for the last.
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

// byTcl runs a script of Tcl Expect and returns the milliseconds it prints.
func byTcl(b *testing.B, script string) float64 {
	b.Helper()
	if _, err := exec.LookPath("expect"); err != nil {
		if os.Getenv("CI") == "true" {
			b.Fatal(err)
		}
		b.Skip("there is no Tcl expect here")
	}
	out, err := exec.Command("expect", "-c", script).CombinedOutput()
	words := strings.Fields(string(out))
	if err != nil || len(words) == 0 {
		b.Fatalf("expect: %v: %s", err, out)
	}
	took, err := strconv.ParseFloat(words[len(words)-1], 64)
	if err != nil {
		b.Fatalf("expect: %s", out)
	}
	return took
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
	var ours, theirs float64
	var slowest time.Duration
	for b.Loop() {
		theirs += byTcl(b, fmt.Sprintf(tclTurns, turns))
		s := spawn(b, turnsProgram)
		began := time.Now()
		for i := range turns {
			sent := time.Now()
			if err := s.Send(b.Context(), strconv.Itoa(i)+"\r"); err != nil {
				b.Fatal(err)
			}
			await1(b, s, "got "+strconv.Itoa(i)+".")
			slowest = max(slowest, time.Since(sent))
		}
		ours += milliseconds(time.Since(began))
		s.Close()
	}
	b.ReportMetric(ours/theirs, "of-tcl")
	b.ReportMetric(ours/float64(b.N), "ms")
	b.ReportMetric(theirs/float64(b.N), "tcl-ms")
	b.ReportMetric(milliseconds(slowest), "slowest-ms")
}

// BenchmarkOutput finds the end of 4 MiB.
func BenchmarkOutput(b *testing.B) {
	var ours, theirs float64
	for b.Loop() {
		theirs += byTcl(b, fmt.Sprintf(tclOutput, outputProgram))
		began := time.Now()
		s := spawn(b, outputProgram)
		await1(b, s, "the end of it")
		ours += milliseconds(time.Since(began))
		s.Close()
	}
	b.ReportMetric(ours/theirs, "of-tcl")
	b.ReportMetric(ours/float64(b.N), "ms")
	b.ReportMetric(theirs/float64(b.N), "tcl-ms")
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
