package cvs

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
)

// A File is a file of a working copy and what update says of it.
type File struct {
	// Status is one letter: "U" and "P" brought up to date, "A" added and "R"
	// removed here and not yet committed, "M" changed here, "C" in conflict, "?"
	// unknown to cvs. For two things cvs has none: "G" changed here and merged
	// with what is new, and "D" gone from the repository and so from here.
	Status string
	Path   string // from the directory in which update ran
}

// UpdateOptions of Update. The zero value updates the whole working copy in
// the directory where the login starts.
type UpdateOptions struct {
	Dir    string   // the working copy, or a directory in it
	Files  []string // only these, which may be directories
	DryRun bool     // only look what would happen (cvs -n)
	All    bool     // files that cvs leaves out by lists of names are "?" too, but for those in .cvsignore
	Tag    string   // go to this tag or branch, and stick to it
	Date   string   // go to this date, and stick to it
	Head   bool     // forget sticky tags and dates
	// Clean overwrites what was changed here, is in conflict or in the way of a
	// new file. A copy of each stays beside it, named .#FILE. and its revision,
	// or "conflict".
	Clean bool
	// Leave are files and directories, by their paths from Dir, that the caller leaves
	// out of the update that this DryRun is for: conflicts in them do not count.
	Leave []string
}

// leaves tells whether a file is one that is left out, or lies in one.
func (o UpdateOptions) leaves(f File) bool {
	return slices.ContainsFunc(o.Leave, func(left string) bool {
		return f.Path == left || strings.HasPrefix(f.Path, left+"/")
	})
}

// Update brings a working copy up to date, with new directories and without
// empty ones (update -d -P), and returns what cvs says of each file, notes in
// its words apart. A conflict is a *ConflictError, which comes with the files.
//
// With DryRun, and in a dry run, nothing is changed. cvs foresees conflicts of
// lines then, but not that an unknown file stands in the way of a new one;
// that one is found here, and is status "C" too. Nor does it look into new
// directories: their files are asked for by rls, and where cvs is one that has
// none, the directory itself is among the files.
func (c *Client) Update(ctx context.Context, o UpdateOptions) (files []File, notes []string, err error) {
	k := call{do: "cvs update" + in(o.Dir), dir: o.Dir, query: o.DryRun, shown: !o.DryRun}
	if k.args, err = o.args(); err != nil {
		return nil, nil, err
	}
	var u updated
	out := &lines{each: u.stdout}
	k.stdout = out
	res, err := c.run(ctx, k)
	out.flush()
	if res.Dry {
		o.DryRun = true
		return c.Update(ctx, o)
	}
	u.stderr(res.Stderr)
	files = u.all(o.DryRun)
	if dirs := u.unseen(); o.DryRun && dirs != nil && finished(err) {
		within, err := c.inNewDirs(ctx, o, dirs)
		if err != nil {
			return files, u.notes, err
		}
		files = append(files, within...)
	}
	conflicts := slices.DeleteFunc(only(files, "C"), o.leaves)
	switch {
	case len(conflicts) == 0 || !finished(err):
		return files, u.notes, err
	case o.Clean && !o.DryRun:
		again, notes, err := c.setAside(ctx, o, conflicts)
		return slices.Concat(without(files, "C"), again), slices.Concat(u.notes, notes), err
	}
	return files, u.notes, &ConflictError{Do: k.do, Files: conflicts, Changed: !o.DryRun}
}

// setAsideScript moves files out of cvs's way, where cvs does not look.
const setAsideScript = `# set files aside that are in conflict
for file; do
	dir=${file%/*}
	mv -f "$file" "$dir/.#${file##*/}.conflict" || exit
done
`

// setAside gets the repository's files in the place of those that are in
// conflict: update -C leaves a file alone in which there are conflicts already.
func (c *Client) setAside(ctx context.Context, o UpdateOptions, conflicts []File) ([]File, []string, error) {
	cmd := remote.Cmd{Title: "set files aside" + in(o.Dir), Args: []string{"sh", "-c", setAsideScript, "sh"}, Dir: o.Dir}
	o.Clean, o.Files = false, nil
	for _, f := range conflicts {
		cmd.Args = append(cmd.Args, "./"+f.Path)
		o.Files = append(o.Files, f.Path)
	}
	if _, err := remote.Succeed(ctx, c.Runner, cmd); err != nil {
		return conflicts, nil, err
	}
	return c.Update(ctx, o)
}

// finished tells whether cvs got to its end, though perhaps with a status of 1,
// which it has for conflicts too.
func finished(err error) bool {
	var e *Error
	var exit *remote.ExitError
	return err == nil || errors.As(err, &e) && e.Reason == nil &&
		errors.As(err, &exit) && !strings.Contains(string(exit.Stderr), " aborted]")
}

func (o UpdateOptions) args() ([]string, error) {
	args := []string{"-q"}
	if o.DryRun {
		args = append(args, "-n")
	}
	args = append(args, "update", "-d", "-P")
	if o.Head {
		args = append(args, "-A")
	}
	if o.Clean {
		args = append(args, "-C")
	}
	if o.All {
		args = append(args, "-I", "!")
	}
	when, err := when(o.Tag, o.Date)
	if err != nil {
		return nil, err
	}
	return withFiles(append(args, when...), o.Files)
}

// when returns the options that choose a tag, a date or both: a date on a
// branch.
func when(tag, date string) (args []string, err error) {
	if tag != "" {
		if err := CheckTag(tag); err != nil {
			return nil, err
		}
		args = append(args, "-r", tag)
	}
	if date != "" {
		if err := checkWord("date", date); err != nil {
			return nil, err
		}
		args = append(args, "-D", date)
	}
	return args, nil
}

