package main

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/luahost/terminal"
	"farmrun/modules/expect"
	"farmrun/modules/expect/autoscript"
)

//go:embed autoscript.lua
var autoscriptSource string

// recordJob gives the operator a session on a host, and makes a script of what
// he does there.
func recordJob(f flags, args []string) (job, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, usageError("it is called so: farmrun record HOST [FILE.lua]")
	}
	if f.dryRun {
		return nil, usageError("what is done in a session cannot be done dry")
	}
	file := args[0] + ".lua"
	if len(args) == 2 {
		file = args[1]
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return nil, usageError("%s is there already; name another file: farmrun record %s FILE.lua", file, args[0])
	}
	find := newFinder(f.site, "")
	return script{flags: f, name: "record", source: autoscriptSource, path: "record", find: find, extra: func(w *world) luahost.Module {
		d := demonstration{w, file, find.hasSite()}
		return luahost.Module{
			Name:   "record",
			Values: map[string]any{"host": args[0], "has_site": d.site},
			Funcs:  map[string]luahost.Func{"watch": d.watch},
		}
	}}, nil
}

// demonstration is what an operator does for a script to do again.
type demonstration struct {
	w    *world
	file string
	site bool
}

// loginTimeout is how long it may take until there is a terminal.
const loginTimeout = 2 * time.Minute

// watch gives the operator a session on a host, and writes the script.
func (d demonstration) watch(c *luahost.Call) {
	host := luahost.Arg[expect.Host](c, 1, "a host")
	var t *autoscript.Transcript
	c.Wait("farmrun record of "+host.Name(), loginTimeout, func(ctx context.Context) error {
		opened, err := host.Terminal(ctx, remote.TerminalOptions{Term: os.Getenv("TERM")})
		if err == nil {
			t = autoscript.Watch(opened)
		}
		return err
	})
	defer t.Close()
	err := c.Try("farmrun record of "+host.Name(), 0, func(ctx context.Context) error { return d.giveTo(ctx, host, t) })
	if failed := d.write(t, host); err == nil {
		err = failed
	}
	if err != nil {
		c.Raise(err)
	}
}

// giveTo returns when the operator is done.
func (d demonstration) giveTo(ctx context.Context, host expect.Host, t *autoscript.Transcript) error {
	screen, err := d.w.operator.Take(ctx)
	if errors.Is(err, terminal.ErrNone) {
		return &luahost.Error{Kind: luahost.Usage, Message: "there is no terminal to do it on", Hint: "run it on a terminal", Err: err}
	}
	if err != nil {
		return err
	}
	defer screen.Close()
	escape, err := expect.NewEscape("~.")
	if err != nil {
		return err
	}
	s := expect.New(t, expect.Options{})
	defer s.Close()
	err = s.Interact(ctx, screen, expect.Takeover{Name: "the session on " + host.Name(), Escape: escape})
	if errors.Is(err, expect.ErrEnd) {
		return nil
	}
	return err
}

// write writes the script.
func (d demonstration) write(t *autoscript.Transcript, host expect.Host) error {
	script, err := t.Script(autoscript.About{Host: host.Name(), File: filepath.Base(d.file), When: time.Now(), Term: os.Getenv("TERM"), Site: d.site})
	if errors.Is(err, autoscript.ErrNothing) {
		note(d.w.out, "nothing was typed, so there is no script")
		return nil
	}
	if err != nil {
		return err
	}
	file, err := os.OpenFile(d.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = file.Write(script)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	note(d.w.out, "%s is written; farmrun %s does it again", d.file, d.file)
	return nil
}
