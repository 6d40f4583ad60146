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

// symlink.read(host, link [, options]) -> target or nil
//
// Returns what the link reads, or nil if there is nothing of that name. What is
// there and is no link is an error. Options: timeout ("1m").
func read(c *luahost.Call) {
	host, link := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct{ Timeout time.Duration }](c, 3)
	var target string
	err := c.Try("symlink.read "+link, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) (err error) {
		target, err = Read(ctx, host, link)
		return err
	})
	switch {
	case errors.Is(err, ErrNoLink):
		c.Push(nil)
	case err != nil:
		c.Raise(err)
	default:
		c.Push(target)
	}
}

// symlink.switch(host, link, target [, options]) -> former or nil
//
// Makes the link read target, in one rename, and returns what it read before,
// or nil if there was no link. A relative target is relative to the directory
// of the link. What is there and is no link stays as it is, and the target must
// be a directory: both are errors, and nothing is changed. Options: target says
// what the target must be: "directory" (the default), "exists" for anything, or
// "any" if it need not be there; timeout ("1m").
func switchLink(c *luahost.Call) {
	host, link, target := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[struct {
		Target  string
		Timeout time.Duration
	}](c, 4)
	need := NeedDirectory
	if word := c.Choice("target", opts.Target, "directory", "exists", "any"); word != "directory" {
		need = Need(word)
	}
	var former string
	c.Wait("symlink.switch "+link, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) (err error) {
		former, err = Switch(ctx, host, link, target, Options{Target: need})
		return err
	})
	if former == "" {
		c.Push(nil)
		return
	}
	c.Push(former)
}
