package symlink

import (
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
)

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		return luahost.Config{Modules: []luahost.Module{Module(), luahosttest.Host(newHome(t, "gnu"), nil)}}
	})
}
