package cvs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Tag is a tag or a branch of a module or working copy.
type Tag struct {
	Name   string
	Branch bool
	Files  int // how many files carry it
}

// Tags returns the tags of a module in the repository, by name. With "" as
// module it is those of the working copy in dir.
func (c *Client) Tags(ctx context.Context, module, dir string) ([]Tag, error) {
	k := call{do: "cvs rlog of " + module, args: []string{"-Q", "rlog", "-h", module}, query: true}
	if module == "" {
		k.do, k.args, k.dir = "cvs log"+in(dir), []string{"-Q", "log", "-h"}, dir
	} else if err := checkWord("module", module); err != nil {
		return nil, err
	}
	t := tags{found: map[string]*Tag{}}
	out := &lines{each: t.line}
	k.stdout = out
	_, err := c.run(ctx, k)
	out.flush()
	return t.sorted(), err
}

// tags gathers them from the lines of cvs log -h: after "symbolic names:" each
// stands on a line that begins with a tab.
type tags struct {
	within bool
	found  map[string]*Tag
}

func (t *tags) line(line string) {
	if !strings.HasPrefix(line, "\t") {
		t.within = line == "symbolic names:"
		return
	}
	name, revision, ok := strings.Cut(strings.TrimSpace(line), ": ")
	if !t.within || !ok {
		return
	}
	tag := t.found[name]
	if tag == nil {
		tag = &Tag{Name: name}
		t.found[name] = tag
	}
	tag.Files++
	tag.Branch = tag.Branch || isBranch(revision)
}

// isBranch tells the number of a branch from that of a revision: an odd number
// of parts (a vendor branch), or a zero as the last but one.
func isBranch(revision string) bool {
	parts := strings.Split(revision, ".")
	n := len(parts)
	return n%2 == 1 || n >= 4 && parts[n-2] == "0"
}

func (t *tags) sorted() []Tag {
	var all []Tag
	for _, tag := range t.found {
		all = append(all, *tag)
	}
	slices.SortFunc(all, func(a, b Tag) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// FindTag looks for a tag of a module, or with "" as module for one of the
// working copy in dir, and fails with a *NoTagError if no file carries it. It
// is the check to make before any host is touched: a tag that exists in some
// other module is good enough for cvs, which then checks out nothing and
// reports success.
func (c *Client) FindTag(ctx context.Context, module, dir, name string) (Tag, error) {
	if err := CheckTag(name); err != nil {
		return Tag{}, err
	}
	all, err := c.Tags(ctx, module, dir)
	if err != nil {
		return Tag{}, err
	}
	for _, tag := range all {
		if tag.Name == name {
			return tag, nil
		}
	}
	return Tag{}, &NoTagError{Name: name, Module: cmp.Or(module, dir), near: nearest(all, name)}
}

// NoTagError is a tag that no file of a module carries. It wraps ErrNoTag.
type NoTagError struct {
	Name, Module string
	near         []string
}

func (e *NoTagError) Error() string {
	return fmt.Sprintf("no file of %s has the tag %s", cmp.Or(e.Module, "the working copy"), e.Name)
}

// Unwrap returns ErrNoTag.
func (e *NoTagError) Unwrap() error { return ErrNoTag }

// Kind is "refused".
func (e *NoTagError) Kind() string { return "refused" }

// Hint names tags that begin alike.
func (e *NoTagError) Hint() string {
	if len(e.near) == 0 {
		return "it has no tags at all: set one by cvs rtag"
	}
	return "there is " + strings.Join(e.near, ", ")
}

// CheckTag fails with ErrNoTag, and names the nearest, unless the module has the
// tag. It is quicker than FindTag, which counts the files: cvs keeps a list of
// the tags that it has been asked for.
func (c *Client) CheckTag(ctx context.Context, module, name string) error {
	if err := errors.Join(checkWord("module", module), CheckTag(name)); err != nil {
		return err
	}
	_, err := c.run(ctx, call{
		do: "cvs rls of " + module, args: []string{"-q", "rls", "-r", name, module}, query: true,
	})
	if e, is := errors.AsType[*Error](err); is && (e.Reason == nil || e.Reason == ErrNoTag || e.Reason == ErrNoModule) {
		_, err = c.FindTag(ctx, module, "", name) // it may be a cvs without rls, or a module of several parts
	}
	return err
}

// nearest returns the three tags that have most of their beginning in common
// with name, the last by name first, for those are the newest where tags are
// dates.
func nearest(all []Tag, name string) (near []string) {
	all = slices.Clone(all)
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b Tag) int {
		return cmp.Compare(common(b.Name, name), common(a.Name, name))
	})
	for _, t := range all[:min(3, len(all))] {
		near = append(near, t.Name)
	}
	return near
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// TagOptions of SetTag and Rtag.
type TagOptions struct {
	Branch bool   // make a branch
	Move   bool   // move the tag if it exists, which is refused otherwise
	From   string // tag what this tag names
	Date   string // tag what was there at this date
	// Clean refuses (ErrModified) where files of the working copy are changed
	// and not committed. Rtag has no use for it.
	Clean bool
}

func (o TagOptions) args(command, name string) ([]string, error) {
	if err := CheckTag(name); err != nil {
		return nil, err
	}
	args := []string{"-q", command}
	if o.Branch {
		args = append(args, "-b")
	}
	if o.Move {
		args = append(args, "-F")
	}
	if o.Move && o.Branch {
		args = append(args, "-B")
	}
	if o.Clean {
		args = append(args, "-c")
	}
	when, err := when(o.From, o.Date)
	return append(append(args, when...), name), err
}

// Rtag sets a tag on the files of a module in the repository, without a
// working copy: as they are, or as From and Date say. A tag that exists is
// refused with ErrTagExists, for cvs would leave it on some files and set it
// on others. A tag that comes to be on no file, since there was none at that
// date, is ErrNothing.
func (c *Client) Rtag(ctx context.Context, module, name string, o TagOptions) error {
	o.Clean = false
	args, err := o.args("rtag", name)
	if err != nil {
		return err
	}
	if err := checkWord("module", module); err != nil {
		return err
	}
	k := call{do: fmt.Sprintf("cvs rtag of %s in %s", name, module), args: append(args, module)}
	return c.setTag(ctx, k, module, "", name, o)
}

// SetTag sets a tag on the revisions that the working copy in dir has. As Rtag
// it refuses a tag that exists.
func (c *Client) SetTag(ctx context.Context, dir, name string, o TagOptions) error {
	args, err := o.args("tag", name)
	if err != nil {
		return err
	}
	k := call{do: fmt.Sprintf("cvs tag %s%s", name, in(dir)), args: args, dir: dir}
	return c.setTag(ctx, k, "", dir, name, o)
}

func (c *Client) setTag(ctx context.Context, k call, module, dir, name string, o TagOptions) error {
	switch tag, err := c.FindTag(ctx, module, dir, name); {
	case err == nil && !o.Move:
		return &Error{Do: k.do, Reason: ErrTagExists, Said: fmt.Sprintf("%d files have it", tag.Files)}
	case err != nil && !errors.Is(err, ErrNoTag):
		return err
	}
	res, err := c.run(ctx, k)
	if err != nil || res.Dry {
		return err
	}
	if strings.Contains(string(res.Stdout), "NOT MOVING tag") {
		return &Error{Do: k.do, Reason: ErrTagExists, Said: "somebody else has set it meanwhile"}
	}
	if _, err := c.FindTag(ctx, module, dir, name); errors.Is(err, ErrNoTag) {
		return &Error{Do: k.do, Reason: ErrNothing}
	} else if err != nil {
		return err
	}
	return nil
}
