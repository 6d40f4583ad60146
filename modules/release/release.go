// Package release keeps the releases of a site on a host: directories beside
// each other, each of which takes its name only when it is complete and knows
// what it is, what is in it, and which local patches it carries. What fills
// one (cvs, git, rsync, a copy) is its caller's affair.
//
//	new, err := release.Begin(ctx, host, "releases/2000-09-19", release.BuildOptions{})
//	if err != nil {
//		return err
//	}
//	defer new.Close()
//	… fill new.Dir …
//	rel, err := new.Seal(ctx, map[string]string{"tag": "Snapshot-2000-09-19"})
//
// A release keeps its record in a folder that the tool which filled it passes
// over: CVS, .git, or else .farmrun. There are three parts to it:
//
//	farmrun-release   what it is: lines of a name, ": " and a value
//	farmrun-files     its files: permissions, owner, cksum(1) and name of each
//	farmrun-patches/  the local patches that it carries
//
// The record is written last, and before the directory gets its name, so what
// has one is complete. cvs.Checkout writes the first part too.
//
// It needs of a host a POSIX shell and the POSIX tools; "cp -al", which shares
// files between releases, is GNU's and busybox's, and a copy does where it is
// missing.
package release

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"farmrun/luahost/remote"
)

// Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Why something is not done to a release, or not known of it.
const (
	ErrExists     = remote.Refusal("the name is taken")
	ErrNone       = remote.Refusal("there is no such directory")
	ErrIncomplete = remote.Refusal("the release is not complete")
	ErrUnlisted   = remote.Refusal("the release has no list of its files")
	ErrNoPatch    = remote.Refusal("the release carries no such patch")
	ErrInUse      = remote.Refusal("it is in use")
	ErrForeign    = remote.Refusal("somebody else has a directory in it")
)

// Error is what was not done with a release. It wraps one of the sentinels, or
// the *remote.ExitError of a command that failed.
type Error struct {
	Do   string // "look at the release releases/2000-09-19"
	Said string // what the host said, or ""
	Err  error
}

func (e *Error) Error() string {
	text := e.Do + ": " + strings.TrimPrefix(e.Err.Error(), e.Do+": ") // an ExitError has it, too
	if e.Said != "" {
		text += ": " + e.Said
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do next, or "".
func (e *Error) Hint() string {
	switch e.Err {
	case ErrExists:
		return "give it another name, or remove it if nothing uses it"
	case ErrNone:
		return "pull it first: farmrun cutover --pull does that as well"
	case ErrIncomplete:
		return "pull it again, once it is out of the way"
	case ErrUnlisted:
		return "pull it again to have what changes in it found"
	}
	return ""
}

// Release is what the record of a directory says.
type Release struct {
	Dir   string
	Name  string    // the last part of Dir
	Time  time.Time // when it was complete, by the host's clock; zero if it is not known to be
	Files int
	Bad   string // why it is not to be put on the air; "" if nothing was said against it
	// Content tells apart what releases have from their source, whoever owns it, and
	// without local patches: two that have the same files have the same there, on
	// whatever host. "" if that is not known.
	Content string
	// Notes are what its builder wrote down: its tag, where it came from.
	Notes map[string]string
}

// Complete tells whether the release is known to be complete.
func (r Release) Complete() bool { return !r.Time.IsZero() }

// parse reads the first part of a record.
func parse(dir, text string) Release {
	r := Release{Dir: dir, Name: path.Base(dir), Notes: map[string]string{}}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "time":
			r.Time, _ = time.Parse(time.RFC3339, value)
		case "files":
			r.Files, _ = strconv.Atoi(value)
		case "bad":
			r.Bad = value
		case "content":
			r.Content = value
		default:
			r.Notes[name] = value
		}
	}
	return r
}

// Inspect returns what dir is. It fails with ErrNone if it is not there, and
// with ErrIncomplete if it has no record and so may be half a release.
func Inspect(ctx context.Context, r Runner, dir string) (Release, error) {
	do := "look at the release " + dir
	out, err := look(ctx, r, do, dir, `cd "$1" || exit 102; record=$(admin .)/farmrun-release
		[ ! -f "$record" ] || { cat "$record" && content .; }`)
	if err != nil {
		return Release{Dir: dir}, err
	}
	rel := parse(dir, out)
	if !rel.Complete() {
		return rel, &Error{Do: do, Err: ErrIncomplete, Said: "it has no record"}
	}
	return rel, nil
}

// List returns the directories within dir, by name, and what they are; one that
// is not Complete was not built here, or not to its end. Links are left out.
// What is left of builds that died and of removals, and what is at work, is among
// them, with names that begin with a dot. A line end in a name is a "?". Their Content is
// left out unless it is wanted, for it takes reading their lists.
func List(ctx context.Context, r Runner, dir string, content bool) ([]Release, error) {
	want := ""
	if content {
		want = "content"
	}
	out, err := look(ctx, r, "look for releases in "+dir, dir, `cd "$1" || exit 102
		for dir in * `+unnamed+`; do
			[ -d "$dir" ] && [ ! -L "$dir" ] || continue
			printf '/%s\n' "$(printf %s "$dir" | tr '\n' '?')"
			record=$(admin "$dir")/farmrun-release
			[ ! -f "$record" ] || {
				cat "$record"
				[ -z "$2" ] || content "$dir"
			} | sed 's/^/ /'
		done`, want)
	if err != nil {
		return nil, err
	}
	var all []Release
	for _, part := range strings.Split("\n"+out, "\n/")[1:] { // which begins no line of a record
		name, record, _ := strings.Cut(part, "\n")
		all = append(all, parse(path.Join(dir, name), strings.ReplaceAll("\n"+record, "\n ", "\n")[1:]))
	}
	return all, nil
}

