package luahost_test

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// thing is a Go value that scripts get hold of.
type thing struct{ name string }

// named is what a module may ask of a value of another's.
type named interface{ Name() string }

func (t *thing) Name() string { return t.name }

// every is an options table with a field of every type.
type every struct {
	Name       string `lua:",required"`
	Count      int
	Small      int32
	Ratio      float64
	On         bool
	Every      time.Duration
	Hosts      []string
	Env        map[string]string
	Inner      struct{ MaxOffline int }
	Maybe      *bool
	Work       *lua.LFunction
	Table      *lua.LTable
	Anything   lua.LValue
	Thing      *thing
	Renamed    string `lua:"other"`
	HTTPServer string
}

// types is a module of values and of decoding.
// result and nested are structs such as modules return.
type (
	result struct {
		Code   int
		Signal *string
		Text   string
		hidden int
	}
	nested struct {
		Results []result
		ByHost  map[string]*result
		Maybe   *result
	}
)

func types() luahost.Module {
	things := &luahost.Type[*thing]{
		Name: "thing", Fields: []string{"name"}, Intern: true,
		Field:  func(t *thing, name string) (any, bool) { return t.name, name == "name" },
		String: func(t *thing) string { return "thing " + t.name },
		Methods: map[string]luahost.Func{
			"rename": func(c *luahost.Call) { luahost.Arg[*thing](c, 1, "a thing").name = c.String(2) },
		},
	}
	plain := &luahost.Type[thing]{Name: "plain"}
	one := &thing{"one"}
	return luahost.Module{Name: "types", Types: []luahost.Methods{things, plain},
		Values: map[string]any{"answer": 42, "words": []string{"a", "b"}},
		Funcs: map[string]luahost.Func{
			"one":      func(c *luahost.Call) { c.Push(things.Value(one)) },
			"new":      func(c *luahost.Call) { c.Push(things.Value(&thing{c.String(1)})) },
			"plain":    func(c *luahost.Call) { c.Push(plain.Value(thing{c.String(1)})) },
			"name":     func(c *luahost.Call) { c.Push(luahost.Arg[named](c, 1, "something with a name").Name()) },
			"string":   func(c *luahost.Call) { c.Push(c.String(1)) },
			"int":      func(c *luahost.Call) { c.Push(c.Int(1)) },
			"bool":     func(c *luahost.Call) { c.Push(c.Bool(1)) },
			"strings":  func(c *luahost.Call) { c.Push(c.Strings(1)) },
			"duration": func(c *luahost.Call) { c.Push(c.Duration(1)) },
			"fn":       func(c *luahost.Call) { c.Push(c.Function(1)) },
			"table":    func(c *luahost.Call) { c.Push(c.Table(1)) },
			"options":  func(c *luahost.Call) { c.Push(luahost.Options[every](c, 1)) },
			"lax":      func(c *luahost.Call) { c.Push(luahost.Options[struct{ Tries int }](c, 1).Tries) },
			"choice":   func(c *luahost.Call) { c.Push(c.Choice("mode", c.String(1), "halt", "undo")) },
			"record":   func(c *luahost.Call) { c.Push(c.Record("the record", map[string]any{"a": 1, "b": nil})) },
			"result":   func(c *luahost.Call) { c.Push(result{3, nil, "x", 0}) },
			"empty":    func(c *luahost.Call) { c.Push(struct{}{}) },
			"nested": func(c *luahost.Call) {
				c.Push(nested{Results: []result{{}, {Code: 3}}, ByHost: map[string]*result{"web1": {Code: 3}}})
			},
			"two":   func(c *luahost.Call) { c.Push(1, "two") },
			"count": func(c *luahost.Call) { c.Push(c.Count(), c.Has(1), c.Has(3)) },
		}}
}
