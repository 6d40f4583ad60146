package cvs

import (
	"cmp"
	"context"
	"time"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local cvs = require "cvs"
//
// It runs the cvs of a host. Where a function takes root, that is the CVSROOT
// as the host sees it, such as ":pserver:anon@127.0.0.1:2401/cvsroot"; a
// working copy knows its own. The password of a pserver is asked for when the
// server first wants one, and is never in an argument or a file. It goes to a
// host only for an account that the script has named there, by root or by
// cvs.allow, whatever the working copy says. A failure that cvs reports as a
// success is an error: a conflict, a release that is not complete, a tag that
// no file has. Every function takes timeout, a minute for those that only look
// and 30 minutes for the others.
//
// passwords are for pservers; nil has none.
func Module(passwords *Passwords) luahost.Module {
	b := &binding{passwords}
	return luahost.Module{Name: "cvs", Funcs: map[string]luahost.Func{
		"checkout": b.checkout, "update": b.update, "status": b.status, "diff": b.diff, "sums": b.sums,
		"tags": b.tags, "find_tag": b.findTag, "check_tag": b.checkTag, "tag": b.tag, "rtag": b.rtag,
		"add": b.add, "remove": b.remove, "commit": b.commit, "changes": b.changes,
		"revisions": b.revisions, "move": b.move, "behind": b.behind, "allow": b.allow,
	}}
}

// The times that cvs has unless the script says otherwise.
const (
	lookTimeout = time.Minute
	workTimeout = 30 * time.Minute
)

type binding struct{ passwords *Passwords }

// client is cvs on the host that is the call's first argument.
func (b *binding) client(c *luahost.Call, root string) *Client {
	client := &Client{Runner: luahost.Arg[Runner](c, 1, "a host"), Root: root, Passwords: b.passwords}
	if h, ok := client.Runner.(interface{ Name() string }); ok {
		client.Host = h.Name()
	}
	return client
}

// cvs.checkout(host, options) -> count
//
// Pulls a module into a directory that has its name only when it is complete,
// and returns how many files it has. If it fails nothing is left; what an
// earlier pull left that died is cleared away. A name that is taken, by
// anything but an empty directory, is an error of kind "refused". Options:
//
//   - root, module (required): what to pull, and whence
//   - dir (required): the directory's name
//   - tag: the tag to pull
//   - date: the time to pull, in any form that cvs reads
func (b *binding) checkout(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root    string `lua:"root,required"`
		Module  string `lua:"module,required"`
		Dir     string `lua:"dir,required"`
		Tag     string
		Date    string
		Timeout time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var release Release
	c.Wait("cvs.checkout of "+opts.Dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		release, err = client.Checkout(ctx, CheckoutOptions{Dir: opts.Dir, Module: opts.Module, Tag: opts.Tag, Date: opts.Date})
		return err
	})
	c.Push(release.Files)
}

// cvs.update(host [, options]) -> files, notes
//
// Brings a working copy up to date (cvs -q update -d -P). files is a list of the
// changed files; notes is a list of the other lines that cvs printed. A conflict
// is an error: of kind "refused" if it was foreseen, and "failed" if the files
// have it in them now. A file has these fields:
//
//   - file.path (string): where it is in the working copy
//   - file.status (string): a letter: U P M A R C ? as cvs has them, G if it was
//     changed here and merged with newer changes, D if it is gone from the
//     repository, and so from here
//
// Options:
//
//   - dir: the working copy
//   - files: a list, to update these alone
//   - look (false): true only shows the changes that would be made (cvs -n)
//   - leave: with look, a list of files and directories that are left out later:
//     conflicts in them are no error
//   - all (false): true has files among those with "?" that cvs leaves out, since
//     lists of names have them (*.o, core, ...), but for those of .cvsignore
//   - tag, date: to go there and stay
//   - head (false): true forgets the tag or date
//   - clean (false): true overwrites local changes, and keeps a copy of each
//   - root: instead of that of the working copy
func (b *binding) update(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root, Dir, Tag, Date string
		Files, Leave         []string
		Look, All            bool
		Head, Clean          bool
		Timeout              time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var files []File
	var notes []string
	c.Wait("cvs.update"+in(opts.Dir), cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		files, notes, err = client.Update(ctx, UpdateOptions{
			Dir: opts.Dir, Files: opts.Files, DryRun: opts.Look, All: opts.All,
			Tag: opts.Tag, Date: opts.Date, Head: opts.Head, Clean: opts.Clean, Leave: opts.Leave,
		})
		return err
	})
	c.Push(files, notes)
}

