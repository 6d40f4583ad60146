package cvs

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"farmrun/luahost/remote"
)

// MoveOptions of Move. All but Look must be set.
type MoveOptions struct {
	Dir       string
	Tag       string
	Revisions map[string]string // those of the tag, as Revisions returns them; not nil
	Look      bool              // only returns what would be fetched, and minds nothing that is not under CVS
}

// Move takes a working copy to a tag or branch as a fresh checkout would have
// it, but fetches only the files that are another revision there, or have
// another time or other options, are missing or have the tag's name in them
// ($Name$). What is not under CVS must be gone
// from it, and what was changed in it too, to be fetched anew. It returns the
// files that were fetched. The server looks at these files alone, which is what
// makes it quick: update -r looks at all of them.
//
// If it fails the working copy is of no use.
func (c *Client) Move(ctx context.Context, o MoveOptions) (fetched []string, err error) {
	if err := errors.Join(CheckTag(o.Tag), remote.CheckPath(o.Dir)); err != nil {
		return nil, err
	}
	has, err := c.inspect(ctx, remote.Cmd{Title: "look at the working copy " + o.Dir, Dir: o.Dir, Query: true}, "look")
	if err != nil {
		return nil, err
	}
	fetched, arguments := has.missing(o.Revisions, identical)
	if o.Look {
		return fetched, nil
	}
	if has.stray != "" {
		return nil, fmt.Errorf("%s in %s is not under CVS", has.stray, o.Dir)
	}
	if err := c.remove(ctx, o, arguments.gone, fetched); err != nil {
		return nil, err
	}
	sample := has.sample(o.Revisions)
	for part := range slices.Chunk(append(arguments.update, sample), filesAtOnce) {
		if err := c.fetch(ctx, o, part); err != nil {
			return nil, err
		}
	}
	return fetched, c.retag(ctx, o, sample, fetched)
}

// Behind returns the files of the working copy in dir that are another revision
// among revisions, which Revisions returns, are only there, or only here, by their
// names. What became of the files themselves is no matter.
func (c *Client) Behind(ctx context.Context, dir string, revisions map[string]string) ([]string, error) {
	has, err := c.inspect(ctx, remote.Cmd{Title: "look at the working copy " + dir, Dir: dir, Query: true}, "look")
	if err != nil {
		return nil, err
	}
	number := func(entry string) string {
		n, _, _ := strings.Cut(entry, "/")
		return n
	}
	behind := map[string]bool{}
	for _, file := range slices.Concat(slices.Collect(maps.Keys(revisions)), slices.Collect(maps.Keys(has.entries))) {
		if number(revisions[file]) != number(has.entries[file]) {
			behind[file] = true
		}
	}
	return slices.Sorted(maps.Keys(behind)), nil
}

// filesAtOnce is how many files one update is given by name.
const filesAtOnce = 500

// copyState is what a working copy has.
type copyState struct {
	entries map[string]string // what cvs knows of each file, as Revisions has it
	gone    map[string]bool   // files that cvs knows and that are not there
	named   map[string]bool   // files with the tag's name in them
	dirs    map[string]bool   // directories that cvs knows
	stray   string            // a file that cvs does not know, or ""
}

//go:embed names.sh
var namesScript string

//go:embed move.sh
var moveScript string

// mostListed is how much the list of a working copy's files may take.
const mostListed = 16 << 20

// inspect has a step of the script look what there is.
func (c *Client) inspect(ctx context.Context, cmd remote.Cmd, step ...string) (*copyState, error) {
	cmd.Keep = mostListed
	res, err := c.script(ctx, cmd, step...)
	if err != nil {
		return nil, err
	}
	if err := remote.CheckAnswer(res.Stdout, mostListed); err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Title, err)
	}
	return parseCopy(string(res.Stdout)), nil
}

// script runs a step of the script.
func (c *Client) script(ctx context.Context, cmd remote.Cmd, step ...string) (remote.Result, error) {
	cmd.Quiet = true
	cmd.Args = append([]string{"sh", "-c", "# " + cmd.Title + "\n" + namesScript + moveScript, "sh"}, step...)
	cmd.Env = map[string]string{"LC_ALL": "C"} // names are bytes, and so read faster
	return remote.Succeed(ctx, c.Runner, cmd)
}

