package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/cmd/internal/manual"
	"farmrun/luahost"
	"farmrun/luahost/console"
	bindings "farmrun/modules"
)

// realModules returns what scripts can require.
func realModules(t *testing.T) []luahost.Module {
	t.Helper()
	w := newWorld(flags{}, "", &console.Console{})
	t.Cleanup(w.close)
	return modules(w, "test")
}

// realManual returns the manual in the order of the modules.
func realManual(t *testing.T) *manual.Manual {
	t.Helper()
	var order []string
	for _, m := range realModules(t) {
		order = append(order, m.Name)
	}
	m, err := manual.Read(bindings.Sources, order)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManualIsNew(t *testing.T) {
	written, err := os.ReadFile("../../modules/MANUAL.md")
	if err != nil {
		t.Fatal(err)
	}
	now := strings.Split(realManual(t).Markdown(), "\n")
	if d := cmp.Diff(strings.Split(string(written), "\n"), now); d != "" {
		t.Errorf("modules/MANUAL.md is old: run go generate ./modules (-written +now):\n%s", d)
	}
}

// bound returns the names of all that scripts find in the modules.
func bound(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range realModules(t) {
		for _, name := range m.Names() {
			names = append(names, m.Name+"."+name)
		}
		for _, typ := range m.Types {
			typeName, methods := typ.MethodNames()
			for _, name := range methods {
				names = append(names, typeName+":"+name)
			}
			for _, name := range typ.FieldNames() {
				names = append(names, typeName+"."+name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// recordFields tells whether a name of the manual is the field of a plain
// table, which no module lists: result.stdout.
func recordFields(m *manual.Manual, t *testing.T) func(name string) bool {
	types := map[string]bool{}
	for _, name := range bound(t) {
		owner, _, _ := strings.Cut(strings.Replace(name, ":", ".", 1), ".")
		types[owner] = true
	}
	return func(name string) bool {
		owner, _, isField := strings.Cut(name, ".")
		return isField && !types[owner]
	}
}

func TestManualSaysWhatIsBound(t *testing.T) {
	m := realManual(t)
	described := slices.DeleteFunc(m.Names(), recordFields(m, t))
	if d := cmp.Diff(bound(t), described); d != "" {
		t.Errorf("-bound and not described, +described and not bound:\n%s", d)
	}
}

func TestManualSaysSomething(t *testing.T) {
	for _, gap := range realManual(t).Gaps() {
		t.Error(gap)
	}
}

func TestStubs(t *testing.T) {
	files := realManual(t).EditorFiles()
	rt := luahost.New(t.Context(), luahost.Config{})
	defer rt.Close()
	var all strings.Builder
	for name, text := range files {
		if filepath.Ext(name) != ".lua" {
			continue
		}
		if err := rt.Check(text, name); err != nil {
			t.Error(err)
		}
		all.WriteString(text)
	}
	for _, name := range bound(t) {
		owner, last, isMethod := strings.Cut(name, ":")
		wants := []string{"\nfunction " + owner + "_type:" + last + "("}
		if !isMethod {
			_, last, _ = strings.Cut(name, ".")
			wants = []string{"\nfunction " + name + "(", "\n" + name + " = ", "\n---@field " + last + " "}
		}
		if !slices.ContainsFunc(wants, func(want string) bool { return strings.Contains(all.String(), want) }) {
			t.Errorf("%s is in no stub", name)
		}
	}
}

// ask runs farmrun help and returns what it printed.
func ask(t *testing.T, args ...string) (string, error) {
	t.Helper()
	job, err := parse(append([]string{"help"}, args...))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = job.run(t.Context(), &console.Console{Out: &out})
	return out.String(), err
}

func TestHelp(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"", "Usage:\n"},
		{"init", "Usage: farmrun init DIR\n"},
		{"farm", "\nfarm.each("},
		{"farm.each", "farm.each(hosts [, options], work) -> results\n"},
		{"host", "\nhost:query("},
		{"host:run", "host:run(command"},
		{"host.vars", "host.vars (table)\n"},
		{"cli.date", "a day that exists"},
		{"Times", "Times\n"},
		{"rollout", "farm.rollout(hosts"},
		{"../../scripts/site.lua", "site.lua: what is particular to this farm"},
		{"cutover", "DATE"},
	} {
		got, err := ask(t, strings.Fields(test.name)...)
		if status(err) != allWell || !strings.Contains(got, test.want) {
			t.Errorf("help %s: %v\n%s\nwant %q", test.name, err, got, test.want)
		}
	}
}

func TestHelpUnknown(t *testing.T) {
	for name, want := range map[string]string{
		"fram.each": `did you mean "farm.each"?`,
		"host:rum":  `did you mean "host:run"?`,
		"cutovr":    `did you mean "cutover"?`,
		"erors":     `did you mean "errors"?`,
		"resum":     `did you mean "resume"?`,
		"zzzzzzzzz": `there is nothing about "zzzzzzzzz"`,
		"a b":       "one name",
	} {
		_, err := ask(t, strings.Fields(name)...)
		if status(err) != wrong || !strings.Contains(err.Error(), want) {
			t.Errorf("help %s: got %v, want %q", name, err, want)
		}
	}
}

func TestInitLeavesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, ".luarc.json")
	if err := os.WriteFile(mine, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := copyScripts(dir, &console.Console{Err: &said}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(mine); string(text) != "{}" {
		t.Errorf("%s was overwritten: %s", mine, text)
	}
	if !strings.Contains(said.String(), mine+" is not the one that comes with this farmrun: left") {
		t.Errorf("init did not say that it left %s: %s", mine, said.String())
	}
	for name := range realManual(t).EditorFiles() {
		if !exists(filepath.Join(dir, name)) {
			t.Errorf("init has not written %s", name)
		}
	}
}
