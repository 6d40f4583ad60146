package luahosttest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/remote"
)

// Runner is what stands for a host in tests of modules.
type Runner interface {
	comparable
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Host is a module for tests of modules that work on hosts:
//
//	local host = require("here").host
//
// The host is v, with the methods given, and with host:sh(line), which runs a
// line, even in a dry run, and returns what it printed, less the last line end.
func Host[T Runner](v T, methods map[string]luahost.Func) luahost.Module {
	all := map[string]luahost.Func{"sh": sh[T]}
	maps.Copy(all, methods)
	hostType := &luahost.Type[T]{Name: "host", Methods: all}
	return luahost.Module{Name: "here", Values: map[string]any{"host": hostType.Value(v)}}
}

func sh[T Runner](c *luahost.Call) {
	v, line := luahost.Arg[T](c, 1, "a host"), c.String(2)
	cmd := remote.Cmd{Line: "set -e\n" + line, Query: true}
	var res remote.Result
	c.Wait("host:sh", time.Minute, func(ctx context.Context) (err error) {
		if res, err = remote.Succeed(ctx, v, cmd); err != nil {
			err = fmt.Errorf("%w: %s", err, res.Stderr)
		}
		return err
	})
	c.Push(strings.TrimSuffix(string(res.Stdout), "\n"))
}
