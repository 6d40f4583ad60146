package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a network in memory, on which a web server may come and go.
type wire struct {
	mu    sync.Mutex
	up    bool
	conns chan net.Conn
	asked int
}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	up := w.up
	w.asked++
	w.mu.Unlock()
	if !up {
		return nil, fmt.Errorf("dial %s %s: connection refused", network, addr)
	}
	near, far := net.Pipe()
	w.conns <- far
	return near, nil
}

func (w *wire) set(up bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up = up
}

func (w *wire) Accept() (net.Conn, error) {
	c, ok := <-w.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (w *wire) Close() error   { return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// serve runs f in a bubble of time with a web server whose nth answer is what
// answer writes.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request), f func(t *testing.T, w *wire)) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{up: true, conns: make(chan net.Conn)}
		var n atomic.Int32
		server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			answer(int(n.Add(1)), rw, r)
		})}
		var done sync.WaitGroup
		done.Go(func() { server.Serve(w) })
		f(t, w)
		close(w.conns)
		server.Close()
		done.Wait()
		synctest.Wait()
	})
}

// statuses answers with one after the other, the last for ever.
func statuses(codes ...int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(codes[min(n, len(codes))-1])
		fmt.Fprintf(w, "answer %d for %s", n, r.Host)
	}
}

func TestHTTP(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []int
		o       HTTPOptions
		err     string // "" is success
		asked   int
		took    time.Duration
	}{
		{name: "well", answers: []int{200}, asked: 1},
		{name: "redirect", answers: []int{302}, asked: 1},
		{name: "not found", answers: []int{404}, asked: 1, err: "GET http://localhost/x: the answer is 404 Not Found"},
		{name: "wanted", answers: []int{404}, o: HTTPOptions{Status: 404}, asked: 1},
		{name: "another", answers: []int{200}, o: HTTPOptions{Status: 204}, asked: 1, err: "GET http://localhost/x: the answer is 200 OK, not 204"},
		{name: "contains", answers: []int{200}, o: HTTPOptions{Contains: "answer 1"}, asked: 1},
		{name: "contains not", answers: []int{200}, o: HTTPOptions{Contains: "well"}, asked: 1, err: `GET http://localhost/x: the answer does not contain "well"`},
		{name: "host", answers: []int{200}, o: HTTPOptions{Host: "www.example.com", Contains: "for www.example.com"}, asked: 1},
		{name: "three times", answers: []int{200}, o: HTTPOptions{Patience: Patience{Times: 3}}, asked: 3, took: 2 * time.Second},
		{name: "three times, one bad", answers: []int{200, 500, 200}, o: HTTPOptions{Patience: Patience{Times: 3}}, asked: 2, took: time.Second,
			err: "GET http://localhost/x: the answer is 500 Internal Server Error (asked 2 times in 1s)"},
		{name: "in a row", answers: []int{200, 500, 200}, o: HTTPOptions{Patience: Patience{Times: 3, Within: 10 * time.Second}}, asked: 5, took: 4 * time.Second},
		{name: "too few", answers: []int{500, 200}, o: HTTPOptions{Patience: Patience{Times: 3, Within: 2500 * time.Millisecond}}, asked: 3, took: 2 * time.Second,
			err: "GET http://localhost/x: the answer is 500 Internal Server Error, then 2 good answers of 3 (asked 3 times in 2s)"},
		{name: "interval", answers: []int{500, 500, 200}, o: HTTPOptions{Patience: Patience{Within: time.Second, Interval: 100 * time.Millisecond}}, asked: 3, took: 200 * time.Millisecond},
		{name: "late", answers: []int{503}, o: HTTPOptions{Patience: Patience{Within: 30 * time.Second}}, asked: 31, took: 30 * time.Second,
			err: "GET http://localhost/x: the answer is 503 Service Unavailable (asked 31 times in 30s)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serve(t, statuses(tc.answers...), func(t *testing.T, w *wire) {
				tc.o.URL = "http://localhost/x"
				began := time.Now()
				err := HTTP(t.Context(), w.dial, tc.o)
				if (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
					t.Errorf("got %v\nwant %s", err, tc.err)
				}
				if err != nil && !errors.Is(err, ErrUnwell) {
					t.Errorf("%v does not wrap ErrUnwell", err)
				}
				if w.asked != tc.asked || time.Since(began) != tc.took {
					t.Errorf("asked %d times in %v, want %d in %v", w.asked, time.Since(began), tc.asked, tc.took)
				}
			})
		})
	}
}

