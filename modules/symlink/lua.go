package symlink

import (
	"cmp"
	"context"
	"errors"
	"time"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local symlink = require "symlink"
//
// It reads symbolic links and switches them, each in one rename, so that
// nobody ever finds the link missing.
func Module() luahost.Module {
	return luahost.Module{Name: "symlink", Funcs: map[string]luahost.Func{"read": read, "switch": switchLink}}
}

const timeout = time.Minute

// symlink.read(host, link [, options]) -> target, entry
//
// Returns what the link reads, or nil if there is nothing of that name. What is
// there and is no link is an error. Options:
//
//   - within: a directory; read then returns besides which entry of it the link
//     leads to, or below which, by whatever way; nil if it leads elsewhere. The
//     host follows all links there are, and the entry itself need not be there.
//   - timeout ("1m")
func read(c *luahost.Call) {
	host, link := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct {
		Within  string
		Timeout time.Duration
	}](c, 3)
	var target, entry string
	err := c.Try("symlink.read "+link, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) (err error) {
		target, entry, err = ReadWithin(ctx, host, link, opts.Within)
		return err
	})
	switch {
	case errors.Is(err, ErrNoLink):
		c.Push(nil)
	case err != nil:
		c.Raise(err)
	case opts.Within == "":
		c.Push(target)
	default:
		c.Push(target, luahost.OrNil(entry))
	}
}

// symlink.switch(host, link, target [, options]) -> former or nil
//
// Makes the link read target, in one rename, and returns what it read before,
// or nil if there was no link. A relative target is relative to the directory
// of the link. What is there and is no link stays as it is, and the target must
// be a directory: both are errors, and nothing is changed. Options:
//
//   - target: what the target must be: "directory" (the default), "exists" for
//     anything, or "any" if it need not be there
//   - from_home (false): true takes a relative target from the login's home
//     directory, as all other paths are. The host finds out how the link has to
//     read it from where that lies.
//   - former: the name of a link beside this one that is made to read what this one
//     read before. If the switch fails it stays as it was.
//   - replace: a directory, in which the link may take the place of a file or
//     directory, and the directories above it are made: for a link that nobody reads
//     yet. It is an error if a link above it leads out of there.
//   - look (false): true only finds out whether the switch could be made
//   - timeout ("1m")
func switchLink(c *luahost.Call) {
	host, link, target := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[struct {
		Target   string
		FromHome bool
		Former   string
		Replace  string
		Look     bool
		Timeout  time.Duration
	}](c, 4)
	o := Options{FromHome: opts.FromHome, Former: opts.Former, Replace: opts.Replace, Look: opts.Look}
	if word := c.Choice("target", opts.Target, "directory", "exists", "any"); word != "directory" {
		o.Target = Need(word)
	}
	var former string
	c.Wait("symlink.switch "+link, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) (err error) {
		former, err = Switch(ctx, host, link, target, o)
		return err
	})
	if former == "" {
		c.Push(nil)
		return
	}
	c.Push(former)
}
