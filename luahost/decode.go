package luahost

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

// Count returns how many arguments there are, the receiver of a method included.
func (c *Call) Count() int { return c.L.GetTop() - c.results }

// Has tells whether argument n is there and not nil.
func (c *Call) Has(n int) bool { return n <= c.Count() && c.L.Get(n) != lua.LNil }

// Value returns argument n as Lua has it; lua.LNil when it is missing.
func (c *Call) Value(n int) lua.LValue {
	if n > c.Count() {
		return lua.LNil
	}
	return c.L.Get(n)
}

// String returns argument n, which must be a string or a number.
func (c *Call) String(n int) string { return decodeArg[string](c, n) }

// Int returns argument n, which must be a whole number.
func (c *Call) Int(n int) int { return decodeArg[int](c, n) }

// Bool returns argument n, which must be a boolean.
func (c *Call) Bool(n int) bool { return decodeArg[bool](c, n) }

// Strings returns argument n, which must be a list of strings.
func (c *Call) Strings(n int) []string { return decodeArg[[]string](c, n) }

// Duration returns argument n, which must be a time such as "90s".
func (c *Call) Duration(n int) time.Duration { return decodeArg[time.Duration](c, n) }

// Function returns argument n, which must be a function.
func (c *Call) Function(n int) *lua.LFunction { return decodeArg[*lua.LFunction](c, n) }

// Table returns argument n, which must be a table.
func (c *Call) Table(n int) *lua.LTable { return decodeArg[*lua.LTable](c, n) }

// Arg returns argument n, which must be a value of a Type whose Go value is a
// T; what names it in the error: "a host". T may be an interface that the
// calling module declares.
func Arg[T any](c *Call, n int, what string) T {
	if ud, ok := c.Value(n).(*lua.LUserData); ok {
		if v, ok := ud.Value.(T); ok {
			return v
		}
	}
	c.failArg(n, fmt.Errorf("%s expected, got %s", what, typeName(c.Value(n))))
	panic("unreachable")
}

// Options returns argument n, a table of named options, as a struct; nil or
// nothing is the zero T. A key that T does not have is an error that names the
// nearest one. Keys are the fields' names in snake_case, or what the `lua` tag
// says; `lua:",required"` refuses their absence. Fields are of the types that
// Decode knows.
func Options[T any](c *Call, n int) T {
	var opts T
	if !c.Has(n) {
		if missing := firstRequired(reflect.TypeFor[T]()); missing != "" {
			c.failArg(n, fmt.Errorf("option %q is missing", missing))
		}
		return opts
	}
	if err := Decode(c.Value(n), &opts); err != nil {
		c.failArg(n, err)
	}
	return opts
}

// Choice returns the value of an option that must be one of some words; "" is
// the first of them.
func (c *Call) Choice(option, value string, words ...string) string {
	if value == "" {
		return words[0]
	}
	if !slices.Contains(words, value) {
		c.Fail("option %q: one of %s expected, got %q%s", option, quotedList(words), value, DidYouMean(value, words))
	}
	return value
}

func decodeArg[T any](c *Call, n int) T {
	var v T
	if err := Decode(c.Value(n), &v); err != nil {
		c.failArg(n, err)
	}
	return v
}

// failArg raises err about argument n, and says so if a method was called
// with "." for ":".
func (c *Call) failArg(n int, err error) {
	object, method, isMethod := strings.Cut(c.name, ":")
	switch {
	case isMethod && n == 1:
		c.Fail("call it with a colon, as in %s:%s(…)", object, method)
	case isMethod:
		c.Fail("argument %d: %v", n-1, err)
	default:
		c.Fail("argument %d: %v", n, err)
	}
}

// Decode stores a Lua value in what into points to: a string, bool, number,
// time.Duration (from a string with a unit), []T, map[string]T, a struct (from
// a table of named options, see Options), *T (nil stays nil), *lua.LFunction,
// *lua.LTable, lua.LValue, any, or the Go value of a Type.
func Decode(v lua.LValue, into any) error {
	return decode(v, reflect.ValueOf(into).Elem())
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	functionType = reflect.TypeFor[*lua.LFunction]()
	tableType    = reflect.TypeFor[*lua.LTable]()
)

