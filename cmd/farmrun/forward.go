package main

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"farmrun/luahost"
	"farmrun/modules/farm"
	"farmrun/modules/ssh/sshconfig"
	"farmrun/modules/tunnel"
)

// forward opens the tunnels that the site file has for a host, and the
// RemoteForwards that ssh_config(5) has. To ssh one that is refused is a warning;
// here it is an error, since whoever relies on it would end up in somebody else's
// tunnel or none.
func (w *world) forward(ctx context.Context, h *farm.Host) error {
	conn, err := h.Conn(ctx)
	if err != nil {
		return err
	}
	client, ok := conn.(sshConn)
	if !ok {
		return nil
	}
	for _, f := range h.Settings().Forwards {
		o := tunnel.Options{Listen: strconv.Itoa(f.Listen), To: f.To}
		if _, err := w.tunnels.Reverse(ctx, h, o); err != nil {
			return err
		}
	}
	for _, f := range client.Settings().RemoteForwards {
		o := tunnel.Options{Listen: listenAddr(f), To: connectAddr(f)}
		if o.Listen == "" || o.To == "" {
			w.out.Note(h.Name(), "RemoteForward %s is left out: farmrun forwards ports only, to an address or a socket", f)
			continue
		}
		if _, err := w.tunnels.Reverse(ctx, h, o); err != nil {
			return forwardError(f, err)
		}
	}
	return nil
}

// forwardError says how to do without a forward that cannot be had.
func forwardError(f sshconfig.Forward, err error) error {
	hint := "-o ClearAllForwardings=yes does without it"
	if first := luahost.HintOf(err); first != "" {
		hint = first + "; " + hint
	}
	return &luahost.Error{Kind: luahost.Refused, Message: fmt.Sprintf("RemoteForward %s: %v", f, err), Hint: hint, Err: err}
}

// listenAddr is where a forward listens on the host; "" for a socket.
func listenAddr(f sshconfig.Forward) string {
	if f.ListenPath != "" {
		return ""
	}
	return net.JoinHostPort(f.ListenHost, strconv.Itoa(f.ListenPort))
}

// connectAddr is where a forward leads to; "" for socks.
func connectAddr(f sshconfig.Forward) string {
	if f.ConnectPath != "" {
		return f.ConnectPath
	}
	if f.ConnectPort == 0 {
		return ""
	}
	return net.JoinHostPort(f.ConnectHost, strconv.Itoa(f.ConnectPort))
}