// copyOptions are those of functions that look at a working copy.
type copyOptions struct {
	Root, Dir string
	Timeout   time.Duration
}

// cvs.status(host [, options]) -> states
//
// Returns the state of each file of a working copy. Options: dir, root. A state
// has these fields:
//
//   - state.path (string): the file
//   - state.status (string): as cvs words it: "Up-to-date", "Locally Modified", …
//   - state.working (string): the revision here, or ""
//   - state.repository (string): the newest revision there, or ""
//   - state.tag (string): the tag that the file sticks to, or ""
//   - state.date (string): the date that it sticks to, or ""
func (b *binding) status(c *luahost.Call) {
	opts := luahost.Options[copyOptions](c, 2)
	client := b.client(c, opts.Root)
	var files []FileStatus
	c.Wait("cvs.status"+in(opts.Dir), cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		files, err = client.Status(ctx, opts.Dir)
		return err
	})
	c.Push(files)
}

// cvs.diff(host [, options]) -> text
//
// Returns what a working copy has changed, as cvs diff -u has it; "" if
// nothing. Options: dir; files, a list, to compare these alone; from and to,
// tags to compare instead of what the working copy is based on and the working
// copy itself; fresh, a tag, to compare files with those that a new working copy of it
// would have, in which keywords such as $Name$ read as they do here; root.
func (b *binding) diff(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root, Dir       string
		Files           []string
		From, To, Fresh string
		Timeout         time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var text string
	c.Wait("cvs.diff"+in(opts.Dir), cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		text, err = client.Diff(ctx, DiffOptions{Dir: opts.Dir, Files: opts.Files, From: opts.From, To: opts.To, Fresh: opts.Fresh})
		return err
	})
	c.Push(text)
}

// cvs.sums(host, options) -> sums
//
// Returns the checksums (cksum) of files as a new working copy of a tag would have
// them, by their names; one that it would not have is left out. Options: dir, tag, files
// (all required); root.
func (b *binding) sums(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root    string
		Dir     string   `lua:"dir,required"`
		Tag     string   `lua:"tag,required"`
		Files   []string `lua:"files,required"`
		Timeout time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var sums map[string]string
	c.Wait("cvs.sums"+in(opts.Dir), cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		sums, err = client.Sums(ctx, opts.Dir, opts.Tag, opts.Files)
		return err
	})
	c.Push(sums)
}

// tagsOptions say whose tags.
type tagsOptions struct {
	Root, Module, Dir string
	Timeout           time.Duration
}

// cvs.tags(host, options) -> tags
//
// Returns the tags of a module in the repository, or of the working copy in
// dir. Options: root and module, or dir. A tag has these fields:
//
//   - tag.name (string): its name
//   - tag.branch (boolean): true for a branch
//   - tag.files (integer): how many files have it
func (b *binding) tags(c *luahost.Call) {
	opts := luahost.Options[tagsOptions](c, 2)
	client := b.client(c, opts.Root)
	var tags []Tag
	c.Wait("cvs.tags", cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		tags, err = client.Tags(ctx, opts.Module, opts.Dir)
		return err
	})
	c.Push(tags)
}

// cvs.find_tag(host, name, options) -> tag
//
// Returns one tag, as cvs.tags does. That there is none is an error that names
// the nearest. Options: root and module, or dir.
func (b *binding) findTag(c *luahost.Call) {
	name, opts := c.String(2), luahost.Options[tagsOptions](c, 3)
	client := b.client(c, opts.Root)
	var tag Tag
	c.Wait("cvs.find_tag "+name, cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		tag, err = client.FindTag(ctx, opts.Module, opts.Dir, name)
		return err
	})
	c.Push(tag)
}

