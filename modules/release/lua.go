package release

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local release = require "release"
//
// It keeps the releases of a site on a host: directories each of which takes
// its name only when it is complete, and knows what it is, what is in it and
// which local patches it carries. What fills one is up to the script. The record lies
// at its top, in CVS, .git or .farmrun: where that is the root of a web site, the web
// server must serve none of these.
//
//	release.build(host, "releases/2000-09-19", { notes = { tag = tag } }, function(new)
//	  cvs.checkout(host, { root = root, module = "site", tag = tag, dir = new.dir })
//	end)
//
// Every function takes timeout, a minute for those that only look, 10 minutes
// for the others, and 1 hour for release.build.
func Module() luahost.Module {
	return luahost.Module{Name: "release", Funcs: map[string]luahost.Func{
		"build": build, "inspect": inspect, "list": list, "condemn": condemn, "remove": remove, "sweep": sweep,
		"changes": changes, "differences": differences, "keep": keep, "note_source": noteSource,
		"carried": carried, "carry": carry, "drop": drop, "hash": hash, "note": note,
	}}
}

// The times that there are unless the script says otherwise.
const (
	lookTimeout  = time.Minute
	workTimeout  = 10 * time.Minute
	buildTimeout = time.Hour
)

// timeOption is what every function takes.
type timeOption struct{ Timeout time.Duration }

// release.build(host, dir, options, fill [, adapt]) -> record
//
// Makes the release dir: fill(new) puts the source's files into new.dir, a
// hidden directory beside dir, which then takes the name dir, complete. If
// anything fails, nothing is left; the remains of an earlier build that died are
// cleared away. A name that is taken is an error of kind "refused".
// adapt(new) makes the changes that are the site's own, such as local patches,
// which a release that begins with this one does not take over; a table that
// it returns is added to the notes. A dry run calls both, with new.dry, to show
// their effects. Options:
//
//   - from: a release to begin with, if there is one. new.dir then has its
//     files, but for those that are not as they came from the source, and
//     shares them by hard links until one is replaced.
//   - replace: a list of links. A release that has the name loses it when this one
//     is complete, and is removed, unless one of the links leads to it or into it by
//     then: an error of kind "refused"
//   - notes: a table of lines to write down, which release.inspect has as notes
//   - timeout ("1h"): how long all of that may take
//
// fill and adapt get a value new with these fields:
//
//   - new.dir (string): the directory to fill; it is there, and empty unless it
//     began with another release
//   - new.from (string): the release that it began with, or ""
//   - new.dry (boolean): true if this is a dry run, and new.dir is not there
//
// The record has fields:
//
//   - record.dir (string): where it lies on the host
//   - record.name (string): the last part of that
//   - record.time (string?): when it was complete, by the host's clock, such
//     as "2000-09-19T22:10:05Z"; nil if it is not known to be complete
//   - record.files (integer): how many files it has
//   - record.bad (string): why it must not go live, or ""
//   - record.content (string): tells apart what releases have from their source: it
//     is the same on every host that has the same files there, local patches left
//     out; "" if that is not known
//   - record.notes (table<string, string>): the notes of its builder
func build(c *luahost.Call) {
	host, dir, fill := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.Function(4)
	opts := luahost.Options[struct {
		From    string
		Replace []string
		Notes   map[string]string
		Timeout time.Duration
	}](c, 3)
	deadline := time.Now().Add(cmp.Or(opts.Timeout, buildTimeout))
	step := func(what string, do func(ctx context.Context) error) {
		c.Wait("release.build of "+dir, max(time.Until(deadline), time.Nanosecond), do)
	}
	var b *Build
	step("begin", func(ctx context.Context) (err error) {
		b, err = Begin(ctx, host, dir, BuildOptions{From: opts.From, Replace: opts.Replace})
		return err
	})
	c.Own(b)
	defer func() {
		c.Disown(b)
		c.Try("give up "+dir, 0, func(context.Context) error { return b.Close() })
	}()
	call(c, fill, b)
	if c.Has(5) {
		step("filled", b.Filled)
		addNotes(c, &opts.Notes, call(c, c.Function(5), b))
	}
	var rel Release
	step("seal", func(ctx context.Context) (err error) {
		rel, err = b.Seal(ctx, opts.Notes)
		return err
	})
	c.Push(rel)
}

