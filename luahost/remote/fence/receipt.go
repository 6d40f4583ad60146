package fence

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/sweep"
)

// Receipt is a host's note of one command.
type Receipt struct {
	Slot  string // the file's name
	Epoch int    // of the owner that had it run
	Seq   int    // counts that owner's commands on this machine
	Step  string
	Boot  string // as in Machine
	PID   int    // the process that all others of the command descend from
	Start string // when that began, as the system says it; "?" where it does not
	Begun time.Time
	// Ended is zero as long as nothing is known of an end: the command runs, or it
	// was ended from outside with all its processes.
	Ended time.Time
	// Status is how it ended: an exit status; Refused, of a command that did not
	// begin because another had the fence; Swept, of one that the next owner
	// has ended, or found ended without a note; or Closed.
	Status string
}

// Values of Receipt.Status besides exit statuses.
const (
	Swept   = "ended"
	Refused = "refused"
	Closed  = "closed" // a session, by its script
)

// String says how the command stands.
func (r Receipt) String() string {
	begun := fmt.Sprintf("process %d, begun %s", r.PID, r.Begun.Local().Format(time.DateTime))
	switch {
	case r.Ended.IsZero():
		return begun + ", no end noted"
	case r.Status == Swept:
		return begun + ", was ended"
	case r.Status == Refused || r.Status == Closed:
		return begun + ", was " + r.Status
	}
	return fmt.Sprintf("%s, ended %s with status %s", begun, r.Ended.Local().Format(time.TimeOnly), r.Status)
}

// Open returns the receipts of commands that may run still: they have no end, and
// the system has not been booted since.
func (s State) Open() []Receipt {
	return slices.DeleteFunc(slices.Clone(s.Receipts), func(r Receipt) bool {
		return !r.Ended.IsZero() || !sameBoot(r.Boot, s.Boot)
	})
}

// MayBeSince tells whether the machine may not have been started since it had that mark.
func (m Machine) MayBeSince(boot string) bool { return sameBoot(m.Boot, boot) }

// sameBoot tells whether two marks may be of one start of a system. One that may not
// look at process 1 has half of the mark. Those that tell it by a clock may differ since
// that was set.
func sameBoot(a, b string) bool {
	idA, startA, _ := strings.Cut(a, "/")
	idB, startB, _ := strings.Cut(b, "/")
	byClock := idA == "" && strings.Contains(startA, ":") && strings.Contains(startB, ":")
	return idA == idB && (startA == startB || startA == "" || startB == "" || byClock)
}

// Last returns the last receipt of a step; ok is false if there is none.
func (s State) Last(step string) (last Receipt, ok bool) {
	for _, r := range s.Receipts {
		if r.Step == step && (!ok || r.Epoch > last.Epoch || r.Epoch == last.Epoch && r.Seq > last.Seq) {
			last, ok = r, true
		}
	}
	return last, ok
}

var (
	//go:embed note.sh
	note string
	//go:embed guard.sh
	guard string
)

// Slots are the receipts that a fence has room for from the beginning. A command
// may be given another: then the disk has to have room for it.
var Slots = []string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"}

// Guard returns the Cmd.Guard of a command of me, which notes itself in that slot.
// No other command of the machine may be in the slot, and seq counts all of them.
func (f Fence) Guard(me Owner, slot string, seq int, step string) string {
	return f.note("_p=$$ _u='?'", me, slot, seq, step) + remote.WithoutComments(guard)
}

// note is the script that leaves the receipt of a process.
func (f Fence) note(process string, me Owner, slot string, seq int, step string) string {
	words := fmt.Sprintf("%d %d %s", me.Epoch, seq, word(step))
	return process + " _d=" + remote.Quote(f.path()) + " _o=" + owned(me) + " _r=" + slot + " _k=" + remote.Quote(words) + "\n" +
		remote.WithoutComments(stamp) + remote.WithoutComments(note)
}

// owned is the name of an owner's file.
func owned(o Owner) string { return fmt.Sprintf("own.%s.%d", o.Token, o.Epoch) }

// WasRefused tells whether a command of me, which had a Guard, did not begin.
func WasRefused(res remote.Result, me Owner) bool {
	return res.Code == refusedCode && bytes.Contains(res.Stderr, []byte("farmrun: not run: ")) &&
		bytes.Contains(res.Stderr, []byte("("+owned(me)+")"))
}

const refusedCode = 125

// parse reads the script's output.
func parse(out []byte) (s State, left []sweep.Process, err error) {
	done := false
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		key, rest, _ := strings.Cut(lines.Text(), " ")
		f := strings.Fields(rest)
		switch key {
		case "fence":
			s.names = append(s.names, plain(rest))
		case "boot":
			s.Boot = rest
		case "login":
			s.Login = rest
		case "name":
			s.Name = rest
		case "machine":
			s.ID = rest
		case "own":
			s.Owner = parseOwner(f)
		case "receipt":
			if r, ok := parseReceipt(f); ok {
				s.Receipts = append(s.Receipts, r)
			}
		case "left":
			some, _ := sweep.Parse(strings.NewReader(rest))
			left = append(left, some...)
		case "done":
			done = true
		}
	}
	if !done {
		return State{}, nil, errors.New("the host does not say how its fence is")
	}
	return s, left, nil
}

// parseOwner reads the name of an owner's file and its line.
func parseOwner(f []string) *Owner {
	o := &Owner{}
	if len(f) > 0 {
		name := strings.Split(f[0], ".")
		if len(name) == 3 {
			o.Token = name[1]
			o.Epoch, _ = strconv.Atoi(name[2])
		}
	}
	if len(f) >= 4 {
		o.Run, o.Who = oneLine(f[1]), oneLine(f[2])
		o.Since, _ = time.Parse(time.RFC3339, f[3])
	}
	return o
}

// parseReceipt reads the words of a receipt; ok is false for an empty one, and for
// one that was not written to its end.
func parseReceipt(f []string) (r Receipt, ok bool) {
	if len(f) < 9 {
		return r, false
	}
	var errs [3]error
	r.Slot, r.Step, r.Boot, r.Start = f[0], plain(f[3]), f[4], f[6]
	r.Epoch, errs[0] = strconv.Atoi(f[1])
	r.Seq, errs[1] = strconv.Atoi(f[2])
	r.PID, errs[2] = strconv.Atoi(f[5])
	r.Begun, _ = time.Parse(stampLayout, f[7])
	if len(f) == 11 && f[10] == "." {
		r.Status = f[9]
		if r.Ended, _ = time.Parse(stampLayout, f[8]); r.Ended.IsZero() {
			r.Ended = r.Begun.Add(1) // the host has no date(1), but it has ended
		}
	}
	return r, errors.Join(errs[:]...) == nil
}

const stampLayout = "20060102T150405Z"

// plain undoes word.
func plain(w string) string {
	if text, err := url.PathUnescape(w); err == nil && w != "-" {
		return text
	}
	return strings.TrimPrefix(w, "-")
}

// oneLine is plain for a name that people are shown; farmrun gives none a line end.
func oneLine(w string) string {
	if text := plain(w); strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	return w
}

func slotsOf(receipts []Receipt) []string {
	names := make([]string, len(receipts))
	for i, r := range receipts {
		names[i] = r.Slot
	}
	return names
}
