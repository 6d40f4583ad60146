package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/console"
)

// script is Lua to run on the farm.
type script struct {
	flags  flags
	name   string // for the script's own messages
	source string
	path   string // for positions in errors
	args   []string
	find   finder
	extra  func(w *world) luahost.Module // which only this script can require; nil is none
}

// run makes the farm, runs the script, and logs out everywhere.
func (s script) run(ctx context.Context, out *console.Console) (err error) {
	if s.flags.raw && out.OutTerminal {
		return usageError("--raw does not write to a terminal, which would obey what the host prints: send it to a file or a pipe")
	}
	out.Raw = s.flags.raw
	w := newWorld(s.flags, s.name, out)
	defer w.close()
	w.hasSite = s.find.hasSite
	whole, _ := luahost.ParseDuration(s.flags.whole) // 0 where none was given; flags.check has read it
	end := time.Now().Add(cmp.Or(whole, luahost.DefaultTimeout))
	defer func() { time.AfterFunc(time.Until(end), out.Abandon) }() // those who read have no longer than the run
	if s.flags.resume != nil && w.chronicle.err != nil {
		return w.chronicle.err
	}
	defer func() { w.remember(err) }()
	defer func() { w.json.ended(err) }()
	w.chronicle.read("", s.path, []byte(s.source))
	ctx, stop := interruptible(ctx, atWork{w}, out)
	defer stop()
	all := modules(w, s.name)
	if s.extra != nil {
		all = append(all, s.extra(w))
	}
	memory, _ := parseMemory(s.flags.memory) // as above
	rt := luahost.New(ctx, luahost.Config{
		Timeout: whole,
		Memory:  memory,
		Modules: all,
		Find:    w.remembering(s.find),
		Args:    s.args,
		Print:   out.PrintUntil,
		Log:     func(text string) { note(out, "%s", text) },
	})
	defer rt.Close()
	err = rt.Run(s.source, s.path)
	if exit, ok := errors.AsType[*luahost.ExitRequest](err); ok && exit.Code == allWell {
		err = nil
	}
	if err == nil && s.flags.dryRun && !s.find.example { // no help
		note(out, "this was a dry run: nothing was changed on the hosts")
	}
	return err
}

// remember writes down how the run ended.
func (w *world) remember(ended error) {
	if err := w.chronicle.close(ended); err != nil {
		note(w.out, "%v", err)
	}
	w.writePage()
}

// remembering is f.find for a run that remembers which files it has read.
func (w *world) remembering(f finder) func(name string) ([]byte, string, error) {
	return func(name string) (source []byte, path string, err error) {
		source, path, err = f.find(name)
		if err == nil {
			w.chronicle.read(name, path, source)
		}
		return source, path, err
	}
}

// newScript finds a script by its path or name.
func newScript(f flags, name string, args []string) (script, error) {
	source, path, find, err := findScript(f.site, name)
	short := strings.TrimSuffix(filepath.Base(path), ".lua")
	return script{flags: f, name: short, source: source, path: path, args: args, find: find}, err
}

// scriptJob runs a script by its path or name.
func scriptJob(f flags, name string, args []string) (job, error) {
	s, err := newScript(f, name, args)
	if err != nil {
		return nil, err
	}
	if slices.Equal(args, []string{"--help"}) {
		return s.help(), nil
	}
	return s, nil
}

// lineJob runs the Lua of -e.
func lineJob(f flags, args []string) job {
	return script{flags: f, name: "-e", source: f.line, path: "-e", args: args, find: newFinder(f.site, "")}
}
