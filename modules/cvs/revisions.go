package cvs

import (
	"context"
	"errors"
	"strings"
)

// Revisions returns what each file of a module is on a tag or branch, by its path
// from the module's top: revision, time and options, as CVS/Entries of a fresh
// checkout has them, such as "1.2/Tue Sep 19 03:00:00 2000/-kb"; or the revision
// alone, if the server's cvs has no more to say. It returns nil for a module that
// CVSROOT/modules puts together from several directories or from single files:
// what such a one has only a checkout tells.
func (c *Client) Revisions(ctx context.Context, module, tag string) (map[string]string, error) {
	if err := errors.Join(checkWord("module", module), CheckTag(tag)); err != nil {
		return nil, err
	}
	top, one, err := c.place(ctx, module)
	if err != nil || !one {
		return nil, err
	}
	l := listing{top: top, revisions: map[string]string{}}
	err = c.list(ctx, module, tag, &l)
	switch {
	case err != nil:
		return nil, err
	case l.elsewhere:
		return nil, nil
	case len(l.revisions) == 0:
		return nil, &Error{Do: "cvs rls of " + module, Reason: ErrNothing}
	}
	return l.revisions, nil
}

// list asks by rls, or by rdiff, which takes twice the time, where cvs is one
// that has no rls: it came with 1.12.
func (c *Client) list(ctx context.Context, module, tag string, l *listing) error {
	err := c.rls(ctx, "", []string{"-r", tag, module}, l)
	var e *Error
	if !errors.As(err, &e) || e.Reason != nil {
		return err
	}
	*l = listing{top: l.top, revisions: map[string]string{}}
	changes, err := c.rdiff(ctx, ChangesOptions{Module: module, FromDate: "1970-01-02", To: tag})
	for _, change := range changes {
		l.add(change.Path, change.To)
	}
	return err
}

// rls lists what the last of the words, a place in the repository, has by those
// before it. It runs in dir.
func (c *Client) rls(ctx context.Context, dir string, words []string, l *listing) error {
	out := &lines{each: l.line}
	args := append([]string{"-q", "rls", "-e", "-R"}, words...)
	_, err := c.run(ctx, call{do: "cvs rls of " + words[len(words)-1], args: args, dir: dir, query: true, stdout: out})
	out.flush()
	return err
}

// listing gathers revisions from the lines of rls -e: after the name of a
// directory and ":" there are its entries, as CVS/Entries has them.
type listing struct {
	top       string // the module's directory in the repository
	dir       string
	revisions map[string]string
	elsewhere bool // there is a file outside of top
}

func (l *listing) line(line string) {
	if dir, ok := strings.CutSuffix(line, ":"); ok && line[0] != '/' {
		l.dir = dir
		return
	}
	// A file that was asked for by its name has that whole, with slashes in it.
	if entry := strings.Split(line, "/"); len(entry) >= 6 && entry[0] == "" {
		name := len(entry) - 4
		l.add(l.dir+strings.Join(entry[:name], "/"), strings.Join(entry[name:name+3], "/"))
	}
}

// add notes the revision of a file of the repository.
func (l *listing) add(file, revision string) {
	name, within := strings.CutPrefix(file, l.top+"/")
	l.elsewhere = l.elsewhere || !within
	l.revisions[name] = revision
}

// place returns the directory of the repository that a module is, and whether
// it is one.
func (c *Client) place(ctx context.Context, module string) (dir string, one bool, err error) {
	res, err := c.run(ctx, call{
		do: "cvs checkout -c", args: []string{"-q", "checkout", "-c"}, query: true,
	})
	dir, one = placeOf(module, string(res.Stdout))
	return dir, one, err
}

// placeOf reads what checkout -c says: the lines of CVSROOT/modules, each with
// what it is called, options and what it consists of. A long one goes on in
// lines that begin with a space.
func placeOf(module, modules string) (dir string, one bool) {
	for line := range strings.Lines(strings.ReplaceAll(modules, "\n ", " ")) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == module:
			return directory(words[1:])
		case strings.HasPrefix(module, words[0]+"/"):
			return "", false
		}
	}
	return module, true
}

// directory returns the directory that is all a module consists of.
func directory(words []string) (dir string, one bool) {
	for len(words) > 1 && words[0] != "-a" && words[0] != "-l" && strings.HasPrefix(words[0], "-") {
		words = words[2:] // an option, and what goes with it
	}
	if len(words) != 1 || strings.HasPrefix(words[0], "&") {
		return "", false
	}
	return words[0], true
}
