package patch

import (
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/remotetest"
)

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		return luahost.Config{Modules: []luahost.Module{Module(), luahosttest.Host(remotetest.New(t), nil)}}
	})
}
