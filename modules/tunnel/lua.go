package tunnel

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local tunnel = require "tunnel"
//
// It opens reverse tunnels: a port on a host that leads to an address as this
// machine sees it, so that the host gets at a CVS server that only this machine
// can reach. A RemoteForward in ssh_config(5) is opened at login and shared.
//
// tunnels are those of the run.
func Module(tunnels *Set) luahost.Module {
	b := &binding{tunnels}
	return luahost.Module{
		Name:  "tunnel",
		Funcs: map[string]luahost.Func{"reverse": b.reverse},
		Types: []luahost.Methods{tunnelType},
	}
}

type binding struct{ tunnels *Set }

// tunnelType is how tunnels look in Lua.
var tunnelType = &luahost.Type[*Tunnel]{
	Name:    "tunnel",
	Methods: map[string]luahost.Func{"close": closeTunnel},
	Fields:  []string{"port", "address"},
	Field: func(t *Tunnel, name string) (any, bool) {
		switch name {
		case "port":
			return t.Port(), true
		case "address":
			return t.Addr(), true
		}
		return nil, false
	},
	String: func(t *Tunnel) string { return "tunnel from " + t.Addr() },
}

const (
	openTimeout  = time.Minute
	closeTimeout = 10 * time.Second
)

// tunnel.reverse(host, options) -> tunnel
//
// Opens a tunnel on the host, tries it from end to end, and returns it. It is
// closed when the function that opened it ends. Where the port is taken, the
// error says by whom, as far as the host tells. Options:
//
//   - to (required): the address it leads to, as this machine sees it
//   - listen (0): the port on the host's 127.0.0.1; 0 lets the host choose
//   - end_stale (false): true ends the ssh session of the same user that holds
//     the port, as one does that was left behind when this machine lost power:
//     make sure that nobody is at work there
//   - timeout ("1m"): how long all of that may take
//
// The tunnel has two fields:
//
//   - tunnel.port (integer): the port on the host
//   - tunnel.address (string): the host's address and port, "127.0.0.1:2401"
func (b *binding) reverse(c *luahost.Call) {
	host := luahost.Arg[Host](c, 1, "a host")
	opts := luahost.Options[struct {
		Listen   int
		To       string `lua:"to,required"`
		EndStale bool
		Timeout  time.Duration
	}](c, 2)
	var t *Tunnel
	c.Wait("tunnel.reverse to "+opts.To, cmp.Or(opts.Timeout, openTimeout), func(ctx context.Context) (err error) {
		t, err = b.tunnels.Reverse(ctx, host, Options{
			Listen: strconv.Itoa(opts.Listen), To: opts.To, EndStale: opts.EndStale,
		})
		return err
	})
	c.Own(t)
	c.Push(tunnelType.Value(t))
}

// tunnel:close()
//
// Gives the tunnel up. The last who does so frees the port.
func closeTunnel(c *luahost.Call) {
	t := luahost.Arg[*Tunnel](c, 1, "a tunnel")
	c.Disown(t)
	c.Wait("tunnel:close", closeTimeout, func(context.Context) error { return t.Close() })
}