func in(dir string) string {
	if dir == "" {
		return ""
	}
	return " in " + dir
}

// updated gathers what an update says.
type updated struct {
	files  []File
	newDir map[string]bool // directories that a dry run saw and did not enter
	merged string          // the name of the file that is being merged, or ""
	notes  []string
}

var (
	fileLine   = lazyregexp.New(`^([UPMARC?]) (.+)$`)
	newDirLine = lazyregexp.New("^cvs [a-z]+: New directory `(.*)' -- ignored$")
	goneLine   = lazyregexp.New("^cvs [a-z]+: `?(.+?)'? is no longer in the repository$")
	mergeLine  = lazyregexp.New(`^Merging differences between \S+ and \S+ into (.+)$`)
	// noise is what cvs says of its progress and of merges, whose outcome is in
	// the file's line.
	noise = lazyregexp.New(`^cvs [a-z]+: Updating |^rcsmerge: warning: conflicts|^cvs [a-z]+: conflicts found in `)
)

// stdout takes a line of standard output; what is no file's is about merging.
func (u *updated) stdout(line string) {
	if m := mergeLine().FindStringSubmatch(line); m != nil {
		u.merged = m[1]
	} else if m := fileLine().FindStringSubmatch(line); m != nil {
		if m[1] == "M" && path.Base(m[2]) == u.merged {
			m[1] = "G"
		}
		u.files = append(u.files, File{m[1], m[2]})
		u.merged = ""
	}
}

func (u *updated) stderr(text []byte) {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := newDirLine().FindStringSubmatch(line); m != nil {
			if u.newDir == nil {
				u.newDir = map[string]bool{}
			}
			u.newDir[m[1]] = true
			continue
		}
		if m := goneLine().FindStringSubmatch(line); m != nil {
			u.files = append(u.files, File{"D", m[1]})
			continue
		}
		if line != "" && !noise().MatchString(line) {
			u.notes = append(u.notes, line)
		}
	}
}

// all returns the files, each once. What is unknown and in conflict is in the
// way of a new file; in a dry run cvs calls it unknown, and fetched.
func (u *updated) all(dry bool) []File {
	said := map[string]string{} // the letters for each path
	for _, f := range u.files {
		said[f.Path] += f.Status
	}
	var files []File
	for _, f := range u.files {
		letters := said[f.Path]
		unknown := strings.Contains(letters, "?")
		fetched := dry && (strings.ContainsAny(letters, "UP") || u.newDir[f.Path])
		switch {
		case unknown && fetched && f.Status == "?":
			f.Status = "C"
		case unknown && fetched, f.Status == "?" && strings.Contains(letters, "C"):
			continue
		}
		files = append(files, f)
	}
	return files
}

// unseen returns the directories that a dry run saw and did not enter, but for
// those where something is in the way.
func (u *updated) unseen() []string {
	dirs := maps.Clone(u.newDir)
	for _, f := range u.files {
		delete(dirs, f.Path)
	}
	return slices.Sorted(maps.Keys(dirs))
}

// originScript says both halves of origin, with a space between them.
const originScript = `# see where a new directory comes from
admin=$(dirname "$1")/CVS
echo "$(cat "$admin/Tag" 2>/dev/null) $(cat "$admin/Repository")/${1##*/}"
`

// origin returns where in the repository a new directory comes from, and what
// sticks to the one that it is in, as CVS/Tag has it.
func (c *Client) origin(ctx context.Context, o UpdateOptions, dir string) (origin, stuck string, err error) {
	res, err := remote.Succeed(ctx, c.Runner, remote.Cmd{
		Title: "look for " + dir, Dir: o.Dir, Query: true, Quiet: true,
		Args: []string{"sh", "-c", originScript, "sh", "./" + dir},
	})
	stuck, origin, _ = strings.Cut(strings.TrimSuffix(string(res.Stdout), "\n"), " ")
	return origin, stuck, err
}

// inNewDirs returns the files that an update would fetch with new directories.
func (c *Client) inNewDirs(ctx context.Context, o UpdateOptions, dirs []string) (files []File, err error) {
	for _, dir := range dirs {
		origin, stuck, err := c.origin(ctx, o, dir)
		if err != nil {
			return nil, err
		}
		l := listing{top: origin, revisions: map[string]string{}}
		err = c.rls(ctx, o.Dir, append(o.when(stuck), origin), &l)
		var e *Error
		switch {
		case errors.As(err, &e) && e.Reason == nil:
			files = append(files, File{"U", dir})
		case err != nil:
			return nil, err
		}
		for _, file := range slices.Sorted(maps.Keys(l.revisions)) {
			files = append(files, File{"U", path.Join(dir, file)})
		}
	}
	return files, nil
}

// when returns the options that choose what an update would fetch into a
// directory to which something sticks, as CVS/Tag has it.
func (o UpdateOptions) when(stuck string) []string {
	switch {
	case o.Head:
		return nil
	case o.Tag != "" || o.Date != "":
		chosen, _ := when(o.Tag, o.Date) // args has found no fault with them
		return chosen
	case strings.HasPrefix(stuck, "D"):
		return []string{"-D", stuck[1:]}
	case stuck != "":
		return []string{"-r", stuck[1:]}
	}
	return nil
}

func without(files []File, status string) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Status == status })
}

func only(files []File, status string) (some []File) {
	for _, f := range files {
		if f.Status == status {
			some = append(some, f)
		}
	}
	return some
}
