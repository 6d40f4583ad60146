package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/secret"
	"farmrun/luahost/terminal"
)

// Operator is who can be asked; a *terminal.Terminal is one.
type Operator interface {
	Ask(ctx context.Context, question string) (string, error)
	Confirm(ctx context.Context, question string) (bool, error)
	Secret(ctx context.Context, question string) (secret.Secret, error)
}

// Passwords are those of the run; a *secret.Keyring is one.
type Passwords interface {
	Take(ctx context.Context, account string) (secret.Secret, secret.Report, error)
	Hide(s secret.Secret)
	// PutNew has hosts that want an expired password changed get s.
	PutNew(s secret.Secret)
}

// Config says what the Lua half works with.
type Config struct {
	Script   string // the script's name, for messages
	Operator Operator
	// Passwords are what cli.password takes from, and what has to know what
	// cli.secret was answered, so that nobody shows it.
	Passwords Passwords
	Yes       bool // answers every cli.confirm with yes
	// Options are those of farmrun itself, as they are written: "--yes", "-y". A
	// script that has no such option says where they belong.
	Options []string
}

// Module is the Lua half of this package:
//
//	local cli = require "cli"
//
// It reads the script's arguments and asks the operator. An argument is of one
// of these types:
//
//   - cli.string (string): any text
//   - cli.flag (string): true if it is given
//   - cli.int (string): a whole number
//   - cli.date (string): a day that exists, yyyy-mm-dd
//   - cli.release (string): such a day and, of several releases on a day, which:
//     2000-09-19.2
//   - cli.duration (string): a time such as "90s"
//   - cli.shares (string): numbers of hosts and shares of them, "1,5,25%"; it is
//     given as a list, which farm.rollout takes as its batches
//   - cli.list (string): all the arguments that are left, or an option that
//     may be given several times
func Module(config Config) luahost.Module {
	b := &binding{config}
	return luahost.Module{
		Name: "cli",
		Funcs: map[string]luahost.Func{
			"parse": b.parse, "confirm": b.confirm, "ask": b.ask, "check_date": b.checkDate, "sleep": b.sleep,
			"secret": b.secret, "password": b.password, "renew": b.renew, "json": encode,
			"columns": columns, "usage_error": b.usageError,
		},
		Types: []luahost.Methods{secretType},
		Values: map[string]any{
			"string": string(String), "flag": string(Flag), "int": string(Int),
			"date": string(Date), "release": string(Release), "duration": string(Duration), "shares": string(Shares), "list": string(List),
		},
	}
}

type binding struct{ Config }

// cli.parse(spec [, more]) -> args
//
// Reads the script's arguments and returns them by name; a name that was not
// declared is an error.
//
//	local args = cli.parse {
//	  about = "Switches the servers to a release.",
//	  { "date", cli.date, "the release to switch to" },
//	  hosts = { default = "@web", help = "which servers" },
//	  step  = { type = cli.flag, help = "ask before each server" },
//	}
//
// The list part of spec has the arguments by position: a name, a type, and what
// it is, with optional = true if it may be missing. The last may be a cli.list.
// The named part has the options: default, type (by default what default is, or
// cli.string), help, and short, a letter. An option dry_run is written
// --dry-run. Besides, spec may have
//
//   - about: what the script does
//   - usage: the line that shows how it is called
//   - single_dash (false): true if options are written -dir, as in Expect
//
// more is a table of further options, such as several scripts have. Of one that
// both have, that of spec counts.
//
// Wrong arguments end the script with status 2, and --help prints what there
// is.
func (b *binding) parse(c *luahost.Call) {
	more := &lua.LTable{}
	if c.Has(2) {
		more = c.Table(2)
	}
	spec, err := readSpec(b.Script, c.Table(1), more)
	if err != nil {
		c.Fail("%v", err)
	}
	spec.Before = b.Options
	values, err := spec.Parse(c.Runtime().Args())
	switch {
	case errors.Is(err, ErrHelp):
		c.Print(spec.Help())
		c.Exit(0)
	case wrongUsage(err):
		c.Raise(err)
	case err != nil:
		c.Fail("%v", err)
	}
	c.Push(c.Record("the arguments", values))
}

// cli.usage_error(message)
//
// Says that the arguments are wrong, as cli.parse does: for what only the script
// can tell, such as options that do not go together.
func (b *binding) usageError(c *luahost.Call) {
	c.Raise(&UsageError{b.Script, errors.New(c.String(1))})
}

// wrongUsage tells the operator's mistakes from the author's.
func wrongUsage(err error) bool {
	_, ok := errors.AsType[*UsageError](err)
	return ok
}

// readSpec reads the tables that a script gives to cli.parse.
func readSpec(script string, table, more *lua.LTable) (Spec, error) {
	spec := Spec{Name: script}
	options := map[string]lua.LValue{}
	var failed error
	read := func(key, value lua.LValue) {
		if name, ok := key.(lua.LString); ok && failed == nil {
			switch name {
			case "usage":
				failed = luahost.Decode(value, &spec.Usage)
			case "about":
				failed = luahost.Decode(value, &spec.About)
			case "single_dash":
				failed = luahost.Decode(value, &spec.SingleDash)
			default:
				options[string(name)] = value
			}
		}
	}
	more.ForEach(read)
	table.ForEach(read) // what both have is the script's own
	for i := 1; i <= table.Len() && failed == nil; i++ {
		var a Arg
		a, failed = readArg(table.RawGetInt(i))
		spec.Args = append(spec.Args, a)
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		o, err := readOption(name, options[name])
		if err != nil && failed == nil {
			failed = fmt.Errorf("option %q: %w", name, err)
		}
		spec.Options = append(spec.Options, o)
	}
	return spec, failed
}

