// Package lockfile keeps a lock on a host, by nothing but commands that any
// login can run there. The lock is a file with its holder in it, in words that
// a person can read: a JSON object on one line.
//
//	_, err := lockfile.Lock{Runner: host, Path: "farmrun.lock"}.Take(ctx, me)
//	var held *lockfile.HeldError // somebody else has it, and who
//
// The file comes into being complete and under its name, or not at all, by
// link(2), which also NFS does for one of several at once.
package lockfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"farmrun/luahost/remote"
)

// Runner runs commands on the host that has the lock.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Lock is a lock on a host.
type Lock struct {
	Runner Runner
	// Path is the file, in a directory that is there, which whoever shall take
	// the lock may write. One that is relative begins at the login's home.
	Path string
}

// Holder is who has a lock. Token tells one from another; the rest is for
// people.
type Holder struct {
	Token   string    `json:"token"`
	Run     string    `json:"run"` // the run's id, as farmrun resume takes it
	User    string    `json:"user"`
	Machine string    `json:"machine"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Why     string    `json:"why"` // what was typed: "farmrun cutover 2000-09-19"
	// Text is what the file says, if this package has not written it. Token is
	// "" then, as all else is.
	Text string `json:"-"`
}

// String says who it is: "web@devbox since 21:04:05 (run …: farmrun cutover …)".
func (h Holder) String() string {
	if h.Token == "" {
		return fmt.Sprintf("somebody (%q)", h.Text)
	}
	return fmt.Sprintf("%s@%s since %s (run %s, process %d: %s)",
		h.User, h.Machine, h.Since.Local().Format(time.DateTime), h.Run, h.PID, h.Why)
}

// HeldError is that another has the lock.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string { return "the lock is held by " + e.Holder.String() }

// ErrFree is that nobody has the lock.
var ErrFree = errors.New("nobody has the lock")

// script takes the lock ("take"), whose content comes on its input, or takes it
// away ("drop") if that is its content. If there is one then, it prints "held"
// and what it says.
const script = `
do=$1 path=$2 temp=$2.$3
[ ! -d "$path" ] || { echo "$path is a directory" >&2; exit 1; }
case $do in
take)
	trap 'rm -f "$temp"' 0
	cat >"$temp" || exit
	[ -e "$path" ] || ln "$temp" "$path" || [ -e "$path" ] || exit
	;;
drop)
	[ "$(cat "$path" 2>/dev/null)" != "$(cat)" ] || rm "$path" || exit
	;;
esac
[ ! -e "$path" ] || { echo held && cat "$path"; }
`

// Take takes the lock for me, or fails with a *HeldError. That me.Token has it
// already is fine; it returns since when then, and otherwise the zero time.
func (l Lock) Take(ctx context.Context, me Holder) (since time.Time, err error) {
	now, err := l.run(ctx, "take", me)
	if err != nil {
		return since, err
	}
	if now == nil {
		return since, fmt.Errorf("lock %s: it is not there although it was taken", l.Path)
	}
	if now.PID != me.PID || !now.Since.Equal(me.Since) {
		since = now.Since
	}
	return since, now.mustBe(me)
}

// Drop lets go of the lock if holder has it, as Read returned it. It fails with
// ErrFree, or a *HeldError if another has it.
func (l Lock) Drop(ctx context.Context, holder Holder) error {
	was, err := l.Read(ctx)
	switch {
	case err != nil:
		return err
	case was == nil:
		return ErrFree
	}
	if err := was.mustBe(holder); err != nil {
		return err
	}
	now, err := l.run(ctx, "drop", *was)
	if err != nil || now == nil {
		return err
	}
	return &HeldError{*now}
}

// Check fails with ErrFree or a *HeldError unless holder has the lock.
func (l Lock) Check(ctx context.Context, holder Holder) error {
	now, err := l.Read(ctx)
	switch {
	case err != nil:
		return err
	case now == nil:
		return ErrFree
	}
	return now.mustBe(holder)
}

// mustBe fails unless h is holder.
func (h Holder) mustBe(holder Holder) error {
	if h.Token == holder.Token && h.Text == holder.Text {
		return nil
	}
	return &HeldError{h}
}

// Read returns who has the lock; nil is nobody.
func (l Lock) Read(ctx context.Context) (*Holder, error) { return l.run(ctx, "read", Holder{}) }

// run runs the script and returns who has the lock after it.
func (l Lock) run(ctx context.Context, do string, h Holder) (*Holder, error) {
	if err := remote.CheckPath(l.Path); err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path, err)
	}
	cmd := remote.Cmd{
		Title: do + " the lock " + l.Path,
		Args:  []string{"sh", "-c", script, "sh", do, remote.Here(l.Path), h.Token},
		Stdin: strings.NewReader(h.text()),
		Query: do == "read",
		Quiet: true,
	}
	res, err := remote.Succeed(ctx, l.Runner, cmd)
	if err != nil {
		if said := remote.LastLines(res.Stderr, 3); said != "" {
			return nil, fmt.Errorf("%w: %s", err, said)
		}
		return nil, err
	}
	return parse(string(res.Stdout)), nil
}

// text is what the file says of h.
func (h Holder) text() string {
	if h.Token == "" {
		return h.Text + "\n"
	}
	line, _ := json.Marshal(h) // of strings and numbers: it does not fail
	return string(line) + "\n"
}

// parse reads what the script has printed.
func parse(text string) *Holder {
	text, held := strings.CutPrefix(text, "held\n")
	if !held {
		return nil
	}
	var h Holder
	if err := json.Unmarshal([]byte(text), &h); err != nil || h.Token == "" {
		return &Holder{Text: strings.TrimRight(text, "\n")}
	}
	return &h
}
