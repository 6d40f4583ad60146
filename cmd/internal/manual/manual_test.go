package manual

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/modules"
)

func TestParseSignature(t *testing.T) {
	for _, test := range []struct {
		line string
		want Signature
	}{
		{"farm.here() -> host", Signature{Owner: "farm", Name: "here", Results: []Param{{Name: "host"}}}},
		{"farm.each(hosts [, options], work) -> results", Signature{
			Owner: "farm", Name: "each",
			Params:  []Param{{"hosts", false}, {"options", true}, {"work", false}},
			Results: []Param{{Name: "results"}},
		}},
		{"host:run(command [, options])", Signature{
			Owner: "host", Name: "run", Method: true, Params: []Param{{"command", false}, {"options", true}},
		}},
		{"a.b([x [, y]], ...) -> z [, e], t or nil", Signature{
			Owner: "a", Name: "b",
			Params:  []Param{{"x", true}, {"y", true}, {"...", false}},
			Results: []Param{{"z", false}, {"e", false}, {"t", true}},
		}},
		{"a.b([x,] y [, z])", Signature{
			Owner: "a", Name: "b", Params: []Param{{"x", true}, {"y", false}, {"z", true}},
		}},
		{"farm.site{ groups = {...} }", Signature{Owner: "farm", Name: "site", Params: []Param{{"options", false}}}},
	} {
		got, err := parseSignature(test.line)
		if err != nil {
			t.Errorf("%q: %v", test.line, err)
		}
		test.want.Line = test.line
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, d)
		}
	}
}

func TestWrongSignature(t *testing.T) {
	for _, line := range []string{"a.b(", "a.b(c d)", "a.b(C)", "a.b([c)", "a.b(c) is no signature", "a.b(c]["} {
		if s, err := parseSignature(line); err == nil {
			t.Errorf("%q: got %+v, want an error", line, s)
		}
	}
}

func TestReadNamesTheLine(t *testing.T) {
	source := "package a\n\n// a.b(c d)\nfunc b() {}\n"
	_, err := Read(fstest.MapFS{"a/lua.go": {Data: []byte(source)}}, nil)
	if err == nil || !strings.Contains(err.Error(), "a/lua.go:4") {
		t.Errorf("got %v, want an error that names a/lua.go:4", err)
	}
}

