package login_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/expect"
	"farmrun/modules/login"
	"farmrun/testdata/need"
)

// pathOf returns a directory with nothing but some programs in it.
func pathOf(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range append(programs, "sh", "dd", "base64", "cat", "stty", "sleep", "awk", "ps") {
		need.Program(t, p)
		path, err := exec.LookPath(p)
		check(t, err)
		check(t, os.Symlink(path, filepath.Join(dir, p)))
	}
	return dir
}

// TestDialContext asks a web server on the host's side, by each of the programs
// that can relay.
func TestDialContext(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat(allBytes, 100)+r.URL.Path)
	}))
	defer web.Close()
	nobody := remotetest.Refusing(t)
	for _, programs := range [][]string{{"perl"}, {"bash"}, {"nc"}} {
		t.Run(programs[0], func(t *testing.T) {
			o := options(expect.Program{Args: []string{"sh"}, Env: map[string]string{"PATH": pathOf(t, programs...)}})
			c, err := login.Dial(t.Context(), o)
			check(t, err)
			defer c.Close()
			client := http.Client{Transport: &http.Transport{DialContext: c.DialContext, DisableKeepAlives: true}, Timeout: time.Minute}
			for range 2 {
				resp, err := client.Get(web.URL + "/page")
				check(t, err)
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(body) != strings.Repeat(allBytes, 100)+"/page" {
					t.Errorf("got %d bytes, %v", len(body), err)
				}
			}
			if _, err := c.DialContext(t.Context(), "tcp", nobody); err == nil {
				t.Error("connected to nobody")
			} else {
				t.Log(err)
			}
		})
	}
}

// TestDialContextUnix has a conversation with a socket, and hangs up on it.
func TestDialContextUnix(t *testing.T) {
	c := dialLocal(t, "sh")
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	check(t, err)
	defer l.Close()
	gone := make(chan error, 1)
	go func() {
		far, err := l.Accept()
		if err == nil {
			_, err = io.Copy(far, far)
		}
		gone <- err
	}()
	conn, err := c.DialContext(t.Context(), "unix", path)
	check(t, err)
	for _, word := range []string{"one", "two"} {
		io.WriteString(conn, word)
		got := make([]byte, len(word))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
			t.Errorf("got %q, %v", got, err)
		}
	}
	conn.SetReadDeadline(time.Now())
	if _, err := conn.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("got %v", err)
	}
	conn.Close()
	<-gone
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if _, err := c.DialContext(ctx, "unix", path+"-not"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}

// TestListen has connections come in on the host's side, several at once, each
// of which ends one direction before the other.
func TestListen(t *testing.T) {
	c := dialLocal(t, "sh")
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	go func() {
		for {
			far, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				all, _ := io.ReadAll(far) // to the end of what is said
				io.WriteString(far, strings.ToUpper(string(all)))
				far.Close()
			}()
		}
	}()
	text := strings.Repeat("all work and no play\n", 5000)
	ended := make(chan error)
	for range 3 {
		go func() {
			ended <- func() error {
				conn, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					return err
				}
				defer conn.Close()
				go func() {
					io.WriteString(conn, text)
					conn.(*net.TCPConn).CloseWrite()
				}()
				got, err := io.ReadAll(conn)
				if err == nil && string(got) != strings.ToUpper(text) {
					t.Errorf("got %d bytes, want %d", len(got), len(text))
				}
				return err
			}()
		}()
	}
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Listen(t.Context(), "tcp", l.Addr().String()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
	check(t, l.Close())
	if _, err := l.Accept(); err == nil {
		t.Error("accepted")
	}
	again, err := c.Listen(t.Context(), "tcp", l.Addr().String())
	for end := time.Now().Add(time.Minute); err != nil && time.Now().Before(end); { // a busy host takes a moment to end the program
		again, err = c.Listen(t.Context(), "tcp", l.Addr().String())
	}
	check(t, err)
	again.Close()
}
