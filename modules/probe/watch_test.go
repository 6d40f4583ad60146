package probe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
)

var (
	fatal = regexp.MustCompile(`(?i)fatal`)
	ready = regexp.MustCompile(`ready`)
)

// now looks once at what there is.
var now = WatchOptions{Bad: fatal, Good: ready}

func write(t *testing.T, sh *remotetest.Shell, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(sh.Dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mark(t *testing.T, sh *remotetest.Shell, name string) *Log {
	t.Helper()
	l, err := Mark(t.Context(), sh, name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWatch(t *testing.T) {
	rename := func(t *testing.T, sh *remotetest.Shell) {
		t.Helper()
		if err := os.Rename(sh.Dir+"/log", sh.Dir+"/log.1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		before string // "" is no log
		change func(t *testing.T, sh *remotetest.Shell)
		want   string // "ready", "waits", or the bad line
	}{
		{"nothing", "FATAL before\n", func(*testing.T, *remotetest.Shell) {}, "waits"},
		{"good", "FATAL before\n", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "starting\nready\n") }, "ready"},
		{"bad", "x\n", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "a\nfatal: b\r\nready\n") }, "fatal: b"},
		{"good before bad", "x\n", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "ready\nfatal\n") }, "ready"},
		{"no end of line", "x\n", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "fatal") }, "fatal"},
		{"line begun before", "fat", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "al\nready\n") }, "ready"},
		{"new log", "", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "ready\n") }, "ready"},
		{"still none", "", func(t *testing.T, sh *remotetest.Shell) {}, "waits"},
		{"renamed", "x\n", func(t *testing.T, sh *remotetest.Shell) {
			write(t, sh, "log", "fatal in the old one\n")
			rename(t, sh)
			write(t, sh, "log", "ready\n")
		}, "fatal in the old one"},
		{"renamed, new one", "long enough\n", func(t *testing.T, sh *remotetest.Shell) {
			write(t, sh, "log", "rea")
			rename(t, sh)
			write(t, sh, "log", "dy\n")
		}, "waits"},
		{"renamed and not there yet", "x\n", func(t *testing.T, sh *remotetest.Shell) {
			write(t, sh, "log", "ready\n")
			rename(t, sh)
		}, "ready"},
		{"removed", "something long\n", func(t *testing.T, sh *remotetest.Shell) {
			os.Remove(sh.Dir + "/log")
			write(t, sh, "log", "ready\n")
		}, "ready"},
		{"cut", "something long\n", func(t *testing.T, sh *remotetest.Shell) {
			os.Truncate(sh.Dir+"/log", 0)
			write(t, sh, "log", "ready\n")
		}, "ready"},
		{"not UTF-8", "x\n", func(t *testing.T, sh *remotetest.Shell) { write(t, sh, "log", "\xff\xfe fatal \x00\n") }, "� fatal \x00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := remotetest.New(t)
			sh.Dry = true // looking is no change
			if tc.before != "" {
				write(t, sh, "log", tc.before)
			}
			l := mark(t, sh, "log")
			tc.change(t, sh)
			err := l.Watch(t.Context(), now)
			got := "ready"
			var bad *LineError
			if errors.As(err, &bad) {
				got = bad.Line
			} else if errors.Is(err, ErrNotSeen) {
				got = "waits"
			} else if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

// What one Watch has not judged is judged by the next, and what it has is not.
func TestWatchGoesOn(t *testing.T) {
	sh := remotetest.New(t)
	write(t, sh, "log", "before\n")
	l := mark(t, sh, "log")
	write(t, sh, "log", "ready\nfatal\nrea")
	if err := l.Watch(t.Context(), now); err != nil {
		t.Error(err)
	}
	var bad *LineError
	if err := l.Watch(t.Context(), now); !errors.As(err, &bad) || bad.Output() != "ready\nfatal\nrea" {
		t.Errorf("got %v, %q", err, bad.Output())
	}
	write(t, sh, "log", "dy\n")
	if err := l.Watch(t.Context(), now); err != nil {
		t.Error(err)
	}
	if err := l.Watch(t.Context(), now); !errors.Is(err, ErrNotSeen) {
		t.Errorf("got %v", err)
	}
	if got := l.Text(); got != "ready\nfatal\nready\n" {
		t.Errorf("Text() = %q", got)
	}
}

func TestWatchWaits(t *testing.T) {
	sh := remotetest.New(t)
	write(t, sh, "log", "before\n")
	l := mark(t, sh, "log")
	time.AfterFunc(100*time.Millisecond, func() { write(t, sh, "log", "starting\n") })
	time.AfterFunc(200*time.Millisecond, func() { write(t, sh, "log", "ready\n") })
	o := WatchOptions{Within: 20 * time.Second, Interval: 50 * time.Millisecond, Bad: fatal, Good: ready}
	if err := l.Watch(t.Context(), o); err != nil {
		t.Error(err)
	}
	// Without a good line to wait for, a time without bad ones is good.
	began := time.Now()
	if err := l.Watch(t.Context(), WatchOptions{Within: 200 * time.Millisecond, Bad: fatal}); err != nil || time.Since(began) < 200*time.Millisecond {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Watch(ctx, WatchOptions{Within: time.Hour, Bad: fatal}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestWatchMuch(t *testing.T) {
	sh := remotetest.New(t)
	l := mark(t, sh, "log")
	write(t, sh, "log", strings.Repeat("all is well\n", 30_000)+"ready\n"+strings.Repeat("x", 3<<20))
	if err := l.Watch(t.Context(), now); err != nil {
		t.Error(err)
	}
	if n := len(l.Text()); n > remote.DefaultKeep+100 {
		t.Errorf("it keeps %d bytes", n)
	}
}

func TestMarkRefuses(t *testing.T) {
	for _, name := range []string{"", "~/log", "a\nb"} {
		if _, err := Mark(t.Context(), remotetest.New(t), name); err == nil {
			t.Errorf("%q was not refused", name)
		}
	}
}