func TestHTTPOutput(t *testing.T) {
	body := "<html>\n\n  <h1>" + strings.Repeat("é", 300) + "</h1>\n\xff\n4\n5\n6\n7"
	serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		w.Write([]byte(body))
	}, func(t *testing.T, w *wire) {
		var e *Error
		if err := HTTP(t.Context(), w.dial, HTTPOptions{URL: "http://h/"}); !errors.As(err, &e) {
			t.Fatalf("got %v", err)
		}
		want := "<html>\n<h1>" + strings.Repeat("é", 196) + "…\n�\n4\n5"
		if got := e.Output(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A server that accepts and is silent, and one that never ends its answer.
func TestHTTPEnds(t *testing.T) {
	for name, begin := range map[string]string{"silent": "", "endless": "x"} {
		t.Run(name, func(t *testing.T) {
			hang := func(_ int, w http.ResponseWriter, r *http.Request) {
				w.Write([]byte(begin))
				if begin != "" {
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			}
			serve(t, hang, func(t *testing.T, w *wire) {
				began := time.Now()
				err := HTTP(t.Context(), w.dial, HTTPOptions{URL: "http://h/", Patience: Patience{Timeout: 2 * time.Second, Within: 5 * time.Second}})
				if err == nil || !strings.Contains(err.Error(), "no answer within 2s (asked 2 times in 5s)") {
					t.Errorf("got %v", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err = HTTP(ctx, w.dial, HTTPOptions{URL: "http://h/", Patience: Patience{Within: time.Hour}})
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 6*time.Second {
					t.Errorf("got %v after %v", err, time.Since(began))
				}
			})
		})
	}
}

func TestHTTPBodyIsBounded(t *testing.T) {
	serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}, func(t *testing.T, w *wire) {
		err := HTTP(t.Context(), w.dial, HTTPOptions{URL: "http://h/", Contains: "end"})
		if err == nil || !strings.Contains(err.Error(), "does not contain") {
			t.Errorf("got %v", err)
		}
	})
}

func TestBadURL(t *testing.T) {
	for _, url := range []string{"", "localhost/x", "ftp://x/", "http://", "http://a b/", "::"} {
		if err := HTTP(t.Context(), nil, HTTPOptions{URL: url}); err == nil || errors.Is(err, ErrUnwell) {
			t.Errorf("%q: got %v", url, err)
		}
	}
}

func TestTCP(t *testing.T) {
	serve(t, statuses(200), func(t *testing.T, w *wire) {
		if err := TCP(t.Context(), w.dial, "localhost:80", Patience{}); err != nil {
			t.Error(err)
		}
		w.set(false)
		err := TCP(t.Context(), w.dial, "localhost:80", Patience{})
		if err == nil || err.Error() != "connect to localhost:80: dial tcp localhost:80: connection refused" {
			t.Errorf("got %v", err)
		}
		time.AfterFunc(2500*time.Millisecond, func() { w.set(true) })
		began := time.Now()
		if err := TCP(t.Context(), w.dial, "localhost:80", Patience{Within: 10 * time.Second}); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestFromHere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	var done sync.WaitGroup
	done.Go(func() { server.Serve(l) })
	defer done.Wait()
	defer server.Close()
	if err := HTTP(t.Context(), nil, HTTPOptions{URL: "http://" + l.Addr().String(), Status: 404}); err != nil {
		t.Error(err)
	}
	if err := TCP(t.Context(), nil, l.Addr().String(), Patience{}); err != nil {
		t.Error(err)
	}
}
