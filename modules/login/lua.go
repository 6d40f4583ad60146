package login

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// scripted is a Session that a script can have.
type scripted interface{ Value() luahost.Pusher }

// TakeCases reads what the site file has for the dialogue of a host: a list of
//
//	{ "PATTERN", "name" }              -- one of Words
//	{ "PATTERN", send = "2\r" }
//	{ silence = "2s", send = "\r" }
//	{ "PATTERN", function(s, m) … end }
//
// It raises an error for what is none.
func TakeCases(c *luahost.Call, v lua.LValue) []Case {
	table, ok := v.(*lua.LTable)
	if !ok {
		c.Fail("dialogue: a list of cases expected, got %s", v.Type())
	}
	cases := make([]Case, table.Len())
	for i := range cases {
		var err error
		if cases[i], err = takeCase(c.Runtime(), table.RawGetInt(i+1)); err != nil {
			c.Fail("dialogue: case %d: %v", i+1, err)
		}
	}
	return cases
}

func takeCase(rt *luahost.Runtime, v lua.LValue) (Case, error) {
	table, ok := v.(*lua.LTable)
	if !ok {
		return Case{}, fmt.Errorf(`{"PATTERN", …} expected, got %s`, v.Type())
	}
	if silence := table.RawGetString("silence"); silence != lua.LNil && table.RawGetInt(1) == lua.LNil {
		return takeSilence(silence, table.RawGetString("send"))
	}
	pattern, ok := table.RawGetInt(1).(lua.LString)
	if !ok {
		return Case{}, fmt.Errorf("it does not begin with a pattern")
	}
	re, err := regexp.Compile(string(pattern))
	if err != nil {
		return Case{}, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if send, ok := table.RawGetString("send").(lua.LString); ok {
		return Case{Pattern: re, Do: Answer, Send: string(send)}, nil
	}
	switch do := table.RawGetInt(2).(type) {
	case *lua.LFunction:
		return Case{Pattern: re, Do: Talk, Talk: talk(rt, do)}, nil
	case lua.LString:
		if i := slices.Index(Words(), string(do)); i >= 0 {
			return Case{Pattern: re, Do: Name + Do(i)}, nil
		}
		return Case{}, fmt.Errorf("%q: one of %s expected%s", string(do), strings.Join(Words(), ", "), luahost.DidYouMean(string(do), Words()))
	}
	return Case{}, fmt.Errorf("behind the pattern stands one of %s, a function, or send = \"…\"", strings.Join(Words(), ", "))
}

// takeSilence is a case for a silence.
func takeSilence(silence, send lua.LValue) (Case, error) {
	c := Case{Do: Answer}
	if err := luahost.Decode(silence, &c.Silence); err != nil {
		return Case{}, fmt.Errorf("silence: %v", err)
	}
	text, ok := send.(lua.LString)
	if !ok {
		return Case{}, fmt.Errorf(`with silence stands send = "…"`)
	}
	c.Send = string(text)
	return c, nil
}

// match describes the text that matched to a function of the site file.
type match struct {
	Text   string
	Groups []string
}

// talk is a function of the site file as Case.Talk.
func talk(rt *luahost.Runtime, fn *lua.LFunction) func(ctx context.Context, s Session, groups []string) error {
	return func(ctx context.Context, s Session, groups []string) error {
		value, ok := s.(scripted)
		if !ok {
			return fmt.Errorf("a function can take no part in this dialogue")
		}
		match := match{groups[0], groups[1:]}
		_, err := rt.Call(ctx, luahost.Task{}, fn, value.Value(), match)
		return err
	}
}