// readArg reads { "date", cli.date, "help", optional = true }.
func readArg(v lua.LValue) (Arg, error) {
	table, ok := v.(*lua.LTable)
	if !ok {
		return Arg{}, fmt.Errorf(`an argument is declared as { "name", type, "help" }`)
	}
	var a Arg
	for i, field := range []any{&a.Name, (*string)(&a.Type), &a.Help} {
		v := table.RawGetInt(i + 1)
		if i > 0 && v == lua.LNil {
			continue
		}
		if err := luahost.Decode(v, field); err != nil {
			return Arg{}, fmt.Errorf("argument %q: item %d of its declaration: %w", a.Name, i+1, err)
		}
	}
	a.Optional = lua.LVAsBool(table.RawGetString("optional"))
	return a, nil
}

// readOption reads { default = …, type = …, help = …, short = … }.
func readOption(name string, v lua.LValue) (Option, error) {
	var fields struct {
		Default lua.LValue
		Type    string
		Help    string
		Short   string
	}
	if err := luahost.Decode(v, &fields); err != nil {
		return Option{}, err
	}
	o := Option{Name: name, Type: Type(fields.Type), Help: fields.Help, Short: fields.Short}
	switch d := fields.Default.(type) {
	case lua.LBool:
		o.Default, o.Type = bool(d), orType(o.Type, Flag)
	case lua.LNumber:
		var n int
		err := luahost.Decode(d, &n)
		o.Default, o.Type = n, orType(o.Type, Int)
		return o, err
	case lua.LString:
		o.Default = string(d)
	case *lua.LTable:
		var list []string
		err := luahost.Decode(d, &list)
		o.Default, o.Type = list, orType(o.Type, List)
		return o, err
	}
	return o, nil
}

func orType(given, implied Type) Type {
	if given == "" {
		return implied
	}
	return given
}

// cli.confirm(question) -> boolean
//
// Asks the operator a question that is answered with yes or no. Where there is
// no terminal it raises an error; farmrun --yes answers yes to all.
func (b *binding) confirm(c *luahost.Call) {
	question := c.String(1)
	yes := b.Yes
	if !yes {
		c.Wait("cli.confirm", 0, func(ctx context.Context) (err error) {
			yes, err = b.Operator.Confirm(ctx, question)
			return unasked(err, "farmrun --yes answers yes to all such questions")
		})
	}
	c.Push(yes)
}

// cli.ask(question) -> answer
//
// Asks the operator for a line. Where there is no terminal it raises an error.
func (b *binding) ask(c *luahost.Call) {
	question, answer := c.String(1), ""
	c.Wait("cli.ask", 0, func(ctx context.Context) (err error) {
		answer, err = b.Operator.Ask(ctx, question)
		return unasked(err, "run it on a terminal")
	})
	c.Push(answer)
}

// unasked says that nobody was there to ask, and what helps.
func unasked(err error, hint string) error {
	if !errors.Is(err, terminal.ErrNone) {
		return err
	}
	return &luahost.Error{Kind: luahost.Usage, Message: err.Error(), Hint: hint, Err: err}
}

// cli.check_date(text) -> text
//
// Returns text if it is a day that exists, written yyyy-mm-dd, and raises an
// error otherwise.
func (b *binding) checkDate(c *luahost.Call) {
	text := c.String(1)
	if err := CheckDate(text); err != nil {
		c.Raisef(luahost.Usage, "%v", err)
	}
	c.Push(text)
}

// cli.sleep(time)
//
// Waits, "5s" long. To wait for something to happen, probe for it instead.
func (b *binding) sleep(c *luahost.Call) {
	d := c.Duration(1)
	c.Wait("cli.sleep", 0, func(ctx context.Context) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// cli.json(value) -> text
//
// Returns a value as JSON, on one line, with the names of a table sorted. A
// table is a list if it is empty or has an item 1.
func encode(c *luahost.Call) {
	v, err := plain(c.Value(1), nil)
	if err != nil {
		c.Fail("%v", err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		c.Fail("%v", err)
	}
	c.Push(string(text))
}

// cli.columns(lines) -> text
//
// Returns lines whose cells are separated by tabs as a table: each column is as
// wide as what stands in it, with two spaces between them.
func columns(c *luahost.Call) { c.Push(Columns(c.Strings(1))) }

// plain makes of a Lua value what encoding/json takes. outer are the tables
// that it is in.
func plain(v lua.LValue, outer []*lua.LTable) (any, error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LString:
		return string(v), nil
	case *lua.LTable:
		if slices.Contains(outer, v) {
			return nil, errors.New("a table is within itself")
		}
		return plainTable(v, append(outer, v))
	}
	if fields, ok := luahost.Fields(v); ok {
		return plainFields(fields, outer)
	}
	return nil, fmt.Errorf("a %s cannot be written as JSON", v.Type())
}

// plainFields is plain for a value with fields, which a module has returned.
func plainFields(fields iter.Seq2[string, lua.LValue], outer []*lua.LTable) (any, error) {
	members := map[string]any{}
	for name, value := range fields {
		member, err := plain(value, outer)
		if err != nil {
			return nil, err
		}
		members[name] = member
	}
	return members, nil
}

func plainTable(t *lua.LTable, outer []*lua.LTable) (any, error) {
	list, members := []any{}, map[string]any{}
	for i := 1; i <= t.Len(); i++ {
		item, err := plain(t.RawGetInt(i), outer)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	var failed error
	t.ForEach(func(key, value lua.LValue) {
		name, ok := key.(lua.LString)
		if ok && failed == nil {
			members[string(name)], failed = plain(value, outer)
		}
	})
	if len(members) > 0 && failed == nil && len(list) == 0 {
		return members, nil
	}
	return list, failed
}
