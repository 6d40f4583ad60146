package files

import (
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
)

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		t.Chdir(t.TempDir())
		return luahost.Config{Modules: []luahost.Module{luahosttest.Host(newHome(t), Methods())}}
	})
}
