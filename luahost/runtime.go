package luahost

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/compat"
	"farmrun/luahost/deadline"
)

// Config says what a Runtime offers to its scripts. The zero value is a Lua
// without any module.
type Config struct {
	// Modules are what scripts can require. Two of one name are a fault.
	Modules []Module
	// Find returns the source of a Lua file that a script requires by name
	// ("balancer.haproxy") and the path to show in errors. It wraps
	// fs.ErrNotExist when there is none, whose method Hint may say where it
	// looked, and whose method Names which names there are. nil finds nothing.
	Find func(name string) (source []byte, path string, err error)
	// Args are the script's arguments, without its own name.
	Args []string
	// Print receives what print and io.write say; host is "" outside of a
	// host's function. It may be called by several goroutines at once, and by
	// each it may wait until ctx is done. nil discards.
	Print func(ctx context.Context, host, text string)
	// Log receives what the operator should know and no script can catch:
	// what could not be closed, the stack of a panic. nil discards.
	Log func(text string)
	// Timeout bounds the whole run; 0 is DefaultTimeout.
	Timeout time.Duration
	// Stretch bounds a stretch of Lua that calls no primitive; 0 is
	// DefaultStretch.
	Stretch time.Duration
	// Memory bounds the bytes that the values of the script take, those of all
	// threads together; 0 is DefaultMemory. The script that needs more is ended,
	// all its threads with it; undo functions then get an eighth of it besides.
	// It is measured as the growth of Go's heap and stacks since New, less 256 KiB
	// for each thread, and so the embedding program's own memory counts as well.
	Memory uint64
}

// Defaults of Config.
const (
	DefaultTimeout = 24 * time.Hour
	DefaultStretch = 5 * time.Second
	DefaultMemory  = 1 << 30
)

// Runtime is one Lua state with its modules. Its methods may be called from
// any goroutine, but Lua values that they return may be looked at only inside
// Runtime.Locked. Close it when its last call has returned.
type Runtime struct {
	config Config
	root   *lua.LState

	mu     sync.Mutex // the lock on the Lua state
	memory *memory
	watch  *watchdog
	lua    *compat.Lua

	modules map[string]Module
	loaded  *lua.LTable         // what require has returned, by name
	loading map[string]*loading // files that are being run by require

	types   map[any]*typeTables
	interns map[any]*lua.LUserData
	records map[reflect.Type]*recordKind

	ctx    context.Context // of the run; ends with the first panic
	cancel context.CancelCauseFunc
}

// New makes a Runtime whose calls all end when ctx does, or when the run's
// own deadline passes.
func New(ctx context.Context, config Config) *Runtime {
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.Stretch == 0 {
		config.Stretch = DefaultStretch
	}
	if config.Memory == 0 {
		config.Memory = DefaultMemory
	}
	ctx, cancel := context.WithCancelCause(ctx)
	rt := &Runtime{
		config:  config,
		ctx:     ctx,
		cancel:  cancel,
		modules: map[string]Module{},
		loading: map[string]*loading{},
		types:   map[any]*typeTables{},
		records: map[reflect.Type]*recordKind{},
		interns: map[any]*lua.LUserData{},
		memory:  newMemory(config.Memory),
	}
	rt.watch = newWatchdog(config.Stretch, rt.memory)
	rt.root = newState(rt)
	return rt
}

// Close ends the Lua state. It returns once no Lua runs any more.
func (rt *Runtime) Close() error {
	rt.cancel(errors.New("the run is over"))
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.watch.stop()
	rt.root.Close()
	return nil
}

// Args returns the script's arguments.
func (rt *Runtime) Args() []string { return rt.config.Args }

// Locked calls f while no Lua runs. f must not call any other method of rt.
func (rt *Runtime) Locked(f func()) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	f()
}

// Run compiles source, whose name in errors is path, and runs it as the main
// script. It returns nil, an *Error or an *ExitRequest.
func (rt *Runtime) Run(source, path string) error {
	fn, err := rt.compile(source, path)
	if err != nil {
		return err
	}
	_, err = rt.Call(rt.ctx, Task{What: "the run", Timeout: rt.config.Timeout}, fn)
	return err
}

// Check compiles source and does not run it.
func (rt *Runtime) Check(source, path string) error {
	_, err := rt.compile(source, path)
	return err
}

func (rt *Runtime) compile(source, path string) (*lua.LFunction, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.ctx.Err() != nil {
		return nil, &Error{Kind: Cancelled, Message: context.Cause(rt.ctx).Error()}
	}
	fn, err := rt.chunk(rt.root, compat.Skip(source), path)
	if err != nil {
		return nil, &Error{Kind: Script, Message: err.Error()}
	}
	return fn, nil
}

// Task says for whom and how long a Lua function is called.
type Task struct {
	Host    string        // whose part it is; "" is none
	What    string        // what its deadline bounds, for the error: "the turn of web3"
	Timeout time.Duration // 0 is as long as ctx allows; see deadline.Pause
	Undoes  bool          // it undoes something, and runs even after Config.Memory was reached
}

// Call calls fn on a Lua thread of its own and waits for it; args are as for
// Call.Push. Whatever the function opened is closed before Call returns. It
// must not be called while holding the lock: from a primitive, only inside
// Call.Wait, and with the context that Wait gave. The result is fn's first
// value; look at it only inside Locked. The error is an *Error or an
// *ExitRequest.
func (rt *Runtime) Call(ctx context.Context, task Task, fn *lua.LFunction, args ...any) (lua.LValue, error) {
	results, err := rt.CallAll(ctx, task, fn, args...)
	if len(results) == 0 {
		return lua.LNil, err
	}
	return results[0], err
}

// CallAll is Call with all values that fn returns.
func (rt *Runtime) CallAll(ctx context.Context, task Task, fn *lua.LFunction, args ...any) ([]lua.LValue, error) {
	if task.Timeout > 0 {
		var done context.CancelFunc
		ctx, done = deadline.With(ctx, task.Timeout, &TimeoutError{What: task.What, After: task.Timeout})
		defer done()
	}
	t := newThread(ctx, rt, task)
	results, err := t.call(fn, args)
	t.close()
	return results, err
}

func (rt *Runtime) log(text string) {
	if rt.config.Log != nil {
		rt.config.Log(text)
	}
}

func (rt *Runtime) print(ctx context.Context, host, text string) {
	if rt.config.Print != nil {
		rt.config.Print(ctx, host, text)
	}
}