func decode(v lua.LValue, into reflect.Value) error {
	if ud, ok := v.(*lua.LUserData); ok && ud.Value != nil && reflect.TypeOf(ud.Value).AssignableTo(into.Type()) {
		into.Set(reflect.ValueOf(ud.Value))
		return nil
	}
	if reflect.TypeOf(v).AssignableTo(into.Type()) { // *lua.LFunction, *lua.LTable, lua.LValue
		into.Set(reflect.ValueOf(v))
		return nil
	}
	switch into.Type() {
	case durationType:
		return decodeDuration(v, into)
	case functionType:
		return mismatch("a function", v)
	case tableType:
		return mismatch("a table", v)
	}
	switch into.Kind() {
	case reflect.String:
		return decodeString(v, into)
	case reflect.Bool:
		b, ok := v.(lua.LBool)
		if !ok {
			return mismatch("true or false", v)
		}
		into.SetBool(bool(b))
	case reflect.Int, reflect.Int64, reflect.Int32:
		return decodeInt(v, into)
	case reflect.Float64:
		f, ok := v.(lua.LNumber)
		if !ok {
			return mismatch("a number", v)
		}
		into.SetFloat(float64(f))
	case reflect.Slice:
		return decodeList(v, into)
	case reflect.Map:
		return decodeMap(v, into)
	case reflect.Struct:
		return decodeStruct(v, into)
	case reflect.Pointer:
		return decodePointer(v, into)
	default:
		return mismatch("a value of another type", v)
	}
	return nil
}

func mismatch(want string, got lua.LValue) error {
	return fmt.Errorf("%s expected, got %s", want, typeName(got))
}

// typeName names what v is, for errors: "nothing", "a string", "a host".
func typeName(v lua.LValue) string {
	switch v := v.(type) {
	case *lua.LNilType:
		return "nothing"
	case *lua.LUserData:
		if mt, ok := v.Metatable.(*lua.LTable); ok {
			if name, ok := mt.RawGetString("__name").(lua.LString); ok {
				return withArticle(string(name))
			}
		}
	}
	return "a " + v.Type().String()
}

func decodeString(v lua.LValue, into reflect.Value) error {
	if s, ok := arg.ToString(v); ok {
		into.SetString(s)
		return nil
	}
	return mismatch("a string", v)
}

func decodeInt(v lua.LValue, into reflect.Value) error {
	n, ok := v.(lua.LNumber)
	if !ok {
		return mismatch("a whole number", v)
	}
	f := float64(n)
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 || into.OverflowInt(int64(f)) {
		return fmt.Errorf("a whole number expected, got %v", n)
	}
	into.SetInt(int64(f))
	return nil
}

func decodeDuration(v lua.LValue, into reflect.Value) error {
	s, ok := v.(lua.LString)
	if !ok {
		return fmt.Errorf(`a time with a unit such as "90s" or "10m" expected, got %s`, typeName(v))
	}
	d, err := ParseDuration(string(s))
	if err != nil {
		return err
	}
	into.SetInt(int64(d))
	return nil
}

// ParseDuration reads a time with a unit: "500ms", "90s", "10m", "1h30m". It
// refuses what is below zero.
func ParseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf(`a time with a unit such as "90s" or "10m" expected, got %q`, s)
	}
	if d < 0 {
		return 0, fmt.Errorf("a time of zero or more expected, got %q", s)
	}
	return d, nil
}

