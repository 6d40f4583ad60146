package prompt_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote/prompt"
)

// TestAwait: the only key typed before a prompt is Enter, and a banner or a progress that
// pauses is none.
func TestAwait(t *testing.T) {
	const none = "NONE"
	for name, test := range map[string]struct {
		begun string
		// says is the host's text, each piece behind one Enter; "..." is a second of silence.
		says []string
		text string
		keys int
	}{
		"known":           {"hello\r\nweb1$ ", []string{"\r\nweb1$ "}, "hello\r\n", 1},
		"not known":       {"", []string{"ready=", "\r\nready="}, "", 1},
		"a clock":         {"12:59:59 web1% ", []string{"\r\n13:00:01 web1% "}, "", 1},
		"drawn":           {"\x1b[1mweb1$\x1b[0m ", []string{"\r\n\x1b[1mweb1$\x1b[0m "}, "", 1},
		"a message":       {"web1$ ", []string{"\r\nYou have mail.\r\nweb1$ "}, "", 1},
		"drops typeahead": {"web1$ ", []string{"", "\r\nweb1$ "}, "", 2},
		"a motd's":        {"web1# ", []string{"...is down\r\nweb2$ ", "\r\nweb2$ "}, "web1# is down\r\n", 2},
		"a progress":      {"loading 10% ", []string{"\r\n...\rloading 20% ", "\r\n\rloading 30% ", "\r\nlogin: "}, none, 3},
		"a bar":           {"#####", []string{"\r\n...########", "##\r\nlogin: "}, none, 2},
		"a login":         {"web1 login: ", nil, none, 0},
		"a choice":        {"Go on? [Y/n] ", nil, none, 0},
		"a default":       {"Wipe the disk [n] > ", nil, none, 0},
		"a menu":          {"1 shell\r\n2 reboot\r\nYour choice (1-2)> ", nil, none, 0},
		"a menu's":        {"Number [default 2]> ", nil, none, 0},
		"a path":          {"[web@default ~/option]$ ", []string{"\r\n[web@default ~/option]$ "}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				keys := make(chan string)
				go func() { keys <- play(there, test.begun == "", test.says) }()
				text, err := prompt.Await(t.Context(), terminal{here}, []byte(test.begun))
				here.Close()
				if got := <-keys; got != strings.Repeat("\r", test.keys) {
					t.Errorf("%q was typed", got)
				}
				if is := errors.Is(err, prompt.ErrNone); is != (test.text == none) || !is && (err != nil || string(text) != test.text) {
					t.Errorf("got %q, %v", text, err)
				}
			})
		})
	}
}

// TestAwaitCancelled ends with its context.
func TestAwaitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := prompt.Await(ctx, terminal{here}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// play prints each piece behind an Enter, the first at once if unasked, and returns the keys
// typed.
func play(there net.Conn, unasked bool, says []string) (keys string) {
	key := make([]byte, 1)
	for i := 0; ; i++ {
		if !unasked || i > 0 {
			if _, err := io.ReadFull(there, key); err != nil {
				return keys
			}
			keys += string(key)
		}
		if i < len(says) {
			for j, piece := range strings.Split(says[i], "...") {
				if j > 0 {
					time.Sleep(time.Second)
				}
				io.WriteString(there, piece)
			}
		}
	}
}

// terminal is a pipe.
type terminal struct{ net.Conn }

func (terminal) Resize(int, int) error { return nil }
func (terminal) Break() error          { return nil }
