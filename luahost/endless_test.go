package luahost_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
)

// TestEndless runs scripts that never end (testdata/endless, a section each)
// and sees each of them ended by the deadline of the run, by that of a host's
// part, and by the limit on a stretch of pure Lua.
func TestEndless(t *testing.T) {
	paths, err := filepath.Glob("testdata/endless/*.lua")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		topic := strings.TrimSuffix(filepath.Base(path), ".lua")
		for _, s := range luahosttest.Parse(string(text)) {
			t.Run(topic+"/"+s.Name, func(t *testing.T) { endless(t, topic, s.Source) })
		}
	}
}

// Each script has a deadline, and half a second to end after it, of processor time
// too: other programs may be in its way.
const (
	deadline = 40 * time.Millisecond
	late     = slowed * 500 * time.Millisecond
	tooLate  = 10 * late // whatever is in its way
)

func endless(t *testing.T, topic, source string) {
	t.Run("run", func(t *testing.T) {
		err := ended(t, luahost.Config{Timeout: deadline, Stretch: time.Hour}, source)
		wantTimeout(t, err, "the run did not end within 40ms")
	})
	t.Run("part", func(t *testing.T) {
		part := `require("bench").each({ "web1" }, { timeout = "40ms" }, function() ` + source + "\nend)"
		err := ended(t, luahost.Config{Timeout: time.Hour, Stretch: time.Hour}, part)
		wantTimeout(t, err, "the part of web1 did not end within 40ms")
	})
	if topic == "waits" {
		return
	}
	t.Run("stretch", func(t *testing.T) {
		err := ended(t, luahost.Config{Timeout: time.Hour, Stretch: deadline}, source)
		wantTimeout(t, err, "Lua ran for 40ms without calling any primitive")
	})
}

// ended runs source and returns its error, which must come in time.
func ended(t *testing.T, config luahost.Config, source string) error {
	t.Helper()
	config.Modules = []luahost.Module{bench(nil)}
	rt := luahost.New(t.Context(), config)
	defer rt.Close()
	began, worked := time.Now(), processorTime()
	err := rt.Run(source, "endless.lua")
	took := time.Since(began)
	worked = processorTime() - worked
	if min(took, worked) > deadline+late || took > deadline+tooLate {
		t.Errorf("ended after %v, of which it worked %v", took, worked)
	}
	return err
}

// processorTime is what this process has taken.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func wantTimeout(t *testing.T, err error, want string) {
	t.Helper()
	var e *luahost.Error
	if !errors.As(err, &e) || e.Kind != luahost.Timeout || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