// newRelease is a Build as a script gets it.
type newRelease struct {
	Dir, From string
	Dry       bool
}

// call has a function of the script work on a build. An error speaks of it by the name
// that it would have had.
func call(c *luahost.Call, fn *lua.LFunction, b *Build) lua.LValue {
	result, err := c.Protect(fn, newRelease{b.Dir, b.From, b.Dry})
	if err != nil {
		var e *luahost.Error
		if errors.As(err, &e) {
			e.Message = strings.ReplaceAll(e.Message, b.Dir, b.name)
		}
		c.Raise(err)
	}
	return result
}

// addNotes adds what adapt has returned.
func addNotes(c *luahost.Call, notes *map[string]string, more lua.LValue) {
	if more == lua.LNil {
		return
	}
	added := map[string]string{}
	if err := luahost.Decode(more, &added); err != nil {
		c.Fail("what adapt returned: %v", err)
	}
	all := maps.Clone(added)
	maps.Copy(all, *notes)
	*notes = all
}

// tell is a function of the script to which a host and a directory are all it
// takes: it returns what do finds there.
func tell[T any](c *luahost.Call, timeout time.Duration, do func(ctx context.Context, r Runner, dir string) (T, error)) {
	host, dir := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[timeOption](c, 3)
	var found T
	c.Wait(c.Name()+" of "+dir, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) (err error) {
		found, err = do(ctx, host, dir)
		return err
	})
	c.Push(found)
}

// release.inspect(host, dir [, options]) -> record
//
// Returns what release a directory is, as release.build does. A directory that
// is not there, or that was not built to its end, is an error.
func inspect(c *luahost.Call) { tell(c, lookTimeout, Inspect) }

// release.list(host, dir [, options]) -> records
//
// Returns the directories within dir, in the order of their names, and what
// they are, as release.build does. One that was not built to its end has no
// time. What is left of a build that died, or is being built, has a name that
// begins with ".farmrun-new.". Options:
//
//   - complete (false): true leaves out all that was not built to its end, and
//     has the newest first, by the dates that are their names
//   - content (false): true has record.content, which takes reading the lists of all
func list(c *luahost.Call) {
	host, dir := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct {
		Complete, Content bool
		Timeout           time.Duration
	}](c, 3)
	var all []Release
	c.Wait("release.list in "+dir, cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		all, err = List(ctx, host, dir, opts.Content)
		return err
	})
	if opts.Complete {
		all = Complete(all)
	}
	c.Push(all)
}

// release.condemn(host, dir, text [, options])
//
// Marks a release as one that is not to be put on the air again, and says why;
// an empty text takes the mark away.
func condemn(c *luahost.Call) {
	host, dir, why := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[timeOption](c, 4)
	c.Wait("release.condemn "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return Condemn(ctx, host, dir, why)
	})
}

// release.remove(host, dir [, options])
//
// Removes a directory of releases. It loses its name first, so that nobody
// finds half of it. One in which somebody else has filled a directory, so that it
// could not be removed as a whole, is left as it is: an error. Options:
//
//   - unless: links that must not lead to it or into it, by whatever way; it is an
//     error of kind "refused" if one does
func remove(c *luahost.Call) {
	host, dir := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct {
		Unless  []string
		Timeout time.Duration
	}](c, 3)
	c.Wait("release.remove "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return Remove(ctx, host, dir, opts.Unless)
	})
}

// release.sweep(host, dir [, options]) -> dirs, reasons
//
// Removes what is left in dir, where releases lie, of builds that died and of
// releases that were not removed to the end, and returns where that was, and a
// list of what could not be removed, each with the host's reason. What another
// machine may be at work on stays for a day. A dry run only looks.
func sweep(c *luahost.Call) {
	host, dir := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[timeOption](c, 3)
	var removed, stuck []string
	c.Wait("release.sweep of "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		removed, stuck, err = Sweep(ctx, host, dir)
		return err
	})
	c.Push(removed, stuck)
}

