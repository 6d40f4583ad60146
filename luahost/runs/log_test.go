package runs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/runs"
)

func TestLog(t *testing.T) {
	l := runs.Log{Dir: t.TempDir()}
	l.Add("web1", runs.Said{Time: time.Now(), By: "stdout", Text: "one\n\n  two  words "})
	l.Add("../web2", runs.Said{Time: time.Now(), By: "stderr", Text: "elsewhere"})
	l.Add("web1", runs.Said{Time: time.Now(), By: "farmrun", Text: "three"})
	got, err := runs.ReadLog(l.Dir, "web1", 100)
	want := []runs.Said{{By: "stdout", Text: "one"}, {By: "stdout"}, {By: "stdout", Text: "  two  words "}, {By: "farmrun", Text: "three"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(runs.Said{}, "Time")); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if time.Since(got[0].Time) > time.Minute {
		t.Errorf("it was said at %v", got[0].Time)
	}
	if got, _ := runs.ReadLog(l.Dir, "../web2", 100); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got, _ := runs.ReadLog(l.Dir, "web1", 1); len(got) != 1 || got[0].Text != "three" {
		t.Errorf("the last line is %v", got)
	}
	if got, err := runs.ReadLog(l.Dir, "silent", 100); got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	files, _ := filepath.Glob(filepath.Join(l.Dir, "*"))
	if len(files) != 2 {
		t.Errorf("files %q", files)
	}
	if info, _ := os.Stat(files[0]); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestLogIsBounded: of a host that says more and more the last is kept.
func TestLogIsBounded(t *testing.T) {
	l := runs.Log{Dir: t.TempDir()}
	const lines = 50
	for i := range lines {
		l.Add("web1", runs.Said{Time: time.Now(), By: "stdout", Text: fmt.Sprint(i, strings.Repeat("x", 100<<10))})
	}
	size := int64(0)
	files, _ := filepath.Glob(filepath.Join(l.Dir, "*"))
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 2*runs.MostLogged+300<<10 {
		t.Errorf("%d bytes are kept", size)
	}
	got, err := runs.ReadLog(l.Dir, "web1", 1000)
	if err != nil || len(got) < 10 {
		t.Fatalf("%d lines, %v", len(got), err)
	}
	for i, said := range got {
		if want := fmt.Sprint(lines-len(got)+i, "x"); !strings.HasPrefix(said.Text, want) {
			t.Errorf("line %d is %.10q, want %q", i, said.Text, want)
		}
	}
}

// TestLogOfManyHosts: each has all of its lines, in turns with more others than there are
// open files.
func TestLogOfManyHosts(t *testing.T) {
	l := runs.Log{Dir: t.TempDir(), Warn: func(err error) { t.Error(err) }}
	for i := range 300 {
		l.Add(fmt.Sprint("web", i%100), runs.Said{Time: time.Now(), By: "stdout", Text: fmt.Sprint(i)})
	}
	for i := range 100 {
		got, err := runs.ReadLog(l.Dir, fmt.Sprint("web", i), 1000)
		if err != nil || len(got) != 3 || got[0].Text != fmt.Sprint(i) || got[2].Text != fmt.Sprint(200+i) {
			t.Errorf("web%d: %v, %v", i, got, err)
		}
	}
}

// TestLogThatFails: it is said once, and nothing stops for it.
func TestLogThatFails(t *testing.T) {
	var warnings []error
	l := runs.Log{Dir: filepath.Join(t.TempDir(), "gone"), Warn: func(err error) { warnings = append(warnings, err) }}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() { l.Add(fmt.Sprint("web", i), runs.Said{Time: time.Now(), By: "stdout", Text: "x"}) })
	}
	wg.Wait()
	if len(warnings) != 1 {
		t.Errorf("warnings: %v", warnings)
	}
}

// TestTornLog: a machine that lost power leaves half a line.
func TestTornLog(t *testing.T) {
	l := runs.Log{Dir: t.TempDir()}
	l.Add("web1", runs.Said{Time: time.Now(), By: "stdout", Text: "one"})
	path := filepath.Join(l.Dir, "web1.log")
	text, _ := os.ReadFile(path)
	os.WriteFile(path, append(text, "\x00\x00\n2000-09-19T21:04:05.123+02:00 std"...), 0o600)
	if got, err := runs.ReadLog(l.Dir, "web1", 100); len(got) != 1 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

// FuzzReadLog: whatever is in the file, reading it ends, and of what a Log has
// written nothing is lost.
func FuzzReadLog(f *testing.F) {
	f.Add([]byte("2000-09-19T21:04:05.123+02:00 stdout x\n\xff"), "two\nlines")
	f.Fuzz(func(t *testing.T, before []byte, said string) {
		l := runs.Log{Dir: t.TempDir(), Warn: func(err error) { t.Error(err) }}
		if err := os.WriteFile(filepath.Join(l.Dir, "web1.log"), append(before, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		l.Add("web1", runs.Said{Time: time.Now(), By: "stdout", Text: said})
		got, err := runs.ReadLog(l.Dir, "web1", strings.Count(said, "\n")+1)
		var lines []string
		for _, s := range got {
			lines = append(lines, s.Text)
		}
		if text := strings.Join(lines, "\n"); err != nil || text != said {
			t.Errorf("got %q, %v, want %q", text, err, said)
		}
	})
}
