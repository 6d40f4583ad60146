package farm_test

import (
	"bytes"
	"context"
	"testing"

	"go.uber.org/goleak"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/local"
	"farmrun/modules/farm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newFarm returns a farm whose hosts are all this machine.
func newFarm(t *testing.T, out *bytes.Buffer) *farm.Farm {
	t.Helper()
	f := farm.New(farm.Config{
		Dial: func(context.Context, string, farm.Login) (farm.Conn, error) {
			return local.Shell{Dir: t.TempDir()}, nil
		},
		Here:    local.Shell{},
		Console: &console.Console{Out: out, Err: out},
	})
	t.Cleanup(func() { f.Close() })
	return f
}

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		return luahost.Config{Modules: []luahost.Module{farm.Module(newFarm(t, new(bytes.Buffer)), nil, nil)}}
	})
}
