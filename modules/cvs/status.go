package cvs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"farmrun/luahost/remote"
)

// FileStatus is what cvs knows of one file of a working copy.
type FileStatus struct {
	Path       string // from the directory that was asked about
	Status     string // "Up-to-date", "Locally Modified", "Needs Patch", …, or "Unknown"
	Working    string // the revision here; "" if the file is new or unknown
	Repository string // the newest revision there on this tag or branch, or ""
	Tag, Date  string // what the file sticks to, or ""
}

// Status returns the status of each file of the working copy in dir, unknown
// ones first, up to date or not.
func (c *Client) Status(ctx context.Context, dir string) ([]FileStatus, error) {
	var s statuses
	out := &lines{each: s.line}
	_, err := c.run(ctx, call{
		do: "cvs status" + in(dir), args: []string{"status"}, dir: dir,
		query: true, merged: true, stdout: out,
	})
	out.flush()
	return s.files, err
}

// statuses gathers files from the lines of cvs status, which names the
// directory only in what it says of its progress.
type statuses struct {
	dir   string
	files []FileStatus
}

func (s *statuses) line(line string) {
	if name, ok := strings.CutPrefix(line, "? "); ok {
		s.files = append(s.files, FileStatus{Path: name, Status: "Unknown"})
		return
	}
	if _, dir, ok := strings.Cut(line, ": Examining "); ok && strings.HasPrefix(line, "cvs ") {
		s.dir = dir
		return
	}
	if file, status, ok := strings.Cut(line, "\tStatus: "); ok {
		name := strings.TrimSpace(strings.TrimPrefix(file, "File: "))
		name = strings.TrimPrefix(name, "no file ")
		s.files = append(s.files, FileStatus{Path: path.Join(s.dir, name), Status: strings.TrimSpace(status)})
		return
	}
	if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && len(s.files) > 0 {
		s.files[len(s.files)-1].set(name, strings.TrimSpace(value))
	}
}

func (f *FileStatus) set(name, value string) {
	value, _, _ = strings.Cut(value, "\t") // behind a revision stands the file in the repository
	switch {
	case value == "(none)" || value == "New file!" || strings.HasPrefix(value, "No "):
	case name == "Working revision":
		f.Working = value
	case name == "Repository revision":
		f.Repository = value
	case name == "Sticky Tag":
		f.Tag, _, _ = strings.Cut(value, " (")
	case name == "Sticky Date":
		f.Date = value
	}
}

// DiffOptions of Diff. The zero value compares the working copy in the
// directory where the login starts with the revisions it is based on.
type DiffOptions struct {
	Dir      string
	Files    []string // only these, which may be directories
	From, To string   // tags; "" is what the working copy is based on, and the working copy
	// Fresh is a tag, and instead of From: each of Files, which are no directories, is
	// compared with the file that a new working copy of the tag would have. cvs itself
	// compares with one whose keywords read otherwise, since it knows no tag then.
	Fresh string
}

// Diff returns the differences as a unified diff, with files that are on one
// side only in full, and "" if there are none. Of a diff longer than a
// remote.Result keeps the middle is cut, and says so.
func (c *Client) Diff(ctx context.Context, o DiffOptions) (string, error) {
	if o.Fresh != "" {
		return c.diffFresh(ctx, o)
	}
	args := []string{"-q", "diff", "-u", "-N"}
	for _, tag := range []string{o.From, o.To} {
		if tag == "" {
			continue
		}
		if err := CheckTag(tag); err != nil {
			return "", err
		}
		args = append(args, "-r", tag)
	}
	if o.From == "" && o.To != "" {
		return "", errors.New("cvs diff: To needs a From")
	}
	args, err := withFiles(args, o.Files)
	if err != nil {
		return "", err
	}
	res, err := c.run(ctx, call{do: "cvs diff" + in(o.Dir), args: args, dir: o.Dir, query: true})
	if differ(res, err) {
		err = nil
	}
	return diffText(res.Stdout), err
}

