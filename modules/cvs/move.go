package cvs

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"farmrun/luahost/remote"
)

// Revisions returns the revision that each file of a module has on a tag or
// branch, by its path from the module's top.
func (c *Client) Revisions(ctx context.Context, module, tag string) (map[string]string, error) {
	changes, err := c.Changes(ctx, ChangesOptions{Module: module, FromDate: "1970-01-02", To: tag})
	if err != nil {
		return nil, err
	}
	revisions := make(map[string]string, len(changes))
	for _, change := range changes {
		revisions[change.Path] = change.To
	}
	if len(revisions) == 0 {
		return nil, &Error{Do: "cvs rdiff of " + module, Reason: ErrNothing}
	}
	return revisions, nil
}

// MoveOptions of Move. All but Look must be set.
type MoveOptions struct {
	Dir       string
	Tag       string
	Revisions map[string]string // those of the tag, as Revisions returns them
	Look      bool              // only returns what would be fetched, and minds nothing that is not under CVS
}

// Move takes a working copy to a tag or branch as a fresh checkout would have
// it, but fetches only the files that are another revision there, are missing
// or have the tag's name in them ($Name$). What is not under CVS must be gone
// from it, and what was changed in it too, to be fetched anew. It returns the
// files that were fetched. The server looks at these files alone, which is what
// makes it quick: update -r looks at all of them.
//
// If it fails the working copy is of no use.
func (c *Client) Move(ctx context.Context, o MoveOptions) (fetched []string, err error) {
	if err := errors.Join(CheckTag(o.Tag), remote.CheckPath(o.Dir)); err != nil {
		return nil, err
	}
	has, err := c.inspect(ctx, o.Dir, true)
	if err != nil {
		return nil, err
	}
	fetched, arguments := has.missing(o.Revisions)
	if o.Look {
		return fetched, nil
	}
	if has.stray != "" {
		return nil, fmt.Errorf("%s in %s is not under CVS", has.stray, o.Dir)
	}
	if err := c.step(ctx, o, "remove", arguments.stale); err != nil {
		return nil, err
	}
	sample := has.sample(o.Revisions)
	for part := range slices.Chunk(append(arguments.update, sample), filesAtOnce) {
		if err := c.fetch(ctx, o, part); err != nil {
			return nil, err
		}
	}
	if err := c.step(ctx, o, "retag", []string{sample}); err != nil {
		return nil, err
	}
	return fetched, c.verify(ctx, o)
}

// filesAtOnce is how many files one update is given by name.
const filesAtOnce = 500

// copyState is what a working copy has.
type copyState struct {
	entries map[string]string // the revisions of files that are there
	gone    map[string]bool   // files that cvs knows and that are not there
	named   map[string]bool   // files with the tag's name in them
	dirs    map[string]bool   // directories that cvs knows
	stray   string            // a file that cvs does not know, or ""
}

//go:embed move.sh
var moveScript string

// mostListed is how much the list of a working copy's files may take.
const mostListed = 256 << 20

func (c *Client) inspect(ctx context.Context, dir string, names bool) (*copyState, error) {
	cmd := remote.Cmd{
		Title: "look at the working copy " + dir, Dir: dir, Query: true, Quiet: true, Keep: mostListed,
		Args: []string{"sh", "-c", "# look at a working copy\n" + moveScript, "sh", "look", yes(names)},
		Env:  map[string]string{"LC_ALL": "C"}, // names are bytes, and so read faster
	}
	res, err := c.Runner.Run(ctx, cmd)
	if err == nil {
		err = res.Err(cmd)
	}
	if err != nil {
		return nil, err
	}
	s := &copyState{entries: map[string]string{}, gone: map[string]bool{}, named: map[string]bool{}, dirs: map[string]bool{}}
	there := map[string]bool{}
	for line := range bytes.Lines(res.Stdout) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch kind {
		case "entry":
			revision, file, _ := strings.Cut(rest, " ")
			s.entries[path.Clean(file)] = revision
		case "file":
			there[path.Clean(rest)] = true
		case "name":
			s.named[path.Clean(rest)] = true
		case "dir":
			s.dirs[path.Clean(rest)] = true
		}
	}
	for file := range s.entries {
		if !there[file] {
			s.gone[file] = true
		}
	}
	for file := range there {
		if s.entries[file] == "" {
			s.stray = file
		}
	}
	return s, nil
}

