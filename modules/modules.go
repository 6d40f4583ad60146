// Package modules is the folder of what scripts can require. Each module is a
// package of its own, whose file lua.go binds it to Lua, with lua_host.go or the
// like where there is much to bind; the doc comments there are the manual for script
// authors, which MANUAL.md shows in one piece.
package modules

import "embed"

//go:generate go run farmrun/cmd/internal/manual/generate

// Sources are the files that bind the modules, for the manual in the binary.
//
//go:embed */lua.go cli/lua_secret.go expect/lua_session.go expect/lua_shell.go farm/lua_host.go farm/lua_rollout.go
var Sources embed.FS
