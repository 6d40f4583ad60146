package practice

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// httpd is the web server of one host. As one of its day it knows its document
// root only from when it started, drops whatever it was sending when it is
// stopped, and answers nobody until it is up again. It is controlled as one,
// too: by the init script, or by killing the process in its pidfile, which
// does nothing but stand for it.
type httpd struct {
	name    string
	home    string        // the user's, where www and logs are
	listens []string      // addresses and sockets to serve at
	restart time.Duration // how long a restart takes
	page    time.Duration // how long a page takes

	mu     sync.Mutex
	server *http.Server // nil when it is stopped
	pid    int
	ended  chan struct{} // closed when the process is gone and the port shut
}

// The exit statuses of an init script (LSB, 20.2).
const (
	initOK         = 0
	initFailed     = 1
	initNotRunning = 3
)

// control does what the init script was asked for, and returns its exit status
// and what it says.
func (h *httpd) control(ctx context.Context, verb string) (status int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch verb {
	case "start":
		return h.up()
	case "stop":
		return h.down()
	case "status":
		return h.status()
	}
	h.down()
	select {
	case <-time.After(h.restart):
	case <-ctx.Done():
		return initFailed, "interrupted"
	}
	if status, text := h.up(); status != initOK {
		return status, text
	}
	return initOK, "httpd restarted"
}

func (h *httpd) status() (int, string) {
	if h.running() {
		return initOK, fmt.Sprintf("httpd (pid %d) is running", h.pid)
	}
	return initNotRunning, "httpd is not running"
}

func (h *httpd) running() bool {
	if h.server == nil {
		return false
	}
	select {
	case <-h.ended:
		return false
	default:
		return true
	}
}

// up starts the server on what www points to now.
func (h *httpd) up() (int, string) {
	if h.running() {
		return initFailed, fmt.Sprintf("httpd (pid %d) already running", h.pid)
	}
	root, err := h.documentRoot()
	if err == nil {
		err = h.serve(root)
	}
	if err != nil {
		h.log("error", "%v", err)
		return initFailed, "httpd could not be started"
	}
	h.log("notice", "httpd configured -- serving %s", root)
	return initOK, "httpd started"
}

func (h *httpd) documentRoot() (string, error) {
	link := filepath.Join(h.home, "www", "htdocs")
	root, err := filepath.EvalSymlinks(link)
	if err != nil {
		return "", fmt.Errorf("DocumentRoot: %w", err)
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return "", fmt.Errorf("DocumentRoot must be a directory: %s", link)
	}
	return root, nil
}

// serve opens the port and starts the process that stands for the server: cat,
// which ends with this process whatever happens to it.
func (h *httpd) serve(root string) error {
	listeners, err := listenAll(h.listens)
	if err != nil {
		return err
	}
	cat := exec.Command("cat")
	cat.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if _, err = cat.StdinPipe(); err == nil { // never written to, and closed when this process ends
		err = cat.Start()
	}
	if err != nil {
		closeAll(listeners)
		return err
	}
	server, ended := &http.Server{Handler: h.handler(root)}, make(chan struct{})
	h.server, h.pid, h.ended = server, cat.Process.Pid, ended
	pidfile := filepath.Join(h.home, "logs", "httpd.pid")
	for _, l := range listeners {
		go server.Serve(l)
	}
	go func() {
		cat.Wait()
		server.Close()
		os.Remove(pidfile)
		h.log("notice", "caught SIGTERM, shutting down")
		close(ended)
	}()
	if err := os.WriteFile(pidfile, []byte(strconv.Itoa(h.pid)+"\n"), 0o644); err != nil {
		h.down()
		return err
	}
	return nil
}

// handler serves the files under root, each after the time a page takes.
func (h *httpd) handler(root string) http.Handler {
	files := http.FileServer(http.Dir(root))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(h.page):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("X-Host", h.name)
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
}

// down ends the process, and so the server.
func (h *httpd) down() (int, string) {
	if !h.running() {
		return initFailed, "httpd (no pid file) not running"
	}
	syscall.Kill(h.pid, syscall.SIGTERM)
	<-h.ended
	return initOK, "httpd stopped"
}

func (h *httpd) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down()
}

// log adds a line to the server's error log, in the form of its day.
func (h *httpd) log(level, format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(h.home, "logs", "error"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "[%s] [%s] %s\n", time.Now().Format(time.ANSIC), level, fmt.Sprintf(format, args...))
}

// initd answers the init script: each line in its fifo is a verb and the name
// of the fifo where the answer is awaited.
type initd struct {
	dir  string // of the fifos
	fifo *os.File
	ctx  context.Context
	stop context.CancelFunc
	busy sync.WaitGroup
}

// newInitd answers for h until it is closed.
func newInitd(dir string, h *httpd) (*initd, error) {
	path := filepath.Join(dir, "httpd")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	// Open at both ends, it is never at its end.
	fifo, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	i := &initd{dir: dir, fifo: fifo}
	i.ctx, i.stop = context.WithCancel(context.Background())
	i.busy.Go(func() { i.serve(h) })
	return i, nil
}

func (i *initd) serve(h *httpd) {
	for lines := bufio.NewScanner(i.fifo); lines.Scan(); {
		verb, answer, _ := strings.Cut(lines.Text(), " ")
		i.busy.Go(func() {
			status, text := h.control(i.ctx, verb)
			i.answer(filepath.Base(answer), fmt.Sprintf("%d %s\n", status, text))
		})
	}
}

// answer writes to a fifo that its reader has opened already; one that is gone
// wants no answer.
func (i *initd) answer(name, text string) {
	f, err := os.OpenFile(filepath.Join(i.dir, name), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	io.WriteString(f, text)
}

func (i *initd) close() error {
	i.stop()
	err := i.fifo.Close()
	i.busy.Wait()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
