// Package luahosttest tests modules in the language they are for. A test is a
// Lua file of sections:
//
//	--- a misspelt option is refused
//	local bench = require "bench"
//	bench.sleep("1s", { timout = "2s" })  --! did you mean "timeout"?
//
// Each section runs in a Runtime of its own. It passes if it runs to its end,
// or, where a line has a "--!", if it fails at that line with an error that
// has the text behind it in it. "--= text" expects that line on standard
// output.
package luahosttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"farmrun/luahost"
)

// Section is one test in a file.
type Section struct {
	Name   string
	Source string // padded so that line numbers are those of the file
	Error  string // what the error must have in it; "" for none
	Line   int    // where it must be raised
	Output string // what must be printed, if any of it is given
	Twice  int    // the line of a second "--!", which is a mistake; 0 is none
}

// Files runs the sections of every file that matches pattern with config.
func Files(t *testing.T, pattern string, config luahost.Config) {
	t.Helper()
	FilesWith(t, pattern, func(*testing.T) luahost.Config { return config })
}

// FilesWith is Files with a config made for each section.
func FilesWith(t *testing.T, pattern string, config func(t *testing.T) luahost.Config) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range Parse(string(text)) {
			t.Run(filepath.Base(path)+"/"+s.Name, func(t *testing.T) { s.run(t, filepath.Base(path), config(t)) })
		}
	}
}

// Parse splits the text of a file into its sections.
func Parse(text string) []Section {
	var sections []Section
	for i, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "--- "); ok {
			sections = append(sections, Section{Name: strings.TrimSpace(name), Source: strings.Repeat("\n", i)})
		}
		if len(sections) == 0 {
			continue
		}
		s := &sections[len(sections)-1]
		s.Source += line + "\n"
		if _, want, ok := strings.Cut(line, "--! "); ok {
			if s.Error != "" {
				s.Twice = i + 1
			}
			s.Error, s.Line = strings.TrimSpace(want), i+1
		}
		if _, want, ok := strings.Cut(line, "--= "); ok {
			s.Output += strings.TrimSpace(want) + "\n"
		}
	}
	return sections
}

func (s Section) run(t *testing.T, file string, config luahost.Config) {
	t.Helper()
	if s.Twice > 0 {
		t.Fatalf("%s:%d: a section has one --! at most", file, s.Twice)
	}
	said, err := Run(t, config, s.Source, file)
	if s.Output != "" && said != s.Output {
		t.Errorf("printed:\n%swant:\n%s", said, s.Output)
	}
	if s.Error == "" {
		if err != nil {
			t.Errorf("failed: %v", err)
		}
		return
	}
	var e *luahost.Error
	switch at := fmt.Sprintf("%s:%d", file, s.Line); {
	case err == nil:
		t.Errorf("no error; want %q at line %d", s.Error, s.Line)
	case !strings.Contains(err.Error(), s.Error):
		t.Errorf("got %v\nwant %q", err, s.Error)
	case errors.As(err, &e) && !slices.Contains(e.Where, at):
		t.Errorf("raised at %v, want %s: %v", e.Where, at, err)
	}
}

// Run runs source and returns what it printed and its error.
func Run(t *testing.T, config luahost.Config, source, path string) (said string, err error) {
	t.Helper()
	var mu sync.Mutex
	var b strings.Builder
	config.Print = func(_ context.Context, host, text string) {
		mu.Lock()
		defer mu.Unlock()
		if host != "" {
			text = host + ": " + text
		}
		b.WriteString(text)
	}
	config.Log = func(text string) { t.Log(text) }
	config.Timeout = cmp.Or(config.Timeout, 10*time.Minute)
	config.Stretch = cmp.Or(config.Stretch, config.Timeout) // how busy the machine is does not matter
	rt := luahost.New(t.Context(), config)
	defer rt.Close()
	err = rt.Run(source, path)
	return b.String(), err
}
