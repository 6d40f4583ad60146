package luahost_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// Each script has a deadline, and half a second to end after it.
const (
	deadline = 40 * time.Millisecond
	late     = slowed * 500 * time.Millisecond
)

func endless(t *testing.T, topic, source string) {
	t.Run("run", func(t *testing.T) {
		err := ended(t, luahost.Config{Timeout: deadline, Stretch: time.Hour}, source)
		wantTimeout(t, err, "the run did not end within 40ms")
	})
	t.Run("part", func(t *testing.T) {
		part := `require("bench").each({ "web1" }, function() ` + source + "\nend)"
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
	began := time.Now()
	err := rt.Run(source, "endless.lua")
	if took := time.Since(began); took > deadline+late {
		t.Errorf("ended after %v", took)
	}
	return err
}

func wantTimeout(t *testing.T, err error, want string) {
	t.Helper()
	var e *luahost.Error
	if !errors.As(err, &e) || e.Kind != luahost.Timeout || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
