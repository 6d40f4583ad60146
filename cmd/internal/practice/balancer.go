package practice

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"
)

// balancer is the load balancer: it shares requests out among the servers of
// its pool, checks their health, and takes orders on a socket as HAProxy does.
type balancer struct {
	pool     *pool
	interval time.Duration // between two checks of a server
	patience time.Duration // with a check

	page  net.Listener   // where visitors come
	admin net.Listener   // where orders come
	all   []net.Listener // these, and where the machines of the farm come

	web       *http.Server
	transport *http.Transport
	ctx       context.Context
	stop      context.CancelFunc
	busy      sync.WaitGroup
}

// newBalancer starts a balancer of pool. The machines of the farm find its web
// site at the socket inside, and take orders to it at the socket orders.
func newBalancer(pool *pool, config Config, inside, orders string) (*balancer, error) {
	all, err := listenAll([]string{"127.0.0.1:0", inside, orders})
	if err != nil {
		return nil, err
	}
	b := &balancer{
		pool: pool, interval: config.CheckInterval, patience: config.Patience, page: all[0], admin: all[2], all: all,
		// A connection for each request: none can be stale after a restart.
		transport: &http.Transport{DisableKeepAlives: true, DialContext: pool.dial},
	}
	b.ctx, b.stop = context.WithCancel(context.Background())
	silent := log.New(io.Discard, "", 0)
	b.web = &http.Server{Handler: b, ErrorLog: silent}
	for _, l := range all[:2] {
		b.busy.Go(func() { b.web.Serve(l) })
	}
	b.busy.Go(b.serveAdmin)
	for _, s := range pool.servers {
		b.busy.Go(func() { b.checkAlways(s) })
	}
	return b, nil
}

func (b *balancer) close() {
	b.stop()
	closeAll(b.all)
	b.web.Close()
	b.transport.CloseIdleConnections()
	b.busy.Wait()
}

// ServeHTTP passes a request on to the server whose turn it is. Like HAProxy
// without redispatch, it does not try another one when that fails.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := b.pool.pick()
	if s == nil {
		unavailable(w)
		return
	}
	failed := false
	defer func() { b.pool.done(s, failed) }()
	to := &url.URL{Scheme: "http", Host: s.name}
	proxy := httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: b.transport,
		ErrorLog:  b.web.ErrorLog,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			failed = true
			unavailable(w)
		},
	}
	proxy.ServeHTTP(w, r)
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n")
}

// checkResult is how a check went, in HAProxy's words.
type checkResult struct {
	ok       bool
	word     string // "L7OK", "L4CON", …; "" before the first check
	code     int    // of the HTTP answer, or 0
	duration time.Duration
}

// number returns what "show servers state" has for the word.
func (r checkResult) number() int {
	switch r.word {
	case "L4TOUT":
		return 7
	case "L4CON":
		return 8
	case "L7OK":
		return 15
	case "L7TOUT":
		return 17
	case "L7RSP":
		return 18
	case "L7STS":
		return 19
	}
	return 1 // not checked yet
}

func (r checkResult) description() string {
	switch r.word {
	case "L4TOUT":
		return "Layer4 timeout"
	case "L4CON":
		return "Layer4 connection problem"
	case "L7OK":
		return "Layer7 check passed"
	case "L7TOUT":
		return "Layer7 timeout"
	case "L7RSP":
		return "Layer7 invalid response"
	case "L7STS":
		return "Layer7 wrong status"
	}
	return ""
}

// checkAlways checks s at each interval until the balancer stops.
func (b *balancer) checkAlways(s *server) {
	tick := time.NewTicker(b.interval)
	defer tick.Stop()
	for {
		if r := b.check(s); b.ctx.Err() == nil {
			b.pool.checked(s, r)
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			return
		}
	}
}

func (b *balancer) check(s *server) checkResult {
	ctx, cancel := context.WithTimeout(b.ctx, b.patience)
	defer cancel()
	begun := time.Now()
	r := b.ask(ctx, s)
	r.duration = time.Since(begun)
	return r
}

// ask has the server show its first page.
func (b *balancer) ask(ctx context.Context, s *server) checkResult {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.name+"/", nil)
	if err != nil {
		return checkResult{word: "L7RSP"}
	}
	answer, err := b.transport.RoundTrip(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return checkResult{word: "L4CON"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return checkResult{word: "L7TOUT"}
	case err != nil:
		return checkResult{word: "L7RSP"}
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 2 || answer.StatusCode/100 == 3 {
		return checkResult{ok: true, word: "L7OK", code: answer.StatusCode}
	}
	return checkResult{word: "L7STS", code: answer.StatusCode}
}
