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
	for topic, scripts := range endlessScripts(t) {
		for _, s := range scripts {
			t.Run(topic+"/"+s.Name, func(t *testing.T) { endless(t, topic, s.Source) })
		}
	}
}

// BenchmarkEndless measures how long after its deadline the latest of these
// scripts ends.
func BenchmarkEndless(b *testing.B) {
	var latest time.Duration
	for b.Loop() {
		for _, scripts := range endlessScripts(b) {
			for _, s := range scripts {
				began := time.Now()
				wantTimeout(b, ended(b, luahost.Config{Timeout: deadline, Stretch: time.Hour}, s.Source), "the run did not end within 40ms")
				latest = max(latest, time.Since(began)-deadline)
			}
		}
	}
	b.ReportMetric(float64(latest.Microseconds())/1000, "ms-late-at-most")
}

// endlessScripts returns the scripts, by their topics.
func endlessScripts(t testing.TB) map[string][]luahosttest.Section {
	t.Helper()
	paths, err := filepath.Glob("testdata/endless/*.lua")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	scripts := make(map[string][]luahosttest.Section)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		scripts[strings.TrimSuffix(filepath.Base(path), ".lua")] = luahosttest.Parse(string(text))
	}
	return scripts
}

// deadline is the time that each script has. How soon after it a script ends is
// measured by BenchmarkEndless.
const deadline = 40 * time.Millisecond

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

// ended runs source to its end and returns the error.
func ended(t testing.TB, config luahost.Config, source string) error {
	t.Helper()
	config.Modules = []luahost.Module{bench(nil)}
	rt := luahost.New(t.Context(), config)
	defer rt.Close()
	return rt.Run(source, "endless.lua")
}

func wantTimeout(t testing.TB, err error, want string) {
	t.Helper()
	var e *luahost.Error
	if !errors.As(err, &e) || e.Kind != luahost.Timeout || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
