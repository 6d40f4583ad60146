package expect_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/term"

	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/render"
	"farmrun/modules/expect"
	"farmrun/testdata/need"
)

var dialogueCases = remotetest.NewCases("dialogues", 1000, "how many dialogues TestRandom tries")

// TestRandom: of devices that prompt, echo and answer in random pieces at random times,
// a session has each answer as it was printed.
func TestRandom(t *testing.T) {
	dialogueCases.Run(t, func(t *testing.T, _ int, seeds iter.Seq[uint64]) {
		for seed := range seeds {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				talk := newTalk(seed, time.Sleep)
				talk.device.ReadWriter = there
				go talk.device.serve()
				if err := talk.play(t, here); err != nil {
					t.Fatalf("seed %d, %s: %v", seed, talk.name, err)
				}
			})
		}
	})
}

// talk is a random dialogue with a device.
type talk struct {
	*rand.Rand
	name   string
	device *device
	prompt string // as a person sees it
	turns  []turn
	echo   expect.Echo
	strip  expect.Strip
}

// turn is a command.
type turn struct {
	typed    string
	printed  []string
	seen     []string // of the printed lines
	question string   // that comes first; "" is none
	plainly  bool     // by Send and Expect
}

// newTalk makes that of a seed; sleep is how its device pauses.
func newTalk(seed uint64, sleep func(time.Duration)) *talk {
	t := &talk{Rand: rand.New(rand.NewPCG(seed, 0))}
	t.name = anyOf(t.Rand, slices.Sorted(maps.Keys(families)))
	d := &device{family: families[t.name], asks: map[string]string{}}
	t.device, t.prompt = d, render.Text([]byte(d.prompt))
	if d.prompt != t.prompt || d.eol != "\r\n" || t.IntN(2) == 0 {
		t.strip = expect.StripScreen
	}
	t.chooseEcho()
	d.page = t.IntN(2) * (3 + t.IntN(20))
	answers := map[string][]string{}
	for i := range 3 + t.IntN(3) {
		turn := t.turn(i)
		t.turns = append(t.turns, turn)
		answers[turn.typed], d.asks[turn.typed] = turn.printed, turn.question
	}
	d.knows = func(typed string) []string { return answers[typed] }
	d.piece = func() int { return 1 + t.IntN(40) }
	lag := anyOf(t.Rand, []time.Duration{0, time.Millisecond, 20 * time.Millisecond})
	d.pause = func(line string) {
		switch t.IntN(20) {
		case 0, 1, 2, 3:
			sleep(time.Duration(t.Int64N(int64(lag) + 1)))
		case 4:
			if line == "" { // nothing stands there that may be a prompt
				sleep(time.Duration(t.Int64N(int64(100*lag) + 1)))
			}
		}
	}
	return t
}

func (t *talk) chooseEcho() {
	switch d := t.device; t.IntN(6) {
	case 0:
		d.echo, t.echo = func(string) string { return "" }, expect.EchoOff
	case 1:
		d.echo = scrolled(t.prompt, 40+t.IntN(40))
	case 2:
		d.echo = func(typed string) string { return "\r\x1b[K" + t.prompt + typed }
	case 3:
		d.echo = nil
	}
}

func (t *talk) turn(i int) turn {
	turn := turn{typed: fmt.Sprint("show ", i), plainly: t.IntN(3) == 0}
	for range t.IntN(12) {
		turn.typed += " " + anyOf(t.Rand, []string{"interface", "ethernet 0/1", "detail", "| include #", "vlan"})
	}
	if len(t.prompt+turn.typed)%80 == 0 { // where a line is wrapped, nobody can tell that from an empty line
		turn.typed += "s"
	}
	if t.IntN(6) == 0 {
		turn.plainly = false // and rejected
		return turn
	}
	lines := anyOf(t.Rand, []int{1, 8, 60})
	if turn.plainly && t.device.page > 0 {
		lines = min(lines, t.device.page)
	}
	turn.printed = []string{}
	for range t.IntN(lines + 1) {
		printed, seen := t.printedLine(turn.typed)
		turn.printed, turn.seen = append(turn.printed, printed), append(turn.seen, seen)
	}
	if turn.plainly && t.IntN(2) == 0 {
		turn.question = anyOf(t.Rand, []string{"Proceed with reload? [confirm]", "Are you sure (y/n)? ", "Save [Y/N]:"})
	}
	return turn
}

// printedLine is a line that may look like anything but the question of a pager.
func (t *talk) printedLine(typed string) (printed, seen string) {
	if t.IntN(20) == 0 {
		return "  10%\r  50%\r 100%", " 100%"
	}
	words := []string{"up", "down", "#", ">", "é", "100%", "% bad", "--More-- no", "\ttab", strings.TrimSpace(t.prompt), typed, "error:", "line 2-3"}
	for range t.IntN(6) {
		printed += " " + anyOf(t.Rand, words)
	}
	if t.IntN(2) == 0 {
		printed = strings.TrimPrefix(printed, " ")
	}
	question := render.Text([]byte(t.device.pager))
	if expect.UsualDevice().Errors.MatchString(printed) || question != "" && strings.HasPrefix(printed, question) {
		printed = "x" + printed
	}
	return printed, printed
}

