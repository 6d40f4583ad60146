package expect_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"

	"farmrun/luahost/render"
	"farmrun/modules/expect"
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

func spawn(b *testing.B, script string) *expect.Session {
	b.Helper()
	terminal, err := expect.Start(expect.Program{Args: []string{"sh", "-c", script}})
	if err != nil {
		b.Fatal(err)
	}
	return expect.New(terminal, expect.Options{})
}

func await1(b *testing.B, s *expect.Session, text string) {
	b.Helper()
	if _, err := s.Expect(b.Context(), expect.Wait{Patterns: []expect.Pattern{expect.Text(text)}, Timeout: time.Minute}); err != nil {
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
		var s *expect.Session
		all.ours = append(all.ours, timed(func() {
			s = spawn(b, outputProgram)
			await1(b, s, "the end of it")
		}))
		s.Close()
	}
	all.report(b)
}

// tclCommand does the work of Session.Command. A page, or a full buffer of 2,000 bytes, is
// collected at a time.
const tclCommand = `
log_user 0
set timeout 60
spawn -noecho %s
expect -re {%s$}
set began [clock microseconds]
set out ""
send "show run\r"
expect {
	full_buffer { append out $expect_out(buffer); exp_continue }
	-re {[\nH]%s$} { append out $expect_out(buffer); send "%s"; exp_continue }
	-re {[\nEH]%s$} { append out $expect_out(buffer) }
}
regsub -all {\x1b\[[0-9;?]*[A-Za-z]|\x08+ +\x08+|\r +\r|\r} $out "" out
regsub -all {\x1bE} $out "\n" out
set took [expr {([clock microseconds] - $began) / 1000.0}]
if {[llength [split $out "\n"]] < 4900} { error "[llength [split $out "\n"]] lines" }
puts $took`

// theDevice names the family and the page of the device that this process is to be.
const theDevice = "EXPECT_TEST_DEVICE"

// TestTheDevice is a device on the standard terminal, for benchmarks only.
func TestTheDevice(t *testing.T) {
	name, page, is := strings.Cut(os.Getenv(theDevice), "/")
	if !is {
		return // it is only for benchmarks
	}
	_, err := term.MakeRaw(0)
	check(t, err)
	if name == "echo" {
		echoLines()
		return
	}
	d := &device{family: families[name], knows: plain, ReadWriter: os.Stdin}
	d.page, err = strconv.Atoi(page)
	check(t, err)
	d.serve()
}

// plain is the output of the device: 5,000 lines.
func plain(string) (all []string) {
	for i := range 5000 {
		all = append(all, fmt.Sprintf(" description of interface %d", i))
	}
	return all
}

// echoLines has a prompt, and prints each line that is typed at it.
func echoLines() {
	typed := bufio.NewReader(os.Stdin)
	for {
		io.WriteString(os.Stdout, "core9#")
		line, err := typed.ReadString('\r')
		if err != nil {
			return
		}
		io.WriteString(os.Stdout, line+"\n")
	}
}

// deviceProgram is the command line of such a device.
func deviceProgram(b *testing.B, name string, page int) []string {
	b.Helper()
	this, err := os.Executable()
	check(b, err)
	return []string{"env", fmt.Sprintf("%s=%s/%d", theDevice, name, page), this, "-test.run=^TestTheDevice$"}
}

// atOnce is a usual device whose prompt and pager are known at once, as in Tcl: Command
// waits 50 and 300 ms to be sure of them, whatever the output.
func atOnce(prompt string) expect.Device {
	d := expect.UsualDevice()
	is := expect.Compiled(regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(render.Text([]byte(prompt))) + `\z`))
	is.Quiet, d.Pager.Quiet, d.Prompt = 1, 1, &is
	return d
}

// BenchmarkCommand has the 5,000 lines of each family, with a pager and without.
func BenchmarkCommand(b *testing.B) {
	tcl := newTcl(b)
	ctx := b.Context()
	for _, name := range slices.Sorted(maps.Keys(families)) {
		for _, page := range []int{0, 24} {
			f := families[name]
			if strings.Contains(name, " ") || page > 0 && f.pager == "" {
				continue
			}
			b.Run(fmt.Sprintf("%s/page of %d", name, page), func(b *testing.B) {
				program, prompt, key := deviceProgram(b, name, page), regexp.QuoteMeta(f.prompt), " "
				if strings.Contains(f.pager, "ENTER") {
					key = "\\r"
				}
				pager := regexp.QuoteMeta(cmp.Or(f.pager, "no pager"))
				script := fmt.Sprintf(tclCommand, "{"+strings.Join(program, "} {")+"}", prompt, pager, key, prompt)
				begun, err := expect.Regexp(prompt + "$")
				check(b, err)
				var all costs
				for b.Loop() {
					all.theirs = append(all.theirs, tcl.run(b, script))
					terminal, err := expect.Start(expect.Program{Args: program})
					check(b, err)
					s, as := expect.New(terminal, expect.Options{}), atOnce(f.prompt)
					_, err = s.Expect(ctx, expect.Wait{Patterns: []expect.Pattern{begun}, Timeout: time.Minute})
					check(b, err)
					all.ours = append(all.ours, timed(func() {
						if res, err := s.Command(ctx, "show run", as, 0); err != nil || strings.Count(string(res.Stdout), "\n") != 5000 {
							b.Fatalf("%v: %d bytes", err, len(res.Stdout))
						}
					}))
					s.Close()
				}
				all.report(b)
			})
		}
	}
}

// tclPaste types 5,000 lines and waits for the prompt after the last of them.
const tclPaste = `
log_user 0
set timeout 60
spawn -noecho %s
expect -re {core9#$}
set text ""
for {set i 0} {$i < 5000} {incr i} { append text [format "%%-49d\r" $i] }
append text "the end\r"
set began [clock microseconds]
send $text
expect -re {the end\r\ncore9#$}
puts [expr {([clock microseconds] - $began) / 1000.0}]`

// BenchmarkPaste types 250 KB in one Send to a device that echoes and prompts.
func BenchmarkPaste(b *testing.B) {
	tcl, program := newTcl(b), deviceProgram(b, "echo", 0)
	script := fmt.Sprintf(tclPaste, "{"+strings.Join(program, "} {")+"}")
	end, err := expect.Regexp(`the end\r\ncore9#$`)
	check(b, err)
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "%-49d\r", i)
	}
	text.WriteString("the end\r")
	var all costs
	for b.Loop() {
		all.theirs = append(all.theirs, tcl.run(b, script))
		terminal, err := expect.Start(expect.Program{Args: program})
		check(b, err)
		s := expect.New(terminal, expect.Options{Echo: expect.EchoOff})
		await1(b, s, "core9#")
		all.ours = append(all.ours, timed(func() {
			check(b, s.Send(b.Context(), text.String()))
			_, err = s.Expect(b.Context(), expect.Wait{Patterns: []expect.Pattern{end}, Timeout: time.Minute})
			check(b, err)
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
		all := make([]*expect.Session, sessions)
		over := make(chan error, sessions)
		for i := range all {
			all[i] = spawn(b, "echo ready; exec sleep 1000")
			await1(b, all[i], "ready")
			go func() {
				_, err := all[i].Expect(b.Context(), expect.Wait{Patterns: []expect.Pattern{expect.Text("never")}, Timeout: time.Hour})
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
