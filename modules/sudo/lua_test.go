package sudo

import (
	"context"
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
)

// host is a Host of one login.
type host struct{ *remotetest.Shell }

func (h host) Name() string { return "here" }

func (h host) RunBy(ctx context.Context, cmd remote.Cmd,
	how func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error)) (remote.Result, error) {
	return how(ctx, login(h), cmd)
}

// login is a login that knows its user.
type login struct{ *remotetest.Shell }

func (login) User() string { return "web" }

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		keys := &ring{pass: "q"}
		return luahost.Config{Modules: []luahost.Module{luahosttest.Host(host{newHost(t)}, Methods(keys.take, nil))}}
	})
}
