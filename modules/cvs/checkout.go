package cvs

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"farmrun/luahost/remote"
)

// RecordFile is where, within a release, stands what it is: lines of "module",
// "tag", "date", "root", "time" and "files", each followed by ": " and its
// value. It is written last and before the release gets its name, so a
// directory that has it is complete. It lies where cvs does not look for files.
// Package release reads it, too.
const RecordFile = "CVS/farmrun-release"

// Release is a working copy that Checkout has made.
type Release struct {
	Dir    string // where it lies on the host
	Module string
	Tag    string // "" if none was asked for
	Date   string // "" if none was asked for
	Root   string
	Time   time.Time // when it was complete, by the host's clock; zero if it is not known to be
	Files  int
	// Removed are the left-overs of earlier pulls that were cleared away.
	Removed []string
}

// Complete tells whether the release is known to be complete: whether it was
// made by Checkout.
func (r Release) Complete() bool { return !r.Time.IsZero() }

// CheckoutOptions of Checkout. Dir and Module must be set.
type CheckoutOptions struct {
	Dir    string // the directory that the release gets as its name; its parent must exist
	Module string
	Tag    string // a tag or branch; "" is what is newest
	Date   string // as of this date, in any form cvs reads
}

// ExistsError is a checkout to a name that is taken. It wraps ErrExists.
type ExistsError struct {
	// Release is what stands there; unless it is Complete, nothing but its Dir
	// is known.
	Release Release
}

func (e *ExistsError) Error() string {
	what := "and is no release that farmrun has pulled"
	if r := e.Release; r.Complete() {
		what = fmt.Sprintf("and is complete: %s %s%s", r.Module, r.Tag, r.Date)
	}
	return fmt.Sprintf("%s: %v %s", e.Release.Dir, ErrExists, what)
}

// Unwrap returns ErrExists.
func (e *ExistsError) Unwrap() error { return ErrExists }

// Kind is "refused".
func (e *ExistsError) Kind() string { return "refused" }

// Hint says what to do next.
func (e *ExistsError) Hint() string {
	if e.Release.Complete() {
		return "there is nothing to pull"
	}
	return "it may be half of an earlier pull: look at it, and remove it if nothing uses it"
}

//go:embed checkout.sh
var checkoutBody string

var checkoutScript = "# pull a release into a directory that gets its name when it is complete\n" +
	passwordScript + namesScript + checkoutBody

// The exit statuses by which the script tells its reasons.
var verdicts = map[int]error{
	101: ErrExists,
	102: ErrNoDirectory,
	103: ErrIncomplete,
	104: ErrNothing,
	105: ErrBusy,
}

// Checkout pulls a module into a directory that has its name only when it is
// complete: cvs writes into a hidden one beside it, which is looked through and
// then renamed. If it fails, nothing is left; what an earlier pull of the same
// name left that died is cleared away, and one that is at work is ErrBusy. A
// name that is taken is an *ExistsError. A tag or date to which no file answers
// is ErrNothing or ErrNoTag. A dry run looks whether the name is free.
func (c *Client) Checkout(ctx context.Context, o CheckoutOptions) (Release, error) {
	do := "cvs checkout of " + o.Module + " to " + o.Dir
	if err := o.check(c.Root); err != nil {
		return Release{}, fmt.Errorf("%s: %w", do, err)
	}
	pull := func(act string) (remote.Result, error) {
		return c.Passwords.try(ctx, c.Host, c.Root, func(pass io.Reader) (remote.Result, error) {
			return c.finish(ctx, o.cmd(do, act, c.Root, pass), false)
		})
	}
	res, err := pull("pull")
	if res.Dry {
		res, err = pull("look")
	}
	rel := parseRelease(strings.TrimRight(o.Dir, "/"), string(res.Stdout))
	return rel, verdict(err, res, rel)
}

func (o CheckoutOptions) check(root string) error {
	switch path.Base(o.Dir) {
	case ".", "..", "/":
		return fmt.Errorf("%q cannot be the name of a release", o.Dir)
	}
	_, err := when(o.Tag, o.Date)
	return cmp.Or(err, remote.CheckPath(o.Dir), checkWord("name", path.Base(o.Dir)),
		checkWord("module", o.Module), checkRoot(root), checkWord("CVSROOT", root))
}

// cmd returns the command that runs the script.
func (o CheckoutOptions) cmd(do, act, root string, pass io.Reader) remote.Cmd {
	dir, base := path.Split(strings.TrimRight(o.Dir, "/"))
	return remote.Cmd{
		Title: do,
		Args: []string{"sh", "-c", checkoutScript, "sh", yes(pass != nil), root, act,
			remote.Here(dir), base, o.Module, o.Tag, o.Date, RecordFile, rand.Text()},
		Env:   map[string]string{"LC_ALL": "C"},
		Stdin: pass,
		Query: act == "look",
		Quiet: true,
	}
}

// verdict replaces err where the script said by its exit status what is wrong.
func verdict(err error, res remote.Result, rel Release) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch reason := verdicts[res.Code]; reason {
	case nil:
		return err
	case ErrExists:
		return &ExistsError{Release: rel}
	default:
		return &Error{Do: e.Do, Reason: reason, Said: remote.LastLines(res.Stderr, 3), Err: e.Err}
	}
}

// parseRelease reads what RecordFile holds, and what the script adds to it.
func parseRelease(dir, text string) Release {
	r := Release{Dir: dir}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "module":
			r.Module = value
		case "tag":
			r.Tag = value
		case "date":
			r.Date = value
		case "root":
			r.Root = value
		case "time":
			r.Time, _ = time.Parse(time.RFC3339, value)
		case "files":
			r.Files, _ = strconv.Atoi(value)
		case "removed":
			r.Removed = append(r.Removed, value)
		}
	}
	return r
}
