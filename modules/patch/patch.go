// Package patch applies patches to files on a host and takes them out again, by
// the host's patch(1). A patch is applied whole or not at all, one that is in
// already is left alone, and of one that fits no longer the hunks that do not are
// in the error. patch(1) works on copies of the files: a look does the same as what
// is applied, but that the files then take the place of the others. A patch fits
// where its lines are, though they may have moved, and if taking it out again gives
// the files as they were; patch(1) by itself makes do with less. Files are replaced
// and not written into, so one that another release shares by a hard link stays as
// it is there. A script that is killed while it places them leaves a directory
// .farmrun-patch.PID.* with all that it takes to put them back: the next Apply or Revert
// there does so first, and a Look goes by how they were.
package patch

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"farmrun/luahost/lazyregexp"
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

// ErrPlace is what an *Error wraps when files cannot be put into their places.
const ErrPlace = remote.Refusal("the files cannot be changed")

// ErrWork is what an *Error wraps when patch(1) fails, as on a full disk or by a
// patch that is cut off.
const ErrWork = remote.Refusal("patch(1) failed")

// Error is a patch that was not applied, or not taken out. It wraps one of the
// errors above.
type Error struct {
	Name  string // Options.Name
	Dir   string
	Err   error
	Said  string // the reason in the host's words, or ""
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
		hunk := fmt.Sprintf("hunk %d of %s", h.Number, shown(h.File))
		if h.Why != "" {
			hunk += " (" + h.Why + ")"
		}
		where = append(where, hunk)
	}
	switch {
	case len(where) > 0:
		text += ": " + strings.Join(where, ", ")
	case e.Said != "":
		text += ": " + e.Said
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Output is the hunks that do not fit.
func (e *Error) Output() string {
	var b strings.Builder
	for _, h := range e.Hunks {
		fmt.Fprintf(&b, "%s:\n%s", shown(h.File), h.Text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Hint says what to do next.
func (e *Error) Hint() string {
	switch {
	case errors.Is(e.Err, ErrNoFit) && slices.ContainsFunc(e.Hunks, func(h Hunk) bool { return h.Why != "" }):
		return "make the patch with the line ends that the files have"
	case errors.Is(e.Err, ErrNoFit) && len(e.Hunks) > 0:
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

// Options of a patch. The zero value takes the names in it as they are, but for
// git's a/ and b/, from the directory where the login starts.
type Options struct {
	Dir string // where the names in the patch begin
	// Strip is how many leading directories to take off the names, as patch -p has
	// it; 0 takes off git's a/ and b/ where all names have them.
	Strip int
	Name  string // what to call the patch in errors; "" is nothing
	// Out has Look look whether the patch can be taken out.
	Out bool
	// After has Look look as if these patches, one after the other, had been
	// applied.
	After []string
}

//go:embed patch.sh
var script string

// Why the script fails, by its exit status.
var reasons = map[int]error{
	101: ErrNoFit,
	102: ErrNoPatch,
	103: ErrNoTool,
	104: ErrPlace,
	105: ErrWork,
	107: ErrNoFit,
}

// Look tells whether a patch fits or is in already, and which files it changes. It
// fails where Apply would, or with Out where Revert would.
func Look(ctx context.Context, r Runner, text string, o Options) (State, []string, error) {
	state, files, _, err := Sums(ctx, r, text, o)
	return state, files, err
}

// Sums is Look, and returns besides the checksums, as cksum(1) has them, that the files
// would have if it were the other way round: with a patch that fits, and without one
// that is in already. "-" is for one that would not be there.
func Sums(ctx context.Context, r Runner, text string, o Options) (State, []string, []string, error) {
	way := "apply"
	if o.Out {
		way = "revert"
	}
	return run(ctx, r, way, false, text, o)
}

// Apply applies a patch, and tells whether it was not in already, and which files
// it changes. Nothing is changed if it fails. A dry run looks whether it would fit.
func Apply(ctx context.Context, r Runner, text string, o Options) (changed bool, files []string, err error) {
	state, files, _, err := run(ctx, r, "apply", true, text, o)
	return state == Fits, files, err
}

// Revert takes a patch out again, and tells whether it was in, and which files it
// changes. Nothing is changed if it fails. A dry run looks whether it would.
func Revert(ctx context.Context, r Runner, text string, o Options) (changed bool, files []string, err error) {
	state, files, _, err := run(ctx, r, "revert", true, text, o)
	return state == Applied, files, err
}

// run goes the way with a patch, and places the files or only tries. It returns how
// the patch stood before, the files that it changes and, of a try, their checksums.
func run(ctx context.Context, r Runner, way string, place bool, text string, o Options) (state State, changed, sums []string, err error) {
	sections, _ := read(text, o.Strip)
	if len(sections) == 0 {
		return "", nil, nil, &Error{Name: o.Name, Err: ErrNoPatch}
	}
	cmd, files := command(way, place, text, o)
	if len(files) == 0 {
		return "", nil, nil, fmt.Errorf("the patch is of %s, which is not in its directory", shown(sections[0].names()[0]))
	}
	if err := remote.CheckPath(cmd.Dir); err != nil {
		return "", nil, nil, err
	}
	res, err := r.Run(ctx, cmd)
	if err != nil {
		return "", nil, nil, err
	}
	if res.Dry {
		return run(ctx, r, way, false, text, o)
	}
	if err := res.Err(cmd); err != nil {
		return "", nil, nil, failure(err, res, sections, o)
	}
	return answer(string(res.Stdout), files)
}

// command returns the command that run runs, and the files that it is given.
func command(way string, place bool, text string, o Options) (remote.Cmd, []string) {
	sections, strip := read(text, o.Strip)
	do, act, out, after := "look at", "try", "-R", ""
	if place {
		do, act = way, "place"
	}
	if slices.ContainsFunc(sections, (*section).unsaid) {
		out = "-RE" // patch -R would leave an empty file where there was none
	}
	all := slices.Clone(sections)
	for _, text := range o.After {
		before, strip := read(text, o.Strip)
		all = append(all, before...)
		after += fmt.Sprintf("-p%d %d ", strip, len(text))
	}
	files := candidates(all)
	words := []string{"sh", "-c", "# " + do + " a patch\n" + script, "sh", way, act, "-p" + strconv.Itoa(strip), out, string(more(sections)), after}
	return remote.Cmd{
		Title: do + " a patch of " + shown(Files(text, o.Strip)...) + in(o.Dir),
		Args:  append(words, files...),
		Dir:   cmp.Or(o.Dir, "."),
		Env:   map[string]string{"LC_ALL": "C", "QUOTING_STYLE": "c"},
		Stdin: strings.NewReader(strings.Join(o.After, "") + text),
		Query: !place,
		Quiet: true,
	}, files
}

// answer reads what the script prints at its end: the state, and the numbers of
// the files that are changed; and on a line of their own the checksums of these.
func answer(out string, files []string) (state State, changed, sums []string, err error) {
	stands, rest, _ := strings.Cut(out, "\n")
	words := strings.Fields(stands)
	if len(words) == 0 || words[0] != string(Fits) && words[0] != string(Applied) {
		return "", nil, nil, fmt.Errorf("the host answers %q to how the patch stands", out)
	}
	for _, word := range words[1:] {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > len(files) {
			return "", nil, nil, fmt.Errorf("the host answers %q to how the patch stands", out)
		}
		changed = append(changed, files[n-1])
	}
	if sums = strings.Fields(rest); len(sums) > 0 && len(sums) != len(changed) {
		return "", nil, nil, fmt.Errorf("the host answers %q to how the patch stands", out)
	}
	return State(words[0]), changed, sums, nil
}

// more returns the state in which files have more of a patch's lines, "" if they have
// as many in both.
func more(sections []*section) State {
	added := 0
	for _, s := range sections {
		for _, h := range s.hunks {
			for line := range strings.Lines(h.Text) {
				switch heading := h.Text[0] == '*' && line[min(1, len(line)-1)] != ' '; {
				case !heading && (line[0] == '+' || line[0] == '>'):
					added++
				case !heading && (line[0] == '-' || line[0] == '<'):
					added--
				}
			}
		}
	}
	switch {
	case added > 0:
		return Applied
	case added < 0:
		return Fits
	}
	return ""
}

func in(dir string) string {
	if dir == "" {
		return ""
	}
	return " in " + dir
}

// shown returns names for people, in quotation marks where they would be taken for
// something else.
func shown(names ...string) string {
	var all []string
	for _, name := range names {
		if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }) {
			name = strconv.Quote(name)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// hidden matches the names of the directories in which the script works.
var hidden = lazyregexp.New(`[^\s'"]*\.farmrun-patch\.[\w.]+(?:/(?:was|put|next|bare|again|new|old|twice)(?:\.back)?)?/?`)

// failure words why a patch was not applied.
func failure(err error, res remote.Result, sections []*section, o Options) error {
	said := hidden().ReplaceAllString(string(res.Stdout)+string(res.Stderr), "")
	e := &Error{Name: o.Name, Err: reasons[res.Code], Said: remote.LastLines([]byte(said), 3)}
	switch res.Code {
	case 101:
		e.Dir, e.Hunks, e.Said = o.Dir, rejected(sections, said), reason(said)
	case 105:
		e.Said = reason(said)
	case 102:
		e.Said = ""
	case 103:
		e.Said, _, _ = strings.Cut(said, "\n") // its usage follows
	}
	if e.Err == nil {
		e.Err = err
	}
	return e
}

// noise matches what patch(1) says of any patch.
var noise = lazyregexp.New(`^(?:[|(-]|patching |\d+ out of |Hunk #\d+ succeeded|Perhaps you used|The text leading up|can't find file)|Applying it anyway|which already exists!$|^The next patch`)

// reason returns what patch(1) said of a patch that does not fit.
func reason(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !noise().MatchString(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[:min(3, len(lines))], "; ")
}
