package luahost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/compat"
)

// loading is a file that require runs.
type loading struct {
	name string
	by   *thread
	done chan struct{} // closed when it has been run, or has failed
}

// setModules makes require find the modules of the Config and, after them, the
// files of the site. package.loaded is as in any Lua; where files are is the
// Config's affair, so the rest of package is not there.
func (rt *Runtime) setModules() {
	for _, m := range rt.config.Modules {
		if _, twice := rt.modules[m.Name]; twice {
			panic("luahost: two modules are named " + m.Name)
		}
		rt.modules[m.Name] = m
	}
	rt.loaded = rt.root.NewTable()
	for _, library := range []string{"string", "table", "math", "io", "os", "coroutine", "debug", "_G"} {
		rt.loaded.RawSetString(library, rt.root.GetGlobal(library))
	}
	library := rt.root.NewTable()
	library.RawSetString("loaded", rt.loaded)
	rt.loaded.RawSetString("package", library)
	rt.root.SetGlobal("package", library)
	rt.root.SetGlobal("require", rt.function("require", rt.require))
}

// require is require(name). Of several threads that want the same file one
// runs it and the others wait. A file that failed is run again by the next
// require of it.
func (rt *Runtime) require(c *Call) {
	name := c.String(1)
	c.Require(name)
	c.Push(rt.loaded.RawGetString(name))
}

// Require does the same as require(name) in Lua, or raises its error.
func (c *Call) Require(name string) {
	rt := c.rt
	for rt.loaded.RawGetString(name) == lua.LNil {
		l := rt.loading[name]
		if l == nil {
			rt.load(c, name)
			break
		}
		awaitLoading(c, l)
	}
}

// load opens the module or runs the file of that name.
func (rt *Runtime) load(c *Call, name string) {
	if m, ok := rt.modules[name]; ok {
		rt.loaded.RawSetString(name, rt.open(m))
		return
	}
	fn := rt.findFile(c, name)
	l := &loading{name: name, by: c.thread, done: make(chan struct{})}
	rt.loading[name] = l
	defer func() {
		delete(rt.loading, name)
		close(l.done)
	}()
	result := c.Invoke(fn, name)
	if rt.loaded.RawGetString(name) != lua.LNil { // the file has set it
		return
	}
	if result == lua.LNil {
		result = lua.LTrue
	}
	rt.loaded.RawSetString(name, result)
}

// loadWithin is how long a thread waits for another to run a file.
const loadWithin = 10 * time.Minute

// awaitLoading waits until another thread has run a file, unless that thread
// in its turn waits for this one.
func awaitLoading(c *Call, l *loading) {
	for other := l; other != nil; other = other.by.needs {
		if c.thread.within(other.by) {
			c.Fail("%q requires itself, by way of other files perhaps", l.name)
		}
	}
	c.thread.needs = l
	defer func() { c.thread.needs = nil }()
	c.Wait(fmt.Sprintf("require %q", l.name), loadWithin, func(ctx context.Context) error {
		select {
		case <-l.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// within tells whether t is other or was called by it, which then waits for t.
func (t *thread) within(other *thread) bool {
	for ; t != nil; t = t.outer {
		if t == other {
			return true
		}
	}
	return false
}

// findFile finds and compiles the Lua file for a name.
func (rt *Runtime) findFile(c *Call, name string) *lua.LFunction {
	var source []byte
	var path string
	err := fs.ErrNotExist
	if rt.config.Find != nil {
		source, path, err = rt.config.Find(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Raise(rt.noModule(name, err))
	case err != nil:
		c.Raise(&Error{Kind: Script, Message: fmt.Sprintf("require %q: %v", name, err), Hint: HintOf(err)})
	}
	fn, err := rt.chunk(c.L, compat.Skip(string(source)), path)
	if err != nil {
		c.Raise(&Error{Kind: Script, Message: err.Error()})
	}
	return fn
}

// noModule is the error for a name that is neither a module's nor, as err says,
// a file's. A near name of either is told, and else those of the modules.
func (rt *Runtime) noModule(name string, err error) *Error {
	modules := slices.Collect(maps.Keys(rt.modules))
	known := modules
	if more, ok := errors.AsType[namer](err); ok {
		known = slices.Concat(modules, more.Names())
	}
	near := cmp.Or(nearOnly(name, known), DidYouMean(name, modules))
	return &Error{Kind: Script, Message: fmt.Sprintf("there is no module %q%s", name, near), Hint: HintOf(err)}
}
