package main

import (
	"farmrun/luahost"
	"farmrun/modules/cli"
	"farmrun/modules/farm"
)

// modules are what scripts can require.
func modules(w *world, script string) []luahost.Module {
	return []luahost.Module{
		cli.Module(cli.Config{Script: script, Operator: w.operator, Yes: w.flags.yes}),
		farm.Module(w.farm, map[string]luahost.Func{}),
	}
}
