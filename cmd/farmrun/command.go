package main

import (
	_ "embed"
	"slices"
	"strings"

	"farmrun/luahost"
)

//go:embed command.lua
var commandSource string

// commandPath is the name of command.lua in errors.
const commandPath = "-c"

// commandJob runs the command of -c on sets of hosts.
func commandJob(f flags, sets []string) (job, error) {
	find := newFinder(f.site, "")
	if len(sets) == 0 {
		return nil, usageError("-c needs to know where: name hosts or a set, such as 'web[1-20]'")
	}
	if i := slices.IndexFunc(sets, func(set string) bool { return strings.HasPrefix(set, "-") }); i >= 0 {
		return nil, usageError("%s stands behind the hosts: flags come before them", sets[i])
	}
	order := luahost.Module{Name: "command", Values: map[string]any{
		"line": f.command, "sets": sets, "dir": luahost.OrNil(f.dir), "timeout": luahost.OrNil(f.timeout),
		"keep_going": f.keep, "serial": f.serial, "parallel": luahost.OrNil(f.parallel), "site": find.hasSite(), "raw": f.raw,
	}}
	return script{flags: f, name: "-c", source: commandSource, path: commandPath, find: find, extra: func(*world) luahost.Module { return order }}, nil
}
