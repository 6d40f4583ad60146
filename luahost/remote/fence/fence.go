// Package fence keeps the mark on a host that says which run owns it, with a receipt
// for each command of that run. Without it a farmrun that was killed is not gone: the
// command that it began runs on beside its successor.
//
// A fence is a directory on a machine, named after the host that is owned. It has
// the owner, a run in one of its epochs, and the receipts. Epochs order the owners of
// a run: the farmrun that resumes it takes the fence with a higher one. From then on
// no command of the former owner begins, and one that still runs is known by its
// receipt:
//
//	state, err := fence.Fence{Runner: login, Name: "web1"}.TakeOver(ctx, me, fence.Waits{})
//	cmd.Guard = f.Guard(me, "r1", 1, "restart") // of each command
//	err = f.Clear(ctx, me)
//
// All of it is done by commands that any login can run, with a POSIX shell.
package fence

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/sweep"
)

// Runner runs commands on the machine that has the fence.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Fence says where a fence is. It is a value and may be shared.
type Fence struct {
	Runner Runner
	// Dir has the fences of several hosts. "" is .farmrun/fence in the login's
	// home, where only that login finds them; another has to be there, and all
	// logins that may take a run over have to be allowed to write in it. One that
	// is relative begins at the home.
	Dir string
	// Name is the host that is owned.
	Name string
}

// Owner is a run in one of its epochs. Token tells runs apart, and Epoch their
// owners; the rest is for people.
type Owner struct {
	Token string // letters and digits
	Epoch int    // from 1
	Run   string // its id
	Who   string // "web@devbox"
	Since time.Time
}

// String returns the run, its owner, and how long that has been so.
func (o Owner) String() string {
	return fmt.Sprintf("run %s of %s, for %s", o.Run, o.Who, time.Since(o.Since).Round(time.Second))
}

// Machine is how a machine knows itself. Its fields are "" where it does not tell.
type Machine struct {
	Boot  string // tells one start of a system, or of a container on it, from others
	Login string // the user that is logged in
	Name  string // its own name for itself
	ID    string // its machine-id(5)
}

// State is how a fence was when it was looked at, and on which machine.
type State struct {
	Machine
	Owner    *Owner // nil is nobody
	Receipts []Receipt

	names []string // of List
}

// HeldError is that another run owns the host.
type HeldError struct{ Owner Owner }

func (e *HeldError) Error() string { return "it is owned by " + e.Owner.String() }

// Kind is luahost's word for it.
func (*HeldError) Kind() string { return "refused" }

// RelievedError is that another has gone on with the run. It wraps nothing.
type RelievedError struct{ By Owner }

func (e *RelievedError) Error() string {
	return fmt.Sprintf("this farmrun does not own it any more: the run was resumed by %s, %s ago",
		e.By.Who, time.Since(e.By.Since).Round(time.Second))
}

// Kind is luahost's word for it.
func (*RelievedError) Kind() string { return "refused" }

// GoneError is that the fence was removed under its owner.
type GoneError struct{ Name string }

func (e *GoneError) Error() string {
	return "its fence is gone: somebody has abandoned the run, or removed " + e.Name
}

// Kind is luahost's word for it.
func (*GoneError) Kind() string { return "refused" }

// RunningError is that a command of the fence's owner runs still, and may not be
// ended.
type RunningError struct {
	Left []sweep.Process // may be empty where only the receipts are known
	Of   []Receipt
}

func (e *RunningError) Error() string {
	if len(e.Left) == 0 {
		return "a command of the run still runs there: " + e.Of[0].String()
	}
	return "a command of the run still runs there and may not be ended: " +
		strings.TrimPrefix(sweep.Left(e.Left), "; still running there: ")
}

// Kind is luahost's word for it.
func (*RunningError) Kind() string { return "refused" }

// Hint returns the advice to the operator.
func (e *RunningError) Hint() string { return "wait until it has ended, or end it on the host" }

//go:embed stamp.sh
var stamp string

//go:embed fence.sh
var script string

// Look returns how the fence is, and changes nothing.
func (f Fence) Look(ctx context.Context) (State, error) {
	s, _, err := f.do(ctx, "look", Owner{Token: "x"})
	return s, err
}

// Take makes the fence that of me, whether there is none or it is of an earlier
// epoch, and returns how it is then. It fails with a *HeldError, or with a
// *RelievedError.
func (f Fence) Take(ctx context.Context, me Owner) (State, error) {
	s, _, err := f.do(ctx, "take", me)
	if err != nil {
		return s, err
	}
	return s, s.mustBe(f, me)
}

// Clear removes the fence if it is that of me, or of an earlier epoch. It fails with
// a *RunningError while a command runs that has noted itself there.
func (f Fence) Clear(ctx context.Context, me Owner) error {
	s, _, err := f.do(ctx, "clear", me)
	if err == nil && s.Owner != nil && s.Owner.Token == me.Token && s.Owner.Epoch <= me.Epoch {
		err = &RunningError{Of: s.Open()}
	}
	return err
}

// List returns the names of all fences on the machine Name that are its own: of its
// turns, NAME, and of those of other hosts, "web1@NAME".
func (f Fence) List(ctx context.Context) (names []string, err error) {
	s, _, err := f.do(ctx, "list", Owner{Token: "x"})
	return slices.DeleteFunc(s.names, func(name string) bool {
		return name != f.Name && !strings.HasSuffix(name, "@"+f.Name)
	}), err
}

