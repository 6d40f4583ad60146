package expect

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// choice is a case of a wait.
type choice struct {
	pattern Pattern
	value   lua.LValue
}

// positional takes the items of the list out of argument n, a table that has
// options besides, and leaves it these.
func positional(c *luahost.Call, n int) []lua.LValue {
	table := c.Table(n)
	items, rest := make([]lua.LValue, table.Len()), c.L.NewTable()
	for i := range items {
		items[i] = table.RawGetInt(i + 1)
	}
	table.ForEach(func(k, v lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || i < 1 || int(i) > len(items) {
			rest.RawSet(k, v)
		}
	})
	c.L.Replace(n, rest)
	return items
}

// words are the items of a list as strings.
func words(c *luahost.Call, items []lua.LValue) []string {
	list := make([]string, len(items))
	for i, item := range items {
		if err := luahost.Decode(item, &list[i]); err != nil {
			c.Fail("item %d: %v", i+1, err)
		}
	}
	return list
}

// choices takes the cases out of argument n and leaves it the options.
func choices(c *luahost.Call, n int) []choice {
	if _, one := c.Value(n).(lua.LString); one {
		list := []choice{takeChoice(c, "case 1", c.Value(n))}
		c.L.Replace(n, lua.LNil)
		return list
	}
	table := c.Table(n)
	items := positional(c, n)
	if of, _ := shape(table); of != nil {
		rest := c.Table(n)
		rest.RawSetString("quiet", lua.LNil)
		for _, s := range shapes {
			rest.RawSetString(s.key, lua.LNil)
		}
		return []choice{takeChoice(c, "case 1", table)}
	}
	list := make([]choice, len(items))
	for i, item := range items {
		list[i] = takeChoice(c, fmt.Sprintf("case %d", i+1), item)
	}
	return list
}

// takeChoice reads a case, which place names in errors: "pattern", {"pattern", value} or
// {text = "plain", value}, with like or line in the place of text, and quiet besides.
func takeChoice(c *luahost.Call, place string, v lua.LValue) choice {
	table, ok := v.(*lua.LTable)
	if !ok {
		return choice{takePattern(c, place, v), lua.LNil}
	}
	var is choice
	if of, text := shape(table); of != nil {
		is = choice{of(text), table.RawGetInt(1)}
	} else {
		is = choice{takePattern(c, place, table.RawGetInt(1)), table.RawGetInt(2)}
	}
	if quiet := table.RawGetString("quiet"); quiet != lua.LNil {
		if err := luahost.Decode(quiet, &is.pattern.Quiet); err != nil {
			c.Fail("%s: quiet: %v", place, err)
		}
	}
	return is
}

// shapes are the keys of cases that are no regular expressions, and what makes patterns of
// their texts.
var shapes = []struct {
	key string
	of  func(text string) Pattern
}{{"text", Text}, {"like", Like}, {"line", Line}}

// shape returns the maker of a case's pattern, and its text; nil for a regular expression.
func shape(table *lua.LTable) (of func(text string) Pattern, text string) {
	for _, s := range shapes {
		if text, ok := table.RawGetString(s.key).(lua.LString); ok {
			return s.of, string(text)
		}
	}
	return nil, ""
}

func takePattern(c *luahost.Call, place string, v lua.LValue) Pattern {
	expr, ok := v.(lua.LString)
	if !ok {
		c.Fail(`%s: a pattern expected: "…", {"…", value} or {text = "…", value}`, place)
	}
	p, err := Regexp(string(expr))
	if err != nil {
		c.Raise(badPattern(c.Name()+": "+place, err))
	}
	return p
}

// badPattern is an error about a regular expression of the script's.
func badPattern(place string, err error) error {
	e := &luahost.Error{Kind: luahost.Script, Message: place + ": " + strings.TrimPrefix(err.Error(), "error parsing regexp: "), Err: err}
	if bad, ok := errors.AsType[*syntax.Error](err); ok && bad.Code == syntax.ErrInvalidUTF8 {
		e.Hint = `write { text = "…" } for bytes, such as Latin-1`
	}
	return e
}
