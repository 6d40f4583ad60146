// Package frame looks at the calls under way on a thread of gopher-lua. What
// gopher-lua offers passes over functions of Go and does not tell which
// instruction a function is at, so this reads its frames by reflection; it
// changes nothing. It belongs to gopher-lua v1.1.2: its tests fail where a
// later one has other frames.
package frame

import (
	"reflect"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// Call is a function that is being called, on the goroutine that asks.
type Call struct {
	Path string // of its chunk; "" for a function of Go
	Line int    // 0 for a function of Go, and for one that a tail call has replaced
	PC   int    // the index of its present instruction

	frame reflect.Value // *callFrame; invalid for what a tail call has replaced
}

// Stack returns the calls on L, innermost first, and among them a Call without
// a function for each that a tail call has replaced; no more than most, if that
// is not 0.
func Stack(L *lua.LState, most int) []Call {
	dbg, ok := L.GetStack(0)
	if !ok {
		return nil
	}
	var calls []Call
	for f := reflect.ValueOf(dbg).Elem().FieldByName("frame"); !f.IsNil(); f = f.Elem().FieldByName("Parent") {
		c := Call{PC: int(f.Elem().FieldByName("Pc").Int()) - 1, frame: f}
		if proto := c.proto(); !proto.IsNil() && c.PC >= 0 {
			c.Path = proto.Elem().FieldByName("SourceName").String()
			c.Line = int(proto.Elem().FieldByName("DbgSourcePositions").Index(c.PC).Int())
		}
		calls = append(calls, c)
		calls = append(calls, make([]Call, f.Elem().FieldByName("TailCall").Int())...)
		if most > 0 && len(calls) >= most {
			break
		}
	}
	return calls
}

func (c Call) proto() reflect.Value {
	return c.frame.Elem().FieldByName("Fn").Elem().FieldByName("Proto")
}

// Position is "path:line: ", as Lua's errors begin; "" for what is no Lua
// function.
func (c Call) Position() string {
	if c.Line <= 0 {
		return ""
	}
	return c.Path + ":" + strconv.Itoa(c.Line) + ": "
}

// IsGo tells whether the function is one of Go.
func (c Call) IsGo() bool { return c.frame.IsValid() && c.proto().IsNil() }

// Is tells whether the function is fn.
func (c Call) Is(fn *lua.LFunction) bool {
	return c.frame.IsValid() && c.frame.Elem().FieldByName("Fn").Pointer() == reflect.ValueOf(fn).Pointer()
}

// Proto identifies the function's prototype, as ID does; 0 for a function of Go.
func (c Call) Proto() uintptr {
	if !c.frame.IsValid() {
		return 0
	}
	return c.proto().Pointer()
}

// ID identifies a prototype as long as it is in use.
func ID(proto *lua.FunctionProto) uintptr { return reflect.ValueOf(proto).Pointer() }

// code returns the instruction at pc.
func (c Call) code(pc int) uint32 {
	return uint32(c.proto().Elem().FieldByName("Code").Index(pc).Uint())
}

// Instruction returns the present instruction's operation, of lua.OP_MOVE and so
// on, and its operands A and B, as gopher-lua's opcode.go has them. The function
// must be one of Lua.
func (c Call) Instruction() (op, a, b int) {
	code := c.code(c.PC)
	return int(code >> 26), int(code >> 18 & 0xff), int(code & 0x1ff)
}

// Register returns the type, as Lua names it, of the value in a register of the
// function, which must be one of Lua on L.
func (c Call) Register(L *lua.LState, n int) string {
	index := int(c.frame.Elem().FieldByName("LocalBase").Int()) + n
	value := reflect.ValueOf(L).Elem().FieldByName("reg").Elem().FieldByName("array").Index(index)
	if value.IsNil() {
		return "nil"
	}
	return typeNames[value.Elem().Type()]
}

var typeNames = map[reflect.Type]string{
	reflect.TypeFor[*lua.LNilType](): "nil", reflect.TypeFor[lua.LBool](): "boolean",
	reflect.TypeFor[lua.LNumber](): "number", reflect.TypeFor[lua.LString](): "string",
	reflect.TypeFor[*lua.LTable](): "table", reflect.TypeFor[*lua.LFunction](): "function",
	reflect.TypeFor[*lua.LUserData](): "userdata", reflect.TypeFor[*lua.LState](): "thread",
}

// Callee returns the name by which the function calls what it is calling, "?" if
// it is not known, and whether that is a method.
func (c Call) Callee() (name string, method bool) {
	if !c.frame.IsValid() || c.IsGo() {
		return "?", false
	}
	op, a, _ := c.Instruction()
	if op == lua.OP_TFORLOOP {
		return "(for generator)", false
	}
	calls := c.proto().Elem().FieldByName("DbgCalls")
	for i := range calls.Len() {
		if int(calls.Index(i).FieldByName("Pc").Int()) == c.PC {
			return calls.Index(i).FieldByName("Name").String(), c.isMethod(a)
		}
	}
	return "?", false
}

// isMethod tells whether the instruction that put the function into register a
// put its receiver beside it.
func (c Call) isMethod(a int) bool {
	for pc := c.PC - 1; pc >= 0; pc-- {
		if code := c.code(pc); int(code>>18&0xff) == a {
			return int(code>>26) == lua.OP_SELF
		}
	}
	return false
}