// differ tells whether a failure of cvs diff means only that there are
// differences: its status is 1 then, as it is for failures of cvs itself.
func differ(res remote.Result, err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == nil && res.Code == 1 &&
		strings.Contains("\n"+string(res.Stdout), "\nIndex: ") && !strings.Contains(string(res.Stderr), " aborted]")
}

// diffText leaves out the lines about unknown files, which come first.
func diffText(out []byte) string {
	text := string(out)
	for strings.HasPrefix(text, "? ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// freshScript gets files as a new working copy of a tag has them, in a directory that cvs
// takes for one that lacks them. It prints their checksums, or compares the one file that
// has a name for patch(1).
var freshScript = "# get files of a tag\n" + passwordScript + `
pass=$1 root=$2 tag=$3 name=$4
shift 4
fresh=$(mktemp -d) || exit
trap 'rm -rf "$fresh"' EXIT
for file in . "$@"; do
	dir=$(dirname "./$file")
	[ ! -d "$fresh/$dir/CVS" ] || continue
	mkdir -p "$fresh/$dir/CVS" && cp "$dir/CVS/Root" "$dir/CVS/Repository" "$fresh/$dir/CVS" &&
		echo D >"$fresh/$dir/CVS/Entries" || exit
done
(cd "$fresh" && cvs ${root:+-d "$root"} -Q update -r "$tag" -- "$@") || exit
if [ -z "$name" ]; then
	for file; do
		[ ! -f "$fresh/$file" ] || echo "$(cksum <"$fresh/$file") $file"
	done
	exit
fi
[ -f "$fresh/$1" ] || : >"$fresh/$1"
diff -u --label "$name" --label "$name" "$fresh/$1" "./$1"
[ $? -lt 2 ] || exit 0 # bytes, of which there is no diff
`

// fresh has the script work on files of the working copy in dir, and returns its output.
func (c *Client) fresh(ctx context.Context, dir, tag, name string, files ...string) (string, error) {
	title := "cvs update -r " + tag + " of files" + in(dir)
	err := errors.Join(CheckTag(tag), checkRoot(c.Root))
	words := []string{c.Root, tag, name}
	for _, file := range files {
		err = errors.Join(err, remote.CheckPath(file))
		words = append(words, file)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", title, err)
	}
	res, err := c.Passwords.try(ctx, c.Host, c.Root, func(pass io.Reader) (remote.Result, error) {
		return c.finish(ctx, remote.Cmd{
			Title: title,
			Args:  append([]string{"sh", "-c", freshScript, "sh", yes(pass != nil)}, words...),
			Dir:   dir,
			Env:   map[string]string{"LC_ALL": "C"},
			Stdin: pass,
			Query: true,
			Quiet: true,
		}, false)
	})
	return string(res.Stdout), err
}

// diffFresh is Diff for Fresh.
func (c *Client) diffFresh(ctx context.Context, o DiffOptions) (string, error) {
	var text strings.Builder
	for _, file := range o.Files {
		diff, err := c.fresh(ctx, o.Dir, o.Fresh, diffName(file), file)
		if err != nil {
			return "", err
		}
		text.WriteString(diff)
	}
	return text.String(), nil
}

// Sums returns the checksums, as cksum(1) has them, of files as a new working copy of
// the tag would have them, by their names in the working copy in dir. A file that it would
// not have has none.
func (c *Client) Sums(ctx context.Context, dir, tag string, files []string) (map[string]string, error) {
	sums := map[string]string{}
	for part := range slices.Chunk(files, filesAtOnce) {
		said, err := c.fresh(ctx, dir, tag, "", part...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(said) { // checksum, size, name
			words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			sums[words[2]] = words[0]
		}
	}
	return sums, nil
}

// diffName writes a file's name as patch(1) reads it: a tab ends one that has blanks
// within it, and others are quoted.
func diffName(file string) string {
	if strings.ContainsAny(file, "\"\\\t") || strings.HasSuffix(file, " ") {
		return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\t", `\t`).Replace(file) + `"`
	}
	if strings.Contains(file, " ") {
		return file + "\t"
	}
	return file
}
