package main

import (
	"context"
	"io"
	"maps"

	"farmrun/luahost"
	"farmrun/modules/cli"
	"farmrun/modules/cvs"
	"farmrun/modules/expect"
	"farmrun/modules/farm"
	"farmrun/modules/files"
	"farmrun/modules/patch"
	"farmrun/modules/probe"
	"farmrun/modules/release"
	"farmrun/modules/sudo"
	"farmrun/modules/symlink"
	"farmrun/modules/tunnel"
)

// modules are what scripts can require.
func modules(w *world, script string) []luahost.Module {
	return []luahost.Module{
		cli.Module(cli.Config{Script: script, Operator: w.operator, Passwords: w.keyring, Yes: w.flags.yes, Options: w.flags.own()}),
		farm.Module(w.farm, methods(w), takeDialogue),
		cvs.Module(&cvs.Passwords{Take: w.keyring.Take}),
		release.Module(),
		patch.Module(),
		symlink.Module(),
		tunnel.Module(&w.tunnels),
		probe.Module(),
		expect.Module(dialogues(w)),
	}
}

// methods are what hosts can do besides what package farm gives them.
func methods(w *world) map[string]luahost.Func {
	all := map[string]luahost.Func{}
	maps.Copy(all, files.Methods())
	maps.Copy(all, sudo.Methods(w.keyring.Take, w.keyring.Answer))
	maps.Copy(all, probe.Methods())
	maps.Copy(all, expect.Methods(dialogues(w)))
	return all
}

// dialogues is what package expect has to know.
func dialogues(w *world) expect.Config {
	return expect.Config{
		DryRun: w.flags.dryRun,
		Screen: func(ctx context.Context) (expect.TakenScreen, error) { return w.operator.Take(ctx) },
		Record: w.recordProgram,
		Mask:   func(to io.Writer) expect.Masker { return w.keyring.Masker(to) },

		Passwords: w.keyring.Take,
		Answer:    w.keyring.Answer,
		Sessions:  &w.sessions,
	}
}
