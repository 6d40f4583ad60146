package tunnel

import (
	"net"
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/memnet"
)

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		remotetest.NoLeaks(t)
		taken := anyPort(t, nil)
		var n memnet.Net
		mustListen(t, &n, taken.Addr().String()) // and the host is asked who that is
		host := newHost(&n)
		host.Shell = remotetest.New(t)
		here := luahosttest.Host(host, map[string]luahost.Func{"say": func(c *luahost.Call) {
			c.Push(say(t, mustDial(t, &n, c.String(2)), c.String(3)))
		}, "dials": func(c *luahost.Call) {
			conn, err := n.DialContext(t.Context(), "tcp", c.String(2))
			if err == nil {
				conn.Close()
			}
			c.Push(err == nil)
		}})
		here.Values["upper"] = upper(t, anyPort(t, nil))
		here.Values["nobody"] = remotetest.Refusing(t)
		here.Values["taken"] = taken.Addr().(*net.TCPAddr).Port
		return luahost.Config{Modules: []luahost.Module{Module(&Set{}), here}}
	})
}