// moveArguments are what the steps of a Move work on.
type moveArguments struct {
	stale  []string // files that are removed first
	update []string // what update is given
}

// missing returns the files that are to be fetched, and what that takes: a file
// of a new directory comes with that, and one that vanishes goes with what is in
// it.
func (s *copyState) missing(want map[string]string) (fetched []string, a moveArguments) {
	update, dirs := map[string]bool{}, map[string]bool{".": true}
	for file, revision := range want {
		for dir := path.Dir(file); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
		if s.entries[file] == revision && !s.gone[file] && !s.named[file] {
			continue
		}
		fetched = append(fetched, file)
		update[s.nearest(file)] = true
	}
	for file := range s.entries {
		if want[file] == "" {
			a.stale = append(a.stale, file)
			update[vanishing(file, dirs)] = true
		}
	}
	slices.Sort(fetched)
	a.stale = append(a.stale, fetched...)
	a.update = slices.Sorted(maps.Keys(update))
	return fetched, a
}

// nearest returns the file, or the topmost directory above it that cvs does not
// know here.
func (s *copyState) nearest(file string) string {
	unknown := file
	for dir := path.Dir(file); dir != "." && !s.dirs[dir]; dir = path.Dir(dir) {
		unknown = dir
	}
	return unknown
}

// vanishing returns the topmost directory above file that is not among dirs, or
// the file if its own is.
func vanishing(file string, dirs map[string]bool) string {
	for !dirs[path.Dir(file)] {
		file = path.Dir(file)
	}
	return file
}

// sample returns a directory in which there is a file before and after, and as
// little else as can be: from what cvs makes of it one sees whether the tag is a
// branch.
func (s *copyState) sample(want map[string]string) string {
	files := map[string]int{} // how many are in a directory and below
	for file := range s.entries {
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			files[dir]++
		}
	}
	best := "."
	for file := range s.entries {
		if dir := path.Dir(file); want[file] != "" && dir != "." && (best == "." || files[dir] < files[best]) {
			best = dir
		}
	}
	return best
}

// step does one of the steps that are not cvs's own with the names it is given.
func (c *Client) step(ctx context.Context, o MoveOptions, do string, names []string) error {
	cmd := remote.Cmd{
		Title: "cvs update -r " + o.Tag + in(o.Dir), Dir: o.Dir, Quiet: true,
		Args:  []string{"sh", "-c", "# write a tag\n" + moveScript, "sh", do, o.Tag},
		Stdin: strings.NewReader(strings.Join(names, "\n") + "\n"),
	}
	res, err := c.Runner.Run(ctx, cmd)
	if err == nil {
		err = res.Err(cmd)
	}
	return err
}

func (c *Client) fetch(ctx context.Context, o MoveOptions, files []string) error {
	args, err := withFiles([]string{"-q", "update", "-d", "-P", "-r", o.Tag}, files)
	if err == nil {
		_, err = c.run(ctx, call{do: "cvs update" + in(o.Dir), args: args, dir: o.Dir})
	}
	return err
}

// verify looks whether the working copy has what it should.
func (c *Client) verify(ctx context.Context, o MoveOptions) error {
	has, err := c.inspect(ctx, o.Dir, false)
	if err != nil {
		return err
	}
	fetched, arguments := has.missing(o.Revisions)
	wrong := append(fetched, arguments.stale...)
	if has.stray != "" {
		wrong = append(wrong, has.stray)
	}
	if len(wrong) > 0 {
		return &Error{Do: "cvs update" + in(o.Dir), Reason: ErrIncomplete, Said: wrong[0] + " is not what it should be"}
	}
	return nil
}