// parseCopy reads what the script says of a working copy.
func parseCopy(text string) *copyState {
	s := &copyState{entries: map[string]string{}, gone: map[string]bool{}, named: map[string]bool{}, dirs: map[string]bool{}}
	there := map[string]bool{}
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch kind {
		case "entry":
			if file := strings.Index(rest, "/./"); file >= 0 {
				s.entries[rest[file+3:]] = rest[:file]
			}
		case "file":
			there[strings.TrimPrefix(rest, "./")] = true
		case "name":
			s.named[strings.TrimPrefix(rest, "./")] = true
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
	return s
}

// moveArguments are what the steps of a Move work on.
type moveArguments struct {
	gone   []string // files that are not there on the tag
	update []string // what update is given
}

// identical tells whether a file with that entry is as a checkout would have it.
// Who was updated has another time than who was checked out: it is fetched, for
// browsers go by that time, whichever server they ask. What -kv files have of their
// keywords are the values alone, of which nobody can see that one is the tag.
func identical(want, entry string) bool {
	number, _, _ := strings.Cut(entry, "/")
	return (entry == want || number == want) && !strings.HasSuffix(entry, "/-kv")
}

// sameRevision is identical for who does not mind the time.
func sameRevision(want, entry string) bool {
	w, e := strings.Split(want, "/"), strings.Split(entry, "/")
	return w[0] == e[0] && (len(w) < 3 || len(e) < 3 || w[2] == e[2])
}

// missing returns the files that are to be fetched, since their entries are not
// the same, and what that takes: a file of a new directory comes with that, and
// one that vanishes goes with what is in it.
func (s *copyState) missing(want map[string]string, same func(want, entry string) bool) (fetched []string, a moveArguments) {
	update, dirs := map[string]bool{}, map[string]bool{".": true}
	for file, revision := range want {
		for dir := path.Dir(file); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
		if same(revision, s.entries[file]) && !s.gone[file] && !s.named[file] {
			continue
		}
		fetched = append(fetched, file)
		update[s.nearest(file)] = true
	}
	for file := range s.entries {
		if want[file] == "" {
			a.gone = append(a.gone, file)
			update[vanishing(file, dirs)] = true
		}
	}
	slices.Sort(fetched)
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

func (o MoveOptions) title() string { return "cvs update -r " + o.Tag + in(o.Dir) }

// remove removes files. Of those that are fetched, cvs forgets that it had them:
// it then gives them the time and the options that they have in a new working
// copy.
func (c *Client) remove(ctx context.Context, o MoveOptions, gone, fetched []string) error {
	if len(gone)+len(fetched) == 0 {
		return nil
	}
	var lines strings.Builder
	for _, file := range gone {
		lines.WriteString("- " + file + "\n")
	}
	for _, file := range fetched {
		lines.WriteString("+ " + file + "\n")
	}
	cmd := remote.Cmd{Title: o.title(), Dir: o.Dir, Stdin: strings.NewReader(lines.String())}
	_, err := c.script(ctx, cmd, "remove")
	return err
}

func (c *Client) fetch(ctx context.Context, o MoveOptions, files []string) error {
	args, err := withFiles([]string{"-q", "update", "-d", "-P", "-r", o.Tag}, files)
	if err == nil {
		_, err = c.run(ctx, call{do: "cvs update" + in(o.Dir), args: args, dir: o.Dir})
	}
	return err
}

// onLines has each of the names on a line of its own.
func onLines(names []string) io.Reader {
	return strings.NewReader(strings.Join(names, "\n") + "\n")
}

// retag writes the tag wherever cvs keeps it, as the directory sample has it,
// notes which of the files that came have its name in them, and looks whether
// the working copy has what it should.
func (c *Client) retag(ctx context.Context, o MoveOptions, sample string, came []string) error {
	cmd := remote.Cmd{Title: o.title(), Dir: o.Dir, Stdin: onLines(came)}
	has, err := c.inspect(ctx, cmd, "retag", o.Tag, sample)
	if err != nil {
		return err
	}
	fetched, arguments := has.missing(o.Revisions, sameRevision)
	wrong := append(fetched, arguments.gone...)
	if has.stray != "" {
		wrong = append(wrong, has.stray)
	}
	if len(wrong) > 0 {
		return &Error{Do: o.title(), Reason: ErrIncomplete, Said: wrong[0] + " is not what it should be"}
	}
	return nil
}