// A module's second file is read after the first, and finds its options there;
// a test of it is not.
func TestSecondFile(t *testing.T) {
	m, err := Read(fstest.MapFS{
		"a/lua.go":          {Data: []byte("package a\n\n// a.one()\nfunc one() {}\n\ntype shared struct{ Loud bool }\n")},
		"a/lua_host.go":     {Data: []byte("package a\n\n// host:two([options])\nfunc two() { luahost.Options[shared](c, 1) }\n")},
		"a/lua_test.go":     {Data: []byte("package a\n\n// a.three()\nfunc three() {}\n")},
		"other/lua_host.go": {Data: []byte("package other\n\n// other.four()\nfunc four() {}\n")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a.one", "host:two"}, m.Names()); d != "" {
		t.Errorf("entries (-want +got):\n%s", d)
	}
	e, _ := m.entry("host:two")
	if d := cmp.Diff([]Option{{"loud", "boolean", false}}, e.Options); d != "" {
		t.Errorf("options (-want +got):\n%s", d)
	}
}

// bell reads the example.
func bell(t *testing.T) *Manual {
	t.Helper()
	m, err := Read(os.DirFS("testdata"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOrder(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("package p\n")}
	m, err := Read(fstest.MapFS{"d/lua.go": file, "a/lua.go": file, "c/lua.go": file, "b/lua.go": file}, []string{"c", "b"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, mod := range m.Modules {
		got = append(got, mod.Name)
	}
	if d := cmp.Diff([]string{"c", "b", "a", "d"}, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestOptions(t *testing.T) {
	e, _ := bell(t).entry("bell.ring")
	want := []Option{
		{"loud", "boolean", false},
		{"every", "string", true},
		{"after", "number", false},
		{"then", "number", false},
		{"bells", "table<string, { count?: integer }>", false},
		{"httpport", "integer[]", false},
		{"strange", "any", false},
	}
	if d := cmp.Diff(want, e.Options); d != "" {
		t.Errorf("options (-want +got):\n%s", d)
	}
}

// TestRendered compares all that is made of the example with files; see what
// changed with git diff after UPDATE=1 go test.
func TestRendered(t *testing.T) {
	m := bell(t)
	_, markdown, _ := strings.Cut(m.Markdown(), "\n## bell\n")
	ring, _ := m.Help("bell.ring")
	module, _ := m.Help("bell")
	field, _ := m.Help("peal.rung")
	for name, got := range map[string]string{
		"bell.md":  "## bell\n" + markdown,
		"bell.lua": m.EditorFiles()[".farmrun/bell.lua"],
		"bell.txt": strings.Join([]string{ring, module, field}, "----\n"),
	} {
		path := filepath.Join("testdata", name)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

func TestHelpNames(t *testing.T) {
	m := bell(t)
	for _, name := range []string{"bell", "peal", "peal:stop", "bell.tone", "errors", "dry-run", "dry run"} {
		if text, ok := m.Help(name); !ok || text == "" {
			t.Errorf("nothing about %q", name)
		}
	}
	for _, name := range []string{"stop", "bell.stop", "", "ring"} {
		if text, ok := m.Help(name); ok {
			t.Errorf("%q: %s", name, text)
		}
	}
	if text, ok := m.HelpAny("ring"); !ok || !strings.HasPrefix(text, "bell.ring(") {
		t.Errorf("any ring: %q", text)
	}
}

// TestLinks tells whether every link of the manual leads to one heading, with
// the manual of the real modules.
func TestLinks(t *testing.T) {
	m, err := Read(modules.Sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := m.Markdown()
	headings := map[string]int{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		headings[anchor(h[1])]++
	}
	for _, link := range regexp.MustCompile(`\]\(#(.*?)\)`).FindAllStringSubmatch(text, -1) {
		if headings[link[1]] != 1 {
			t.Errorf("%d headings for the link to %s", headings[link[1]], link[1])
		}
	}
}

// standard are the names of Lua 5.1 as luacheck knows them.
const standard = `
_G _VERSION arg assert collectgarbage dofile error getfenv getmetatable ipairs load loadfile loadstring module
newproxy next pairs pcall print rawequal rawget rawset require select setfenv setmetatable tonumber tostring type
unpack xpcall
coroutine.create coroutine.resume coroutine.running coroutine.status coroutine.wrap coroutine.yield
debug.debug debug.getfenv debug.gethook debug.getinfo debug.getlocal debug.getmetatable debug.getregistry
debug.getupvalue debug.setfenv debug.sethook debug.setlocal debug.setmetatable debug.setupvalue debug.traceback
io.close io.flush io.input io.lines io.open io.output io.popen io.read io.stderr io.stdin io.stdout io.tmpfile
io.type io.write
math.abs math.acos math.asin math.atan math.atan2 math.ceil math.cos math.cosh math.deg math.exp math.floor
math.fmod math.frexp math.huge math.ldexp math.log math.log10 math.max math.min math.modf math.pi math.pow
math.rad math.random math.randomseed math.sin math.sinh math.sqrt math.tan math.tanh
os.clock os.date os.difftime os.execute os.exit os.getenv os.remove os.rename os.setlocale os.time os.tmpname
package.config package.cpath package.loaded package.loaders package.loadlib package.path package.preload
package.seeall
string.byte string.char string.dump string.find string.format string.gmatch string.gsub string.len
string.lower string.match string.rep string.reverse string.sub string.upper
table.concat table.insert table.maxn table.remove table.sort`

// TestLuacheckrc tells whether luacheck is told just which of Lua's names
// scripts cannot use.
func TestLuacheckrc(t *testing.T) {
	rc, err := editor.ReadFile("editor/luacheckrc")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(standard) {
		listed := strings.Contains(string(rc), `"`+name+`"`)
		err := runLua(t, usesName(name))
		if gone := err != nil; gone != listed {
			t.Errorf("%s: listed is %v, but %v", name, listed, err)
		}
	}
}

// usesName returns a script that fails if there is nothing of that name, or if
// it is not offered.
func usesName(name string) string {
	if name == "os.exit" {
		return "assert(os.exit)"
	}
	return "local v = " + name + "\n" + `assert(v ~= nil)
if type(v) == "function" then
  local ok, err = pcall(v)
  err = tostring(err)
  if not ok and (err:find("not offered", 1, true) or err:find("not support", 1, true)) then error(err) end
end`
}

func runLua(t *testing.T, source string) error {
	t.Helper()
	rt := luahost.New(t.Context(), luahost.Config{})
	defer rt.Close()
	return rt.Run(source, "test")
}
