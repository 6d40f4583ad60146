package probe

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
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

// slowLog is a host with a log that gains a line a minute, in virtual time.
type slowLog struct {
	began time.Time
	lines []string
}

// Run answers the commands of Mark and Watch.
func (h *slowLog) Run(_ context.Context, cmd remote.Cmd) (remote.Result, error) {
	if cmd.Args[2] == markScript {
		return remote.Result{Stderr: []byte("1 0\n")}, nil
	}
	at, err := strconv.Atoi(cmd.Args[6])
	if err != nil {
		return remote.Result{}, err
	}
	there := min(int(time.Since(h.began)/time.Minute), len(h.lines))
	io.WriteString(cmd.Stdout, strings.Join(h.lines[:there], "")[at:])
	return remote.Result{Stderr: []byte("same 1\n")}, nil
}

func TestWatchWaits(t *testing.T) {
	for _, tc := range []struct {
		name string
		good *regexp.Regexp
		time time.Duration // of the context
		err  error
		took time.Duration
	}{
		{"good", ready, time.Hour, nil, 2 * time.Minute},
		{"too late", regexp.MustCompile("never"), time.Hour, ErrNotSeen, 10 * time.Minute},
		{"no bad line", nil, time.Hour, nil, 10 * time.Minute},
		{"called off", regexp.MustCompile("never"), time.Minute, context.DeadlineExceeded, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tc.time)
				defer cancel()
				l, err := Mark(ctx, &slowLog{began, []string{"starting\n", "ready\n"}}, "log")
				if err != nil {
					t.Fatal(err)
				}
				err = l.Watch(ctx, WatchOptions{Within: 10 * time.Minute, Bad: fatal, Good: tc.good})
				if took := time.Since(began); !errors.Is(err, tc.err) || took != tc.took {
					t.Errorf("got %v after %v, want %v after %v", err, took, tc.err, tc.took)
				}
			})
		})
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