// anyOf is one of a list.
func anyOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// play has the dialogue over a line, and returns the first thing that is otherwise than
// the device has printed it.
func (t *talk) play(tb testing.TB, line expect.Stream) error {
	s := expect.New(line, expect.Options{Echo: t.echo, Strip: t.strip})
	defer s.Close()
	prompt := expect.Compiled(regexp.MustCompile(regexp.QuoteMeta(t.prompt) + `\z`))
	prompt.Quiet = 100 * time.Millisecond
	await := func(p expect.Pattern) (string, error) {
		m, err := s.Expect(tb.Context(), expect.Wait{Patterns: []expect.Pattern{p}, Timeout: time.Hour})
		return m.Before, err
	}
	if _, err := await(prompt); err != nil {
		return err
	}
	for _, turn := range t.turns {
		if !turn.plainly {
			if err := t.command(tb, s, turn); err != nil {
				return fmt.Errorf("%q: %w", turn.typed, err)
			}
			continue
		}
		before := ""
		err := s.Send(tb.Context(), turn.typed+"\r")
		if err == nil && turn.question != "" {
			if before, err = await(expect.Text(turn.question)); err == nil {
				err = s.Send(tb.Context(), "y")
			}
		}
		said, late := await(prompt)
		if got, want := before+said, t.wanted(turn); err != nil || late != nil || got != want {
			return fmt.Errorf("%q: %w: %s", turn.typed, errors.Join(err, late), differs(got, want))
		}
	}
	return nil
}

// wanted is the text before the prompt.
func (t *talk) wanted(turn turn) string {
	eol, lines, want := "\r\n", turn.printed, ""
	if t.strip == expect.StripScreen {
		eol, lines = "\n", turn.seen
	}
	if t.echo == expect.EchoOff {
		want = eol
	}
	if turn.question != "" {
		want += "y" + eol
	}
	for _, line := range lines {
		want += line + eol
	}
	return want
}

func (t *talk) command(tb testing.TB, s *expect.Session, turn turn) error {
	res, err := s.Command(tb.Context(), turn.typed, expect.UsualDevice(), 0)
	if rejected, is := errors.AsType[*expect.RejectedError](err); is != (turn.printed == nil) {
		return fmt.Errorf("%w, of %q", err, res.Stdout)
	} else if is {
		if rejected.Line != t.device.rejected {
			return fmt.Errorf("rejected by %q, want %q", rejected.Line, t.device.rejected)
		}
		return nil
	}
	want := ""
	for _, line := range turn.seen {
		want += line + "\n"
	}
	if got := string(res.Stdout); err != nil || got != want {
		return fmt.Errorf("%w: %s", err, differs(got, want))
	}
	return nil
}

// TestServed is the device of a dialogue at the terminal that it has, for another program
// to talk with.
func TestServed(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("FARMRUN_DIALOGUE"), 10, 64)
	if err != nil {
		return
	}
	_, err = term.MakeRaw(int(os.Stdin.Fd()))
	check(t, err)
	d := newTalk(seed, time.Sleep).device
	d.ReadWriter = struct {
		*os.File
	}{os.Stdin}
	d.serve()
}

// BenchmarkRandom plays dialogues in real time, and has Tcl Expect play the same; it
// reports how many of a hundred each has taken wrong.
func BenchmarkRandom(b *testing.B) {
	need.Program(b, "expect") // Tcl's
	ours, theirs, seed := 0, 0, uint64(0)
	for b.Loop() {
		for range 100 {
			seed++
			talk := newTalk(seed, time.Sleep)
			if err := talk.play(b, over["pty"](b, talk.device)); err != nil {
				b.Logf("seed %d, %s: %v", seed, talk.name, err)
				ours++
			}
			if !newTalk(seed, nil).tclPlays(b, seed) {
				theirs++
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours)/float64(b.N), "wrong")
	b.ReportMetric(float64(theirs)/float64(b.N), "tcl-wrong")
}

// tclTalk is a dialogue as a script of Tcl Expect has it: it waits for the prompt,
// answers the pager and takes off the echo, the pager's questions and the prompt.
const tclTalk = `
log_user 0
set timeout 20
match_max 1000000
spawn %s -test.run {^TestServed$}
expect -re {%s$}
foreach {line question} {%s} {
	send -- "$line\r"
	set said ""
	if {$question ne ""} {
		expect -ex $question
		append said $expect_out(buffer)
		send y
	}
	expect {
		-re {(--+ ?\(?[Mm](ore|ORE)[^\n]*|Press <ENTER> to continue...)$} { append said $expect_out(buffer); send " "; exp_continue }
		-re {%s$} { append said $expect_out(buffer) }
		timeout { puts late; exit }
	}
	puts [binary encode hex $said]
}`

// tclPlays tells whether Tcl Expect has all answers right, whatever else it has.
func (t *talk) tclPlays(b *testing.B, seed uint64) bool {
	var turns strings.Builder
	for _, turn := range t.turns {
		fmt.Fprintf(&turns, "{%s} {%s} ", turn.typed, turn.question)
	}
	prompt := regexp.MustCompile(`[][$^*+?.(){}|\\]`).ReplaceAllString(t.prompt, `\$0`)
	cmd := exec.Command("expect", "-c", fmt.Sprintf(tclTalk, os.Args[0], prompt, turns.String(), prompt))
	cmd.Env = append(os.Environ(), fmt.Sprint("FARMRUN_DIALOGUE=", seed))
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	answers := strings.Fields(string(out))
	for i, turn := range t.turns {
		if i >= len(answers) || !turn.isIn(answers[i]) {
			return false
		}
	}
	return true
}

// isIn tells whether an answer, in hexadecimal digits, has the turn's lines, one after
// the other, and as many as were printed.
func (t turn) isIn(answer string) bool {
	text := make([]byte, len(answer)/2)
	if _, err := fmt.Sscanf(answer, "%x", &text); err != nil {
		return false
	}
	lines := strings.Split(render.Text(text), "\n")
	at := 0
	for _, want := range t.seen {
		for at < len(lines) && lines[at] != want {
			at++
		}
		at++
	}
	return at < len(lines) && len(lines)-at <= 2+len(t.typed)/40
}