// Complete returns those of the releases that were built to their end, the
// newest first: by the dates that are their names, for they may have been built in
// any order, and by the day of their building where the name is no date.
func Complete(all []Release) []Release {
	list := slices.DeleteFunc(slices.Clone(all), func(r Release) bool {
		return !r.Complete() || strings.HasPrefix(r.Name, ".")
	})
	slices.SortFunc(list, func(a, b Release) int {
		aDay, aNumber := a.day()
		bDay, bNumber := b.day()
		return cmp.Or(cmp.Compare(bDay, aDay), cmp.Compare(bNumber, aNumber), b.Time.Compare(a.Time), cmp.Compare(b.Dir, a.Dir))
	})
	return list
}

// day returns the day of a release, and which of that day's it is, from 1.
func (r Release) day() (day string, number int) {
	day, rest, several := strings.Cut(r.Name, ".")
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return r.Time.Format(time.DateOnly), 1
	}
	number = 1
	if several {
		number, _ = strconv.Atoi(rest)
	}
	return day, number
}

// LeftOver is how the names of releases begin that have no name yet.
const LeftOver = ".farmrun-new."

// Condemn marks the release as one that is not to be put on the air again, and
// says why; with why "" it takes the mark away.
func Condemn(ctx context.Context, r Runner, dir, why string) error {
	if strings.ContainsAny(why, "\n\r\x00") {
		return fmt.Errorf("mark %s: %q is more than a line", dir, why)
	}
	const script = `cd "$1" || exit 102
		record=$(admin .)/farmrun-release
		[ -f "$record" ] || exit 103
		sed '/^bad: /d' "$record" >"$record.new" || exit
		[ -z "$2" ] || printf 'bad: %s\n' "$2" >>"$record.new" || exit
		mv -f "$record.new" "$record"`
	_, err := run(ctx, r, remote.Cmd{Title: "mark the release " + dir + " as bad"}, script, dir, why)
	return err
}

// halfRemoved is how record.sh begins the names of releases that are being removed.
const halfRemoved = ".farmrun-gone."

// unnamed matches what has no name, the left-overs of cvs.Checkout included.
const unnamed = LeftOver + "* .farmrun-pull.* " + halfRemoved + "*"

// Remove removes a directory of releases. It loses its name first, so that
// nobody finds half of it. One to which, or into which, any of the links leads
// stays (ErrInUse), by whatever way that is; and so does one that could not be
// removed as a whole, since somebody else has filled a directory in it
// (ErrForeign).
func Remove(ctx context.Context, r Runner, dir string, links []string) error {
	const script = `[ -d "$1" ] && [ ! -L "$1" ] || exit 102
		retire "$@" && discard "$gone"`
	heres, err := here(links)
	if err != nil {
		return fmt.Errorf("remove the release %s: %w", dir, err)
	}
	_, err = run(ctx, r, remote.Cmd{Title: "remove the release " + dir}, script,
		append([]string{strings.TrimRight(dir, "/")}, heres...)...)
	return err
}

// here returns links as a script can take them.
func here(links []string) ([]string, error) {
	var heres []string
	for _, link := range links {
		if err := remote.CheckPath(link); err != nil {
			return nil, err
		}
		heres = append(heres, remote.Here(link))
	}
	return heres, nil
}

//go:embed record.sh
var recordScript string

// The exit statuses by which scripts tell their reasons.
var verdicts = map[int]error{101: ErrExists, 102: ErrNone, 103: ErrIncomplete, 104: ErrUnlisted, 105: ErrNoPatch, 106: ErrInUse, 107: ErrForeign}

// look runs a script that only looks at dir.
func look(ctx context.Context, r Runner, do, dir, script string, args ...string) (string, error) {
	res, err := run(ctx, r, remote.Cmd{Title: do, Query: true, Keep: mostSaid}, script, append([]string{dir}, args...)...)
	if err == nil {
		err = remote.CheckAnswer(res.Stdout, mostSaid)
	}
	if err != nil {
		return "", err
	}
	return string(res.Stdout), nil
}

// mostSaid is how long the answer of a host about a release may be: a list of
// files that have changed can be as long as that of all of them.
const mostSaid = 8 << 20

// run runs a script that comes after record.sh. Its first argument is a
// directory, or begins the name of one.
func run(ctx context.Context, r Runner, cmd remote.Cmd, script string, args ...string) (remote.Result, error) {
	if err := remote.CheckPath(args[0]); err != nil {
		return remote.Result{}, fmt.Errorf("%s: %w", cmd.Title, err)
	}
	args[0] = remote.Here(args[0])
	cmd.Args = append([]string{"sh", "-c", "# " + cmd.Title + "\n" + recordScript + script, "sh"}, args...)
	cmd.Env = map[string]string{"LC_ALL": "C"}
	cmd.Quiet = true
	res, err := r.Run(ctx, cmd)
	if err != nil {
		return res, err
	}
	if err := res.Err(cmd); err != nil {
		return res, failure(cmd.Title, err, res)
	}
	return res, nil
}

// failure words what a script's exit status stands for.
func failure(do string, err error, res remote.Result) error {
	said := remote.LastLines(res.Stderr, 3)
	if reason := verdicts[res.Code]; reason != nil {
		if reason == ErrNone {
			said = "" // cd has said so, in its own way
		}
		return &Error{Do: do, Err: reason, Said: said}
	}
	return &Error{Do: do, Err: err, Said: said}
}
