package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/secret"
	"farmrun/luahost/terminal"
	"farmrun/modules/cli"
)

func TestLua(t *testing.T) {
	config := luahost.Config{
		Modules: []luahost.Module{cli.Module(cli.Config{Script: "test"})},
		Args:    []string{"--pull", "--tries=5", "2000-09-19", "a", "b"},
	}
	luahosttest.Files(t, "testdata/parse.lua", config)
}

func TestJSON(t *testing.T) {
	result := func(c *luahost.Call) {
		c.Push(struct {
			Code   int
			Signal *string
			Text   []string
		}{3, nil, []string{"x"}})
	}
	config := luahost.Config{Modules: []luahost.Module{
		cli.Module(cli.Config{}), {Name: "some", Funcs: map[string]luahost.Func{"result": result}},
	}}
	luahosttest.Files(t, "testdata/json.lua", config)
}

// typist is an operator who types lines.
type typist struct {
	cli.Operator // nil
	lines        []string
	asked        []string
}

func (o *typist) Secret(_ context.Context, question string) (secret.Secret, error) {
	o.asked = append(o.asked, question)
	if len(o.lines) == 0 {
		return secret.Secret{}, terminal.ErrNone
	}
	line := o.lines[0]
	o.lines = o.lines[1:]
	return secret.New(line), nil
}

// reader is a module that shows what a script cannot: read.secret(secret).
func reader(asked *typist) luahost.Module {
	return luahost.Module{Name: "read", Funcs: map[string]luahost.Func{
		"secret": func(c *luahost.Call) { c.Push(luahost.Arg[interface{ Reveal() string }](c, 1, "a secret").Reveal()) },
		"asked":  func(c *luahost.Call) { c.Push(strings.Join(asked.asked, "|")) },
	}}
}

func TestSecrets(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/secret.lua", func(t *testing.T) luahost.Config {
		o := &typist{lines: []string{"xyzzy", "xyzzy", "plugh", "plover", "plover"}}
		ring := &secret.Keyring{Ask: func(ctx context.Context, account string) (secret.Secret, error) {
			return o.Secret(ctx, account)
		}}
		return luahost.Config{Modules: []luahost.Module{
			cli.Module(cli.Config{Operator: o, Passwords: ring}), reader(o), {Name: "ring", Funcs: map[string]luahost.Func{
				"new": func(c *luahost.Call) {
					s, _, err := ring.TakeNew(t.Context(), "web")
					if err != nil {
						c.Raise(err)
					}
					c.Push(s.Reveal())
				},
			}}, {Name: "mask", Funcs: map[string]luahost.Func{
				"line": func(c *luahost.Call) { c.Push(string(ring.Mask([]byte(c.String(1))))) },
			}},
		}}
	})
}

func TestCheckDate(t *testing.T) {
	for text, want := range map[string]string{
		"2000-09-19": "",
		"2000-02-29": "",
		"2000-02-30": `"2000-02-30" is no date: February 2000 has 29 days`,
		"1900-02-29": `"1900-02-29" is no date: February 1900 has 28 days`,
		"2000-13-01": `"2000-13-01" is no date: write yyyy-mm-dd`,
		"2000-9-19":  `"2000-9-19" is no date: write yyyy-mm-dd`,
		"19.9.2000":  `"19.9.2000" is no date: write yyyy-mm-dd`,
		"":           `"" is no date: write yyyy-mm-dd`,
		"2000-09-1x": `"2000-09-1x" is no date: write yyyy-mm-dd`,
		"2000-00-10": `"2000-00-10" is no date: write yyyy-mm-dd`,
		"2000-09-00": `"2000-09-00" is no date: September 2000 has 30 days`,
	} {
		got := ""
		if err := cli.CheckDate(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestCheckRelease(t *testing.T) {
	for text, want := range map[string]string{
		"2000-09-19":    "",
		"2000-09-19.2":  "",
		"2000-09-19.10": "",
		"2000-09-19.1":  `"2000-09-19.1" is no release: the second one of 2000-09-19 is 2000-09-19.2, not .1`,
		"2000-09-19.02": `"2000-09-19.02" is no release: the second one of 2000-09-19 is 2000-09-19.2, not .02`,
		"2000-09-19.":   `"2000-09-19." is no release: the second one of 2000-09-19 is 2000-09-19.2, not .`,
		"2000-09-19.2x": `"2000-09-19.2x" is no release: the second one of 2000-09-19 is 2000-09-19.2, not .2x`,
		"2000-02-30.2":  `"2000-02-30" is no date: February 2000 has 29 days`,
		"2000-09-19a":   `"2000-09-19a" is no date: write yyyy-mm-dd`,
	} {
		got := ""
		if err := cli.CheckRelease(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestSingleDash(t *testing.T) {
	spec := cli.Spec{Name: "cvsmass", SingleDash: true, Args: []cli.Arg{{Name: "hosts", Type: cli.List}},
		Options: []cli.Option{{Name: "dir"}, {Name: "program", Default: "cvs update"}, {Name: "telnet", Type: cli.Flag, Default: false}}}
	got, err := spec.Parse([]string{"-dir", "www", "-program", "cvs -q up", "-telnet", "web1", "web2"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"dir": "www", "program": "cvs -q up", "telnet": true, "hosts": []string{"web1", "web2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHelp(t *testing.T) {
	spec := cli.Spec{Name: "cutover", About: "Puts a release on the air.",
		Args:    []cli.Arg{{Name: "date", Type: cli.Date, Help: "the release, yyyy-mm-dd"}},
		Options: []cli.Option{{Name: "hosts", Default: "@web", Help: "which servers"}}}
	want := `Usage: farmrun cutover [options] DATE

Puts a release on the air.

Arguments:
  DATE   the release, yyyy-mm-dd

Options:
      --hosts HOSTS   which servers (default "@web")
  -h, --help          show this help
`
	if diff := cmp.Diff(want, spec.Help()); diff != "" {
		t.Error(diff)
	}
}
