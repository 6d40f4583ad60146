package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/remotetest"
)

// web is a host from whose side every address leads to one web server.
type web struct {
	*remotetest.Shell
	addr string
}

func (w *web) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, w.addr)
}

func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(t *testing.T) luahost.Config {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; r.URL.Path == "/third" && asked < 3 || r.URL.Path == "/sick" {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			fmt.Fprintf(w, "%s %s%s as %s", r.Method, r.Host, r.URL.Path, r.Header.Get("X-Who"))
		}))
		t.Cleanup(server.Close)
		host := &web{remotetest.New(t), server.Listener.Addr().String()}
		here := luahosttest.Host(host, Methods())
		here.Values["url"] = server.URL
		here.Values["addr"] = host.addr
		return luahost.Config{Modules: []luahost.Module{Module(), here}}
	})
}