// cvs.check_tag(host, name, options)
//
// Raises an error that names the nearest unless a module has the tag. It is
// quicker than cvs.find_tag. Options: root, module (required).
func (b *binding) checkTag(c *luahost.Call) {
	name := c.String(2)
	opts := luahost.Options[struct {
		Root    string
		Module  string `lua:"module,required"`
		Timeout time.Duration
	}](c, 3)
	client := b.client(c, opts.Root)
	c.Wait("cvs.check_tag "+name, cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) error {
		return client.CheckTag(ctx, opts.Module, name)
	})
}

// setOptions are those of cvs.tag and cvs.rtag.
type setOptions struct {
	Root, Dir, From, Date string
	Branch, Move, Clean   bool
	Timeout               time.Duration
}

func (o setOptions) options() TagOptions {
	return TagOptions{Branch: o.Branch, Move: o.Move, From: o.From, Date: o.Date, Clean: o.Clean}
}

// cvs.tag(host, name [, options])
//
// Gives the working copy's revisions a tag. A tag that exists is refused.
// Options: dir; branch = true, which makes a branch; move = true, which takes
// the tag from where it is; from, a tag, or date, to tag what was there;
// clean = true, which refuses where files are changed and not committed; root.
func (b *binding) tag(c *luahost.Call) {
	name, opts := c.String(2), luahost.Options[setOptions](c, 3)
	client := b.client(c, opts.Root)
	c.Wait("cvs.tag "+name, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return client.SetTag(ctx, opts.Dir, name, opts.options())
	})
}

// cvs.rtag(host, module, name, options)
//
// Gives a tag to what is in the repository. A tag that exists is refused.
// Options: root (required by all but a host that has CVSROOT set); branch,
// move, from and date as for cvs.tag.
func (b *binding) rtag(c *luahost.Call) {
	module, name, opts := c.String(2), c.String(3), luahost.Options[setOptions](c, 4)
	client := b.client(c, opts.Root)
	c.Wait("cvs.rtag "+name, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return client.Rtag(ctx, module, name, opts.options())
	})
}

// fileOptions are those of functions that prepare a commit.
type fileOptions struct {
	Root, Dir string
	Files     []string `lua:"files,required"`
	Binary    bool
	Timeout   time.Duration
}

// cvs.add(host, options)
//
// Makes files and directories of a working copy known to cvs; cvs.commit then
// brings files into the repository. Options: files (required), a list of files,
// or, in a call before that, of the directories that they are in, each before
// what is in it; dir; binary = true, so that cvs changes no keywords and line
// ends in them; root.
func (b *binding) add(c *luahost.Call) {
	opts := luahost.Options[fileOptions](c, 2)
	client := b.client(c, opts.Root)
	c.Wait("cvs.add"+in(opts.Dir), cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return client.Add(ctx, AddOptions{Dir: opts.Dir, Files: opts.Files, Binary: opts.Binary})
	})
}

// cvs.remove(host, options)
//
// Tells cvs that files, which are gone from the working copy, are to go from
// the repository; they do by cvs.commit. Options: files (required), dir, root.
func (b *binding) remove(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root, Dir string
		Files     []string `lua:"files,required"`
		Timeout   time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	c.Wait("cvs.remove"+in(opts.Dir), cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return client.Remove(ctx, opts.Dir, opts.Files)
	})
}

// cvs.commit(host, options) -> changed
//
// Brings what was changed in a working copy into the repository, and returns
// true, or false if there was nothing. That somebody else has changed the same
// file meanwhile is an error. Options: message (required); dir; files, a list,
// for these alone; root.
func (b *binding) commit(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root, Dir string
		Files     []string
		Message   string `lua:"message,required"`
		Timeout   time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var changed bool
	c.Wait("cvs.commit"+in(opts.Dir), cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		changed, err = client.Commit(ctx, CommitOptions{Dir: opts.Dir, Files: opts.Files, Message: opts.Message})
		return err
	})
	c.Push(changed)
}