func decodeList(v lua.LValue, into reflect.Value) error {
	table, ok := v.(*lua.LTable)
	if !ok {
		return mismatch("a list", v)
	}
	if err := together(table); err != nil {
		return err
	}
	list := reflect.MakeSlice(into.Type(), table.Len(), table.Len())
	for i := range table.Len() {
		if err := decode(table.RawGetInt(i+1), list.Index(i)); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	var stray error
	table.ForEach(func(key, _ lua.LValue) {
		if _, isNumber := key.(lua.LNumber); !isNumber && stray == nil {
			stray = fmt.Errorf("a list expected, got a table with the key %q", key.String())
		}
	})
	into.Set(list)
	return stray
}

// together refuses a table that holds long strings, or one long string very often:
// joined they would take much more memory than the table.
func together(table *lua.LTable) error {
	length := 0
	table.ForEach(func(_, value lua.LValue) {
		if s, ok := value.(lua.LString); ok {
			length += len(s)
		}
	})
	if length > pattern.MaxString {
		return fmt.Errorf("its strings are longer than %s together", binary(pattern.MaxString))
	}
	return nil
}

func decodeMap(v lua.LValue, into reflect.Value) error {
	table, ok := v.(*lua.LTable)
	if !ok {
		return mismatch("a table", v)
	}
	if err := together(table); err != nil {
		return err
	}
	m := reflect.MakeMap(into.Type())
	var failed error
	table.ForEach(func(key, value lua.LValue) {
		name, isString := key.(lua.LString)
		if failed != nil {
			return
		}
		if !isString {
			failed = fmt.Errorf("a table with names as keys expected, got the key %s", key.String())
			return
		}
		item := reflect.New(into.Type().Elem()).Elem()
		if err := decode(value, item); err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
			return
		}
		m.SetMapIndex(reflect.ValueOf(string(name)), item)
	})
	into.Set(m)
	return failed
}

func decodePointer(v lua.LValue, into reflect.Value) error {
	if v == lua.LNil {
		return nil
	}
	if into.Type().Elem().Kind() == reflect.Struct && into.Type().Elem().PkgPath() != "" && !isOptions(into.Type().Elem()) {
		return mismatch("a value of another type", v)
	}
	p := reflect.New(into.Type().Elem())
	if err := decode(v, p.Elem()); err != nil {
		return err
	}
	into.Set(p)
	return nil
}

// isOptions tells whether t is a struct that a table can fill: all its fields
// are exported.
func isOptions(t reflect.Type) bool {
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			return false
		}
	}
	return true
}

func decodeStruct(v lua.LValue, into reflect.Value) error {
	table, ok := v.(*lua.LTable)
	if !ok || !isOptions(into.Type()) {
		return mismatch("a table of options", v)
	}
	fields := optionFields(into.Type())
	var failed error
	table.ForEach(func(key, value lua.LValue) {
		if failed == nil {
			failed = decodeOption(key, value, fields, into)
		}
	})
	if failed != nil {
		return failed
	}
	for _, f := range fields {
		if f.required && table.RawGetString(f.name) == lua.LNil {
			return fmt.Errorf("option %q is missing", f.name)
		}
	}
	return nil
}

func decodeOption(key, value lua.LValue, fields []optionField, into reflect.Value) error {
	name, ok := key.(lua.LString)
	if !ok {
		return fmt.Errorf("options have names, got the key %s", key.String())
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		if f.name != string(name) {
			names[i] = f.name
			continue
		}
		if err := decode(value, into.Field(f.index)); err != nil {
			return fmt.Errorf("option %q: %w", f.name, err)
		}
		return nil
	}
	return fmt.Errorf("there is no option %q%s", string(name), DidYouMean(string(name), names))
}

// optionField is one field of an options struct as Lua sees it.
type optionField struct {
	name     string
	index    int
	required bool
}

func optionFields(t reflect.Type) []optionField {
	fields := make([]optionField, t.NumField())
	for i := range fields {
		fields[i] = newOptionField(t.Field(i), i)
	}
	return fields
}

func newOptionField(f reflect.StructField, index int) optionField {
	name, flags, _ := strings.Cut(f.Tag.Get("lua"), ",")
	if name == "" {
		name = OptionName(f.Name)
	}
	return optionField{name: name, index: index, required: flags == "required"}
}

func firstRequired(t reflect.Type) string {
	for _, f := range optionFields(t) {
		if f.required {
			return f.name
		}
	}
	return ""
}

// OptionName turns a Go field name into an option's name: MaxOffline, max_offline.
func OptionName(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := 'A' <= r && r <= 'Z'
		if upper && i > 0 && !isUpper(name, i-1) {
			b.WriteByte('_')
		}
		if upper {
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isUpper(s string, i int) bool { return 'A' <= s[i] && s[i] <= 'Z' }
