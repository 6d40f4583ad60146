package cvs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
)

// AddOptions of Add.
type AddOptions struct {
	Dir    string   // the working copy, or a directory in it
	Files  []string // all of them files, or directories, each before what is in it
	Binary bool     // no keywords and line ends are changed in them (-kb)
}

// Add makes files and directories known to cvs; files come into the repository
// by Commit, directories at once.
func (c *Client) Add(ctx context.Context, o AddOptions) error {
	args := []string{"-Q", "add"}
	if o.Binary {
		args = append(args, "-kb")
	}
	return c.schedule(ctx, "cvs add", args, o.Dir, o.Files)
}

// Remove tells cvs that files, which must be gone from the working copy, are to
// go from the repository; they do by Commit.
func (c *Client) Remove(ctx context.Context, dir string, files []string) error {
	return c.schedule(ctx, "cvs remove", []string{"-Q", "remove"}, dir, files)
}

func (c *Client) schedule(ctx context.Context, do string, args []string, dir string, files []string) error {
	if len(files) == 0 {
		return nil
	}
	args, err := withFiles(args, files)
	if err == nil {
		_, err = c.run(ctx, call{do: do + " of " + some(files) + in(dir), args: args, dir: dir})
	}
	return err
}

// some names the first of the files, and says how many more there are.
func some(files []string) string {
	const most = 5
	if len(files) <= most {
		return strings.Join(files, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(files[:most], ", "), len(files)-most)
}

// withFiles adds the names of files to the arguments of cvs.
func withFiles(args, files []string) ([]string, error) {
	args = append(args, "--")
	for _, f := range files {
		if err := remote.CheckPath(f); err != nil {
			return nil, err
		}
		args = append(args, f)
	}
	return args, nil
}

// CommitOptions of Commit.
type CommitOptions struct {
	Dir     string
	Files   []string // only these, which may be directories; nil is all
	Message string   // why; it must not be empty
}

// Commit brings what was changed in a working copy into the repository, and
// tells whether there was anything. It fails with ErrConflict, and brings
// nothing in, where somebody else has changed the same file meanwhile.
func (c *Client) Commit(ctx context.Context, o CommitOptions) (changed bool, err error) {
	if strings.TrimSpace(o.Message) == "" {
		return false, errors.New("cvs commit: there is no message")
	}
	args, err := withFiles([]string{"-q", "commit", "-m", o.Message}, o.Files)
	if err != nil {
		return false, err
	}
	k := call{do: "cvs commit" + in(o.Dir), args: args, dir: o.Dir}
	res, err := c.run(ctx, k)
	if err != nil && strings.Contains(string(res.Stderr), "Up-to-date check failed") {
		return false, &Error{Do: k.do, Reason: ErrConflict, Said: remote.LastLines(res.Stderr, 3)}
	}
	return strings.Contains(string(res.Stdout), "new revision: "), err
}

// Change is a file that two states of a module do not have alike.
type Change struct {
	Path     string // from the module's top
	How      string // "new", "removed" or "changed"
	From, To string // the revisions; "" where it is not there
}

// ChangesOptions of Changes: the two states, each a tag or a date or both, a
// date on a branch. No state to go to is what is newest on the trunk.
type ChangesOptions struct {
	Module         string
	From, FromDate string
	To, ToDate     string
}

var (
	rdiffChanged = lazyregexp.New(`^File (.+) changed from revision (\S+) to (\S+)$`)
	rdiffNew     = lazyregexp.New(`^File (.+) is new; .*revision (\S+)$`)
	rdiffRemoved = lazyregexp.New(`^File (.+) is removed; (?:.*revision (\S+))?`)
)

// Changes returns which files of a module differ between two states of it in
// the repository (rdiff -s).
func (c *Client) Changes(ctx context.Context, o ChangesOptions) ([]Change, error) {
	changes, err := c.rdiff(ctx, o)
	for i := range changes {
		changes[i].Path = strings.TrimPrefix(changes[i].Path, o.Module+"/")
	}
	return changes, err
}

// rdiff is Changes with paths from the repository's top.
func (c *Client) rdiff(ctx context.Context, o ChangesOptions) ([]Change, error) {
	from, err := when(o.From, o.FromDate)
	if err != nil {
		return nil, err
	}
	to, err := when(o.To, o.ToDate)
	if err != nil {
		return nil, err
	}
	if err := checkWord("module", o.Module); err != nil {
		return nil, err
	}
	if len(from) == 0 {
		return nil, fmt.Errorf("cvs rdiff of %s: since when is not said", o.Module)
	}
	args := append(append(append([]string{"-q", "rdiff", "-s"}, from...), to...), o.Module)
	var changes []Change
	out := &lines{each: func(line string) {
		if change, ok := parseChange(line); ok {
			changes = append(changes, change)
		}
	}}
	_, err = c.run(ctx, call{do: "cvs rdiff of " + o.Module, args: args, query: true, stdout: out})
	out.flush()
	return changes, err
}

// parseChange reads a line of rdiff -s.
func parseChange(line string) (change Change, ok bool) {
	if m := rdiffChanged().FindStringSubmatch(line); m != nil {
		change = Change{m[1], "changed", m[2], m[3]}
	} else if m := rdiffNew().FindStringSubmatch(line); m != nil {
		change = Change{m[1], "new", "", m[2]}
	} else if m := rdiffRemoved().FindStringSubmatch(line); m != nil {
		change = Change{m[1], "removed", m[2], ""}
	} else {
		return Change{}, false
	}
	return change, true
}