// cvs.changes(host, options) -> changes
//
// Returns which files of a module differ between two states of it in the
// repository (cvs rdiff -s). A change has these fields:
//
//   - change.path (string): the file, from the module's top
//   - change.how (string): "new", "removed" or "changed"
//   - change.from (string): the revision that it had, or ""
//   - change.to (string): the revision that it has, or ""
//
// Options:
//
//   - root, module (required): of what
//   - from, from_date: a tag or a date: since when
//   - to, to_date: until when; by default what is newest on the trunk
func (b *binding) changes(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root     string `lua:"root,required"`
		Module   string `lua:"module,required"`
		From     string
		FromDate string
		To       string
		ToDate   string
		Timeout  time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var changes []Change
	c.Wait("cvs.changes of "+opts.Module, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		changes, err = client.Changes(ctx, ChangesOptions{
			Module: opts.Module, From: opts.From, FromDate: opts.FromDate, To: opts.To, ToDate: opts.ToDate,
		})
		return err
	})
	c.Push(changes)
}

// cvs.revisions(host, options) -> revisions or nil
//
// Returns what each file of a module is on a tag or branch, by its path from the
// module's top: revision, time and options, as they stand in CVS/Entries; nil
// for a module that CVSROOT/modules puts together from several directories or
// from files, of which only a checkout tells what it has. Options: root, module,
// tag (all required).
func (b *binding) revisions(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root    string `lua:"root,required"`
		Module  string `lua:"module,required"`
		Tag     string `lua:"tag,required"`
		Timeout time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var revisions map[string]string
	c.Wait("cvs.revisions of "+opts.Tag, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		revisions, err = client.Revisions(ctx, opts.Module, opts.Tag)
		return err
	})
	if revisions == nil {
		c.Push(nil)
		return
	}
	c.Push(revisions)
}

// cvs.behind(host, options) -> paths
//
// Returns which files of a working copy are not the revisions that a tag or branch
// has now, are not there, or only here, as far as cvs knows: no file is read, and
// the server is not asked. Options:
//
//   - dir (required): the working copy
//   - revisions (required): what cvs.revisions returns for the tag
func (b *binding) behind(c *luahost.Call) {
	opts := luahost.Options[struct {
		Dir       string            `lua:"dir,required"`
		Revisions map[string]string `lua:"revisions,required"`
		Timeout   time.Duration
	}](c, 2)
	client := b.client(c, "")
	var paths []string
	c.Wait("cvs.behind of "+opts.Dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		paths, err = client.Behind(ctx, opts.Dir, opts.Revisions)
		return err
	})
	c.Push(paths)
}

// cvs.move(host, options) -> paths
//
// Takes a working copy to another tag or branch, as a fresh checkout would have
// it, but fetches only the files that differ there or are missing, and returns
// their names. The server looks at these alone, so a small change to a large
// site costs little. What is not under CVS, or was changed, must be gone from
// it, as it is from what release.build begins with. Options:
//
//   - dir, tag (required): what, and to where
//   - revisions (required): what cvs.revisions returns for the tag
//   - look = true: only return what would be fetched
func (b *binding) move(c *luahost.Call) {
	opts := luahost.Options[struct {
		Root      string
		Dir       string            `lua:"dir,required"`
		Tag       string            `lua:"tag,required"`
		Revisions map[string]string `lua:"revisions,required"`
		Look      bool
		Timeout   time.Duration
	}](c, 2)
	client := b.client(c, opts.Root)
	var fetched []string
	c.Wait("cvs.move of "+opts.Dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		o := MoveOptions{Dir: opts.Dir, Tag: opts.Tag, Revisions: opts.Revisions, Look: opts.Look}
		fetched, err = client.Move(ctx, o)
		return err
	})
	c.Push(fetched)
}

// cvs.allow(host, root)
//
// Says that the password of the account in root may go to cvs on the host. It is
// for working copies, which say themselves whose password their server wants:
// without root or this, the host would decide which password it gets.
func (b *binding) allow(c *luahost.Call) {
	root := c.String(2)
	client := b.client(c, root)
	if err := checkRoot(root); err != nil {
		c.Fail("%v", err)
	}
	if b.passwords != nil {
		b.passwords.name(client.Host, root)
	}
}
