package release

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"farmrun/luahost/remote"
)

// Change is a file that is not as the record of its release has it.
type Change struct {
	Path string
	// How says what is the matter: "changed", "new", "missing", "link" for a
	// link that reads otherwise or leads nowhere now, or "mode" or "owner" where
	// that alone is different. Of a directory it is one of these two.
	How string
	// Was is its checksum by the record, as cksum(1) has it, or "-"; "" for a new one.
	Was string
}

// Changes returns what is not as it was when the release was sealed, or kept
// since, by path. Nothing that the host's cvs or clock says goes into that: the
// files are read. It fails with ErrNone, ErrIncomplete and ErrUnlisted.
func Changes(ctx context.Context, r Runner, dir string) ([]Change, error) {
	do := "look what was changed in " + dir
	out, err := look(ctx, r, do, dir, `cd "$1" || exit 102
		record=$(admin .)
		[ -f "$record/farmrun-release" ] || exit 103
		[ -f "$record/farmrun-files" ] || exit 104
		list | comm -3 "$record/farmrun-files" -`)
	if err != nil {
		return nil, err
	}
	return compare(out), nil
}

// file is a line of a list.
type file struct{ mode, owner, sum, reads string }

// kind is the first letter of the permissions, as ls has them: '-', 'l', ….
func (f file) kind() byte {
	if f.mode == "" {
		return '?'
	}
	return f.mode[0]
}

func parseFile(line string) (path string, f file) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) < 4 {
		return line, file{}
	}
	f = file{mode: parts[0], owner: parts[1], sum: parts[2]}
	path = parts[3]
	if f.kind() == 'l' {
		path, f.reads, _ = strings.Cut(path, " -> ")
	}
	return path, f
}

// compare reads what comm -3 says of two lists: the lines that only the first
// has, and after a tab those that only the second has.
func compare(comm string) []Change {
	was, is := map[string]file{}, map[string]file{}
	var paths []string
	for line := range strings.Lines(comm) {
		side := was
		line, now := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t")
		if now {
			side = is
		}
		path, f := parseFile(line)
		if f.kind() == 'd' {
			path += "/"
		}
		side[path] = f
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var changes []Change
	for _, path := range slices.Compact(paths) {
		how := how(was, is, path)
		sum := was[path].sum
		if dir, is := strings.CutSuffix(path, "/"); is {
			if how == "new" || how == "missing" {
				continue // what is in it says so
			}
			path = dir
		}
		changes = append(changes, Change{path, how, sum})
	}
	return changes
}

func how(was, is map[string]file, path string) string {
	a, before := was[path]
	b, now := is[path]
	switch {
	case !before:
		return "new"
	case !now:
		return "missing"
	case a.kind() == 'l' && b.kind() == 'l':
		return "link"
	case a.kind() != b.kind() || a.sum != b.sum:
		return "changed"
	case a.owner != b.owner:
		return "owner"
	}
	return "mode"
}

// Without returns the changes but for those to files that the application owns,
// and to what lies in directories of its own, which end with "/". Both are named by
// their paths within the release, and may have the patterns of path.Match in them.
func Without(changes []Change, own []string) ([]Change, error) {
	for _, pattern := range own {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
	}
	return slices.DeleteFunc(changes, func(c Change) bool {
		return slices.ContainsFunc(own, func(pattern string) bool { return owns(pattern, c.Path) })
	}), nil
}

func owns(pattern, file string) bool {
	if is, _ := path.Match(strings.TrimSuffix(pattern, "/"), file); is {
		return true
	}
	parent := path.Dir(file)
	return strings.HasSuffix(pattern, "/") && parent != "." && owns(pattern, parent)
}

// Differences returns how the files that the release in dir has from its source on
// a differ from those that it has on b, by path: see Release.Content. "new" is what
// only a has.
func Differences(ctx context.Context, a, b Runner, dir string) ([]Change, error) {
	lists := make([]map[string]bool, 2)
	for i, r := range []Runner{b, a} {
		out, err := look(ctx, r, "look what came with "+dir, dir, `cd "$1" || exit 102
			source=$(admin .)/farmrun-source
			[ -f "$source" ] || exit 104
			bare <"$source"`)
		if err != nil {
			return nil, err
		}
		lists[i] = map[string]bool{}
		for line := range strings.Lines(out) {
			lists[i][line] = true
		}
	}
	var differ strings.Builder // as comm -3 has it
	for line := range lists[0] {
		if !lists[1][line] {
			differ.WriteString(line)
		}
	}
	for line := range lists[1] {
		if !lists[0][line] {
			differ.WriteString("\t" + line)
		}
	}
	return compare(differ.String()), nil
}

// Keep takes these files, by their paths within the release, as they are now
// for what they should be; one that is not there should not be. With source they
// are what its source has now, too.
func Keep(ctx context.Context, r Runner, dir string, paths []string, source bool) error {
	if len(paths) == 0 {
		return nil
	}
	var lines strings.Builder
	for _, path := range paths { // a list of files has "?" for a line end
		lines.WriteString(strings.ReplaceAll(strings.TrimPrefix(path, "./"), "\n", "?") + "\n")
	}
	more := ""
	if source {
		more = "source"
	}
	cmd := remote.Cmd{Title: "keep what was changed in " + dir, Stdin: strings.NewReader(lines.String())}
	_, err := run(ctx, r, cmd, `cd "$1" || exit 102
		record=$(admin .)
		[ -f "$record/farmrun-files" ] || exit 104
		cat >"$record/farmrun-kept" || exit
		list >"$record/farmrun-is" || exit
		for list in files $2; do
			[ -f "$record/farmrun-$list" ] || continue
			{
				chosen 0 "$record/farmrun-$list" "$record/farmrun-kept"
				chosen 1 "$record/farmrun-is" "$record/farmrun-kept"
			} | sort >"$record/farmrun-$list.new" && mv -f "$record/farmrun-$list.new" "$record/farmrun-$list" || exit
		done
		rm -f "$record/farmrun-kept" "$record/farmrun-is"`, dir, more)
	return err
}

// NoteSource notes which checksums, as cksum(1) has them, files of the release have in
// its source now, by their paths. They are not so in the release: there they are
// patched, or were changed by hand.
func NoteSource(ctx context.Context, r Runner, dir string, sums map[string]string) error {
	var lines strings.Builder
	for path, sum := range sums {
		lines.WriteString(sum + " " + strings.ReplaceAll(path, "\n", "?") + "\n")
	}
	cmd := remote.Cmd{Title: "note what the source of " + dir + " has", Stdin: strings.NewReader(lines.String())}
	_, err := run(ctx, r, cmd, `cd "$1" || exit 102
		record=$(admin .)
		[ -f "$record/farmrun-source" ] || exit 104
		cat >"$record/farmrun-kept" && awk -v file="$record/farmrun-kept" "$named"'
			BEGIN {
				while ((getline line <file) > 0) {
					at = index(line, " ")
					sums[substr(line, at + 1)] = substr(line, 1, at - 1)
				}
			}
			{
				name = named($0)
				split($0, part, " ")
				if (name in sums) sub(/^[^ ]+ [^ ]+ [^ ]+ /, part[1] " " part[2] " " sums[name] " ")
				print
			}' "$record/farmrun-source" | sort >"$record/farmrun-source.new" || exit
		rm "$record/farmrun-kept" && mv -f "$record/farmrun-source.new" "$record/farmrun-source"`, dir)
	return err
}
