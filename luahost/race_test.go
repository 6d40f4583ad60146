//go:build race

package luahost_test

// slowed is how much slower the race detector may make Lua.
const slowed = 6
