// Package scripts has the Lua files that come with farmrun. A site copies and
// edits them (farmrun init); those that it does not have are taken from here.
package scripts

import "embed"

// Files are the Lua files, by the path that require makes of their name:
// "cutover.lua", "balancer/haproxy.lua".
//
//go:embed *.lua balancer/*.lua lib/*.lua
var Files embed.FS
