package luahost_test

import (
	"fmt"
	"io/fs"
)

// files are the Lua files that scripts under test can require.
var files = map[string]string{
	"plain":    `return { name = ... }`,
	"nothing":  `local x = 1`,
	"sets":     `package.loaded.sets = "set"; return "returned"`,
	"broken":   `local x =`,
	"fails":    `error("cannot work here")`,
	"slow":     "local bench = require 'bench'\nbench.meet('inside', 2)\nbench.sleep('20ms')\nreturn { 'slow' }",
	"slowfail": "local bench = require 'bench'\nbench.meet('inside', 2)\nbench.sleep('20ms')\nerror('slow and wrong')",
	"itself":   `return require "itself"`,
	"ping":     `require("bench").meet("ping pong", 2); return require "pong"`,
	"pong":     `require("bench").meet("ping pong", 2); return require "ping"`,
	"fan":      `require("bench").each({ "web1" }, { timeout = "5s" }, function() require "fan" end)`,
}

// findNamed is luahost.Config.Find for files.
func findNamed(name string) ([]byte, string, error) {
	source, ok := files[name]
	if !ok {
		return nil, "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return []byte(source), name + ".lua", nil
}
