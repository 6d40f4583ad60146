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
// It applies patches, texts such as diff -u makes, to files on a host and takes
// them out again, by the host's patch, with a copy of each file beside it, its
// name ending in ".orig". A patch is applied whole or not at all, and only where
// its lines are, though they may have moved. One that does not fit is an error
// of kind "refused", whose output is the hunks that do not. All but patch.files
// take these options: dir, where the names in the patch begin; strip (0), how
// many leading directories to take off them; name, what to call the patch in
// errors; timeout ("10m").
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

// patch.look(host, text [, options]) -> state
//
// Tells how a patch stands: "fits", or "applied" if it is in already.
func look(c *luahost.Call) {
	host, text, o, wait := take(c)
	var state State
	c.Wait("patch.look"+in(o.Dir), wait, func(ctx context.Context) (err error) {
		state, err = Look(ctx, host, text, o)
		return err
	})
	c.Push(string(state))
}

// patch.apply(host, text [, options]) -> changed
//
// Applies a patch, and returns true, or false if it was in already. A dry run
// looks whether it would fit.
func apply(c *luahost.Call) {
	host, text, o, wait := take(c)
	var changed bool
	c.Wait("patch.apply"+in(o.Dir), wait, func(ctx context.Context) (err error) {
		changed, err = Apply(ctx, host, text, o)
		return err
	})
	c.Push(changed)
}

// patch.revert(host, text [, options]) -> changed
//
// Takes a patch out again, and returns true, or false if it was not in.
func revert(c *luahost.Call) {
	host, text, o, wait := take(c)
	var changed bool
	c.Wait("patch.revert"+in(o.Dir), wait, func(ctx context.Context) (err error) {
		changed, err = Revert(ctx, host, text, o)
		return err
	})
	c.Push(changed)
}

// patch.files(text [, options]) -> paths
//
// Returns the files that a patch is of. Options: strip.
func files(c *luahost.Call) {
	text := c.String(1)
	opts := luahost.Options[struct{ Strip int }](c, 2)
	c.Push(Files(text, opts.Strip))
}
