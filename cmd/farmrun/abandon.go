package main

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/fence"
	"farmrun/luahost/runs"
	"farmrun/modules/farm"
)

//go:embed abandon.lua
var abandonSource string

// abandonJob gives a run up.
func abandonJob(f flags, args []string) (job, error) {
	if len(args) != 1 {
		return nil, usageError("farmrun abandon takes one run; farmrun runs lists them")
	}
	return jobFunc(func(ctx context.Context, out *console.Console) error { return abandon(ctx, out, f, args[0]) }), nil
}

// abandon gives the run up of that id, or the beginning of one. It logs in as the
// run did.
func abandon(ctx context.Context, out *console.Console, f flags, id string) error {
	store, err := runStore()
	if err != nil {
		return err
	}
	r := resume{flags: f, id: id}
	id, state, s, err := r.reopen(store)
	if err != nil {
		return err
	}
	run, _, err := store.Resume(id) // and nobody else does
	if err != nil {
		return err
	}
	defer run.Close()
	s.name, s.source, s.path, s.args = "abandon", abandonSource, commandPath, nil
	s.flags.yes = f.yes
	s.extra = func(w *world) luahost.Module { return abandonModule(w, run, state, s.find.hasSite()) }
	return s.run(ctx, out)
}

// abandonModule is for abandon.lua.
func abandonModule(w *world, run *runs.Run, state *journal.State, site bool) luahost.Module {
	me := w.chronicle.describe(nil)
	owner := fence.Owner{
		Token: run.About.Token, Epoch: len(state.Resumed) + 2, Run: run.ID, Who: me.User + "@" + me.Machine, Since: time.Now(),
	}
	abandon := func(c *luahost.Call) {
		c.Wait(c.Name(), 10*time.Minute, func(ctx context.Context) error {
			left := w.farm.Abandon(ctx, state, owner)
			r := journal.Record{Kind: journal.RunAbandoned, Run: &me}
			if left != nil {
				r.Error, r.Said = left.Error(), remote.SaidBy(left)
			}
			if err := run.Journal.Append(r); err != nil {
				return err
			}
			if left == nil {
				return nil
			}
			return &luahost.Error{
				Kind: luahost.Hosts, Message: "the run was abandoned, but not all of it is removed: " + left.Error(), Err: left,
				Hint: "farmrun clean SET removes the rest, when the hosts can be reached and its commands have ended",
			}
		})
	}
	return luahost.Module{
		Name:   "abandoned",
		Values: map[string]any{"standing": fmt.Sprintf("%s: %s", run.ID, standing(state)), "site": site},
		Funcs:  map[string]luahost.Func{"abandon": abandon},
	}
}

//go:embed clean.lua
var cleanSource string

// cleanJob removes the marks of dead runs from hosts.
func cleanJob(f flags, sets []string) (job, error) {
	if len(sets) == 0 {
		return nil, usageError("farmrun clean needs to know where: name hosts or a set, such as 'web[1-20]'")
	}
	find := newFinder(f.site, "")
	s := script{flags: f, name: "clean", source: cleanSource, path: commandPath, find: find}
	s.extra = func(w *world) luahost.Module { return cleanModule(w, sets, find.hasSite()) }
	return s, nil
}

// cleanModule is for clean.lua.
func cleanModule(w *world, sets []string, site bool) luahost.Module {
	const within = time.Minute
	look := func(c *luahost.Call) {
		h := luahost.Arg[*farm.Host](c, 1, "a host")
		var found []farm.Found
		c.Wait(c.Name(), within, func(ctx context.Context) (err error) {
			found, err = w.farm.Fences(ctx, h)
			return err
		})
		fences := []map[string]string{}
		for _, f := range found {
			fences = append(fences, map[string]string{"run": f.Run, "owner": f.String(), "standing": w.chronicle.standing(f.Run, f.Token)})
		}
		c.Push(fences)
	}
	remove := func(c *luahost.Call) {
		h, dead := luahost.Arg[*farm.Host](c, 1, "a host"), c.Strings(2)
		c.Wait(c.Name(), 2*within, func(ctx context.Context) error { return w.farm.Clean(ctx, h, dead) })
	}
	return luahost.Module{
		Name:   "clean",
		Values: map[string]any{"sets": sets, "site": site},
		Funcs:  map[string]luahost.Func{"look": look, "remove": remove},
	}
}
