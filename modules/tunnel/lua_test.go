package tunnel

import (
	"net"
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/remotetest"
)

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		remotetest.NoLeaks(t)
		taken := mustListen(t, "127.0.0.1:0")
		here := luahosttest.Host(newHost(t), map[string]luahost.Func{"say": func(c *luahost.Call) {
			c.Push(say(t, c.String(2), c.String(3)))
		}, "dials": func(c *luahost.Call) {
			conn, err := net.Dial("tcp", c.String(2))
			if err == nil {
				conn.Close()
			}
			c.Push(err == nil)
		}})
		here.Values["upper"] = upper(t)
		here.Values["nobody"] = freePort(t)
		here.Values["taken"] = taken.Addr().(*net.TCPAddr).Port
		return luahost.Config{Modules: []luahost.Module{Module(&Set{}), here}}
	})
}