// Tidy removes the pieces that are left of a farmrun that was killed while it made or
// removed a fence. No rollout may be about to begin.
func (f Fence) Tidy(ctx context.Context) error {
	_, _, err := f.do(ctx, "tidy", Owner{Token: "x"})
	return err
}

// mustBe fails unless the fence is that of me.
func (s State) mustBe(f Fence, me Owner) error {
	switch o := s.Owner; {
	case o == nil:
		return &GoneError{f.path()}
	case o.Token != me.Token:
		return &HeldError{*o}
	case o.Epoch != me.Epoch:
		return &RelievedError{*o}
	}
	return nil
}

// Waits are the times of TakeOver. The zero value has the defaults.
type Waits struct {
	// Patience is how long a command has to end by itself that may not be ended.
	// 0 is 20 s.
	Patience time.Duration
	// Interval is how often it is looked whether it has. 0 is 1 s.
	Interval time.Duration
}

// TakeOver takes the fence as Take does, and then ends the commands whose receipt
// has no end, with all that belongs to them, and nothing else: a daemon
// that a finished command has started is there to stay. Where a part of a command may not be
// ended it is left alone altogether and waited for, and is a *RunningError when it
// does not end.
func (f Fence) TakeOver(ctx context.Context, me Owner, w Waits) (State, error) {
	return f.settle(ctx, me, w, State.Open)
}

// Settle ends the commands in these slots, as TakeOver does with all. It is for an
// owner who does not know how they ended, since the line was cut, say.
func (f Fence) Settle(ctx context.Context, me Owner, inSlots []string, w Waits) error {
	_, err := f.settle(ctx, me, w, func(s State) []Receipt {
		return slices.DeleteFunc(s.Open(), func(r Receipt) bool { return !slices.Contains(inSlots, r.Slot) })
	})
	return err
}

// settle takes the fence and ends those commands.
func (f Fence) settle(ctx context.Context, me Owner, w Waits, those func(State) []Receipt) (State, error) {
	s, err := f.Take(ctx, me)
	until := time.Now().Add(cmp.Or(w.Patience, 20*time.Second))
	for open := those(s); err == nil && len(open) > 0; {
		var left []sweep.Process
		if s, left, err = f.do(ctx, "end", me, slotsOf(open)...); err != nil {
			return s, err
		}
		if open = those(s); len(open) > 0 && time.Now().After(until) {
			return s, &RunningError{Left: left, Of: open}
		}
		if len(open) > 0 {
			err = pause(ctx, cmp.Or(w.Interval, time.Second))
		}
	}
	return s, err
}

// Check fails unless the fence is that of me still, and says whose it is: with a
// *GoneError, a *HeldError or a *RelievedError.
func (f Fence) Check(ctx context.Context, me Owner) error {
	s, err := f.Look(ctx)
	if err == nil {
		err = s.mustBe(f, me)
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f Fence) base() string { return cmp.Or(f.Dir, ".farmrun/fence") }

// path is the directory of the fence. A host's name is one name of it, whatever
// letters it has.
func (f Fence) path() string {
	name := url.PathEscape(f.Name)
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	return f.base() + "/" + name
}

// do runs the script on the host.
func (f Fence) do(ctx context.Context, do string, me Owner, slots ...string) (State, []sweep.Process, error) {
	if !isToken(me.Token) || me.Epoch < 0 {
		return State{}, nil, fmt.Errorf("fence: %q is no token, or %d no epoch", me.Token, me.Epoch)
	}
	shared := ""
	if f.Dir != "" {
		shared = "shared"
	}
	text := "_d=" + remote.Quote(f.path()) + "\n" + remote.WithoutComments(stamp) + sweep.Function("sweep") + remote.WithoutComments(script)
	args := []string{"sh", "-c", text, "sh", do, me.Token, strconv.Itoa(me.Epoch), me.line(), shared}
	cmd := remote.Cmd{
		Title: do + " the fence of " + f.Name, Args: append(args, slots...), Query: do == "look" || do == "list", Quiet: true,
	}
	res, err := remote.Succeed(ctx, f.Runner, cmd)
	if err != nil {
		if said := remote.LastLines(res.Stderr, 3); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return State{}, nil, err
	}
	return parse(res.Stdout)
}

// isToken tells whether s is of letters and digits.
func isToken(s string) bool {
	other := func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') }
	return s != "" && strings.IndexFunc(s, other) < 0
}

// line is the content of the owner's file. It fits into 511 bytes.
func (o Owner) line() string {
	return word(o.Run) + " " + word(o.Who) + " " + o.Since.UTC().Format(time.RFC3339)
}

// mostWord bounds a word, so that lines stay within the size of their file.
const mostWord = 150

// word returns text as one word of letters that no shell and no locale takes amiss.
func word(text string) string {
	w := url.PathEscape(text)
	if len(w) > mostWord {
		w = w[:mostWord]
		if i := strings.LastIndexByte(w, '%'); i > mostWord-3 {
			w = w[:i]
		}
	}
	return cmp.Or(w, "-")
}
