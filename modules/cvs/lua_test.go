package cvs

import (
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/remotetest"
)

func TestLua(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		var asked []string
		here := luahosttest.Host(remotetest.New(t), nil)
		here.Values["root"] = repo.root("anon")
		here.Values["rel"] = repo.root("rel")
		return luahost.Config{Modules: []luahost.Module{Module(&Passwords{Take: ring("rel pw", &asked).Take}), here}}
	})
}