// release.changes(host, dir [, options]) -> drifts
//
// Returns which files are not as they were when the release was built, or kept
// since. The files are read; no source is asked. Options:
//
//   - own: files and, with "/" at the end, directories that the application
//     writes: what became of them is left out. They are named by their paths within
//     the release, in which * stands for any characters but "/".
//
// Each has these fields:
//
//   - drift.path (string): the file, with "?" for characters that do not fit
//     into a line
//   - drift.how (string): "changed", "new", "missing", "link" for a link that
//     reads otherwise or leads nowhere now, or "mode" or "owner" where that alone
//     is different, of directories too
//   - drift.was (string): its checksum (cksum) by the record, "-" if that has none, and
//     "" for a new one
func changes(c *luahost.Call) {
	host, dir := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct {
		Own     []string
		Timeout time.Duration
	}](c, 3)
	var found []Change
	c.Wait("release.changes of "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) (err error) {
		found, err = Changes(ctx, host, dir)
		if err == nil {
			found, err = Without(found, opts.Own)
		}
		return err
	})
	c.Push(found)
}

// release.differences(host, other, dir [, options]) -> drifts
//
// Returns how the files that a release has from its source on one host differ from
// those that it has on another, as release.changes does: "new" is what only the
// first has. Local patches and what was changed by hand are none of that.
func differences(c *luahost.Call) {
	host, other, dir := luahost.Arg[Runner](c, 1, "a host"), luahost.Arg[Runner](c, 2, "a host"), c.String(3)
	opts := luahost.Options[timeOption](c, 4)
	var found []Change
	c.Wait("release.differences of "+dir, cmp.Or(opts.Timeout, lookTimeout), func(ctx context.Context) (err error) {
		found, err = Differences(ctx, host, other, dir)
		return err
	})
	c.Push(found)
}

// release.keep(host, dir, paths [, options])
//
// Takes files of a release, a list of their paths within it, as they are now
// for what they should be. One that is not there should not be. Options:
//
//   - source (false): true tells that they are what the source has now
func keep(c *luahost.Call) {
	host, dir, paths := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.Strings(3)
	opts := luahost.Options[struct {
		Source  bool
		Timeout time.Duration
	}](c, 4)
	c.Wait("release.keep in "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return Keep(ctx, host, dir, paths, opts.Source)
	})
}

// release.note_source(host, dir, sums [, options])
//
// Notes which checksums (cksum) files of a release have in its source now, a table by
// their paths, where they are not so in the release: they are patched, or were changed
// by hand.
func noteSource(c *luahost.Call) {
	host, dir := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	var sums map[string]string
	if err := luahost.Decode(c.Value(3), &sums); err != nil {
		c.Fail("sums: %v", err)
	}
	opts := luahost.Options[timeOption](c, 4)
	c.Wait("release.note_source of "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return NoteSource(ctx, host, dir, sums)
	})
}

// release.carried(host, dir [, options]) -> carried_patches
//
// Returns the local patches that a release carries, as they were applied. Each
// has these fields:
//
//   - carried_patch.id (string): its name
//   - carried_patch.text (string): the patch, as it was applied
//   - carried_patch.hash (string): the release.hash of that text
func carried(c *luahost.Call) { tell(c, lookTimeout, Carried) }

// release.carry(host, dir, id, text [, options])
//
// Notes that a release carries a local patch, in place of one of the same id.
// It does not apply it.
func carry(c *luahost.Call) {
	host, dir, id, text := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3), c.String(4)
	opts := luahost.Options[timeOption](c, 5)
	c.Wait("release.carry "+id, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return Carry(ctx, host, dir, id, text)
	})
}

// release.drop(host, dir, id [, options])
//
// Notes that a release no longer carries a local patch.
func drop(c *luahost.Call) {
	host, dir, id := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[timeOption](c, 4)
	c.Wait("release.drop "+id, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return Drop(ctx, host, dir, id)
	})
}

// release.hash(text) -> string
//
// Returns twelve digits by which texts are told apart.
func hash(c *luahost.Call) { c.Push(Hash(c.String(1))) }

// release.note(host, dir, name, text [, options])
//
// Writes a line down that release.inspect has among the notes of a release, in
// place of one of that name.
func note(c *luahost.Call) {
	host, dir, name, text := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3), c.String(4)
	opts := luahost.Options[timeOption](c, 5)
	c.Wait("release.note of "+dir, cmp.Or(opts.Timeout, workTimeout), func(ctx context.Context) error {
		return Note(ctx, host, dir, name, text)
	})
}
