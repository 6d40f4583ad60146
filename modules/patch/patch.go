// Package patch applies patches to files on a host and takes them out again,
// by the host's patch(1), with a copy of each file kept beside it (patch -b).
// It looks first: a patch is applied whole or not at all, one that is in
// already is left alone, and of one that fits no longer the hunks that do not
// are in the error. A patch fits where its lines are, though they may have
// moved; patch(1) by itself makes do with fewer of them. It replaces files and
// does not write into them, so a file that another release shares by a hard
// link stays as it is there.
package patch

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"farmrun/luahost/remote"
)

// Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// ErrNoFit is what an *Error wraps when a patch does not fit.
const ErrNoFit = remote.Refusal("the patch does not fit")

// ErrNoPatch is what an *Error wraps when there is no patch in the text.
const ErrNoPatch = remote.Refusal("there is no patch in the text")

// ErrNoTool is what an *Error wraps when the host has no patch(1), or one that
// cannot only look, as busybox's.
const ErrNoTool = remote.Refusal("the host has no patch(1) that can be used")

// Error is a patch that was not applied, or not taken out. It wraps ErrNoFit,
// ErrNoPatch, ErrNoTool, or the *remote.ExitError of a patch(1) that failed midway.
type Error struct {
	Name  string // Options.Name
	Dir   string
	Err   error
	Said  string // what patch(1) said
	Hunks []Hunk // those that do not fit
}

func (e *Error) Error() string {
	text := e.Err.Error()
	if e.Name != "" {
		text = e.Name + ": " + text
	} else if e.Dir != "" {
		text += " " + e.Dir
	}
	var where []string
	for _, h := range e.Hunks {
		where = append(where, fmt.Sprintf("hunk %d of %s", h.Number, h.File))
	}
	switch {
	case len(where) > 0:
		text += ": " + strings.Join(where, ", ")
	case e.Said != "":
		text += ": " + remote.LastLines([]byte(e.Said), 3)
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Output is the hunks that do not fit.
func (e *Error) Output() string {
	var b strings.Builder
	for _, h := range e.Hunks {
		fmt.Fprintf(&b, "%s:\n%s", h.File, h.Text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Hint says what to do next.
func (e *Error) Hint() string {
	switch {
	case errors.Is(e.Err, ErrNoFit):
		return "the files are other ones than those it was made for: make it anew"
	case errors.Is(e.Err, ErrNoTool):
		return "install GNU patch there"
	}
	return ""
}

// State is how a patch stands to files.
type State string

// The states of a patch.
const (
	Fits    State = "fits"    // it can be applied
	Applied State = "applied" // it is in already
)

// Options of a patch. The zero value takes the names in it as they are, from
// the directory where the login starts.
type Options struct {
	Dir   string // where the names in the patch begin
	Strip int    // how many leading directories to take off them, as patch -p has it
	Name  string // what to call the patch in errors; "" is nothing
}

//go:embed patch.sh
var script string

// The exit statuses by which the script tells what is the matter.
const (
	statusNoFit   = 101
	statusNoPatch = 102
	statusNoTool  = 103
)

// Look tells whether a patch fits or is in already. It fails with ErrNoFit if
// neither is so.
func Look(ctx context.Context, r Runner, text string, o Options) (State, error) {
	return run(ctx, r, "look", text, o)
}

// Apply applies a patch, and tells whether it was not in already. Nothing is
// changed if it fails, with ErrNoFit or because the disk is full. A dry run looks
// whether it would fit.
func Apply(ctx context.Context, r Runner, text string, o Options) (changed bool, err error) {
	state, err := run(ctx, r, "apply", text, o)
	return state == Fits, err
}

// Revert takes a patch out again, and the copies that Apply has kept, and tells
// whether it was in. Nothing is changed if it fails, as with Apply.
func Revert(ctx context.Context, r Runner, text string, o Options) (changed bool, err error) {
	state, err := run(ctx, r, "revert", text, o)
	return state == Applied, err
}

// run does with the patch what do says, and returns how it stood before.
func run(ctx context.Context, r Runner, do, text string, o Options) (State, error) {
	files := Files(text, o.Strip)
	if len(files) == 0 {
		return "", &Error{Name: o.Name, Err: ErrNoPatch}
	}
	for _, f := range files {
		if err := checkName(f); err != nil {
			return "", err
		}
	}
	dir := o.Dir
	if dir == "" {
		dir = "."
	}
	if err := remote.CheckPath(dir); err != nil {
		return "", err
	}
	cmd := remote.Cmd{
		Title: do + " a patch of " + strings.Join(files, " ") + in(o.Dir),
		Args:  append([]string{"sh", "-c", "# " + do + " a patch\n" + script, "sh", do, "-p" + strconv.Itoa(o.Strip)}, files...),
		Dir:   dir,
		Env:   map[string]string{"LC_ALL": "C"},
		Stdin: strings.NewReader(text),
		Query: do == "look",
		Quiet: true,
	}
	res, err := r.Run(ctx, cmd)
	if err != nil {
		return "", err
	}
	if res.Dry {
		return run(ctx, r, "look", text, o)
	}
	if err := res.Err(cmd); err != nil {
		return "", failure(err, res, text, o)
	}
	return State(strings.TrimSpace(string(res.Stdout))), nil
}

func in(dir string) string {
	if dir == "" {
		return ""
	}
	return " in " + dir
}

// checkName refuses a patch that reaches out of its directory.
func checkName(file string) error {
	if path.IsAbs(file) || path.Clean(file) == ".." || strings.HasPrefix(path.Clean(file), "../") {
		return fmt.Errorf("the patch is of %s, which is not in its directory", file)
	}
	return remote.CheckPath(file)
}

// failure words why a patch was not applied.
func failure(err error, res remote.Result, text string, o Options) error {
	said := string(res.Stdout) + string(res.Stderr)
	switch res.Code {
	case statusNoFit:
		return &Error{Name: o.Name, Dir: o.Dir, Err: ErrNoFit, Said: said, Hunks: rejected(text, said, o.Strip)}
	case statusNoPatch:
		return &Error{Name: o.Name, Err: ErrNoPatch, Said: said}
	case statusNoTool:
		first, _, _ := strings.Cut(said, "\n") // its usage follows
		return &Error{Name: o.Name, Err: ErrNoTool, Said: first}
	}
	return &Error{Name: o.Name, Err: err, Said: said}
}
