package patch

import (
	"cmp"
	"context"
	"time"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local patch = require "patch"
//
// It applies patches, texts such as diff -u, diff -c or git diff make, to files on
// a host and takes them out again, by the host's patch. A patch is applied whole or
// not at all, and only where its lines are, though they may have moved; keywords of
// cvs in them, such as $Id$, may read otherwise. If the host's shell is killed while it
// places files, the next patch there first puts them back. One that does not fit is an error
// of kind "refused", whose output is the hunks that do not. All but patch.files take
// these options: dir, where the names in the patch begin; strip, how many leading
// directories to take off them, by default git's a/ and b/ where all have them; name,
// what to call the patch in errors; timeout ("10m").
func Module() luahost.Module {
	return luahost.Module{Name: "patch", Funcs: map[string]luahost.Func{
		"look": look, "apply": apply, "revert": revert, "files": files,
	}}
}

const timeout = 10 * time.Minute

// options are those of the functions that work on a host.
type options struct {
	Dir     string
	Strip   int
	Name    string
	Timeout time.Duration
}

// take decodes the arguments of those functions.
func take(c *luahost.Call) (host Runner, text string, o Options, wait time.Duration) {
	host, text = luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[options](c, 3)
	return host, text, Options{Dir: opts.Dir, Strip: opts.Strip, Name: opts.Name}, cmp.Or(opts.Timeout, timeout)
}

// patch.look(host, text [, options]) -> state, paths, checksums
//
// Tells how a patch stands: "fits", or "applied" if it is in already; which files it
// changes; and which checksums (cksum) these would have with a patch that fits, or
// without one that is in, "-" for one that would not be there. It fails where
// patch.apply would. Options:
//
//   - out (false): true looks whether it can be taken out, and fails where
//     patch.revert would
//   - after: a list of patches that are taken to have been applied before
func look(c *luahost.Call) {
	host, text := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct {
		Dir     string
		Strip   int
		Name    string
		Out     bool
		After   []string
		Timeout time.Duration
	}](c, 3)
	o := Options{Dir: opts.Dir, Strip: opts.Strip, Name: opts.Name, Out: opts.Out, After: opts.After}
	var state State
	var paths, sums []string
	c.Wait("patch.look"+in(o.Dir), cmp.Or(opts.Timeout, timeout), func(ctx context.Context) (err error) {
		state, paths, sums, err = Sums(ctx, host, text, o)
		return err
	})
	c.Push(string(state), paths, sums)
}

// patch.apply(host, text [, options]) -> changed, paths
//
// Applies a patch, and returns true, or false if it was in already; and which files
// it changes. A dry run looks whether it would fit.
func apply(c *luahost.Call) {
	host, text, o, wait := take(c)
	var changed bool
	var paths []string
	c.Wait("patch.apply"+in(o.Dir), wait, func(ctx context.Context) (err error) {
		changed, paths, err = Apply(ctx, host, text, o)
		return err
	})
	c.Push(changed, paths)
}

// patch.revert(host, text [, options]) -> changed, paths
//
// Takes a patch out again, and returns true, or false if it was not in; and which
// files it changes. A dry run looks whether it could be taken out.
func revert(c *luahost.Call) {
	host, text, o, wait := take(c)
	var changed bool
	var paths []string
	c.Wait("patch.revert"+in(o.Dir), wait, func(ctx context.Context) (err error) {
		changed, paths, err = Revert(ctx, host, text, o)
		return err
	})
	c.Push(changed, paths)
}

// patch.files(text [, options]) -> paths
//
// Returns the files that a patch is of: none if there is no patch in the text. Which
// of the two names of a file patch takes depends on which is there; this is the one
// that it prefers. Options: strip.
func files(c *luahost.Call) {
	text := c.String(1)
	opts := luahost.Options[struct{ Strip int }](c, 2)
	c.Push(Files(text, opts.Strip))
}
