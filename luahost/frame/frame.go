// Package frame reads the running calls of a thread of gopher-lua. gopher-lua's
// own interface passes over functions of Go and does not tell which instruction
// a function is at. So this package reads the frames by reflection; it changes
// nothing. It belongs to gopher-lua v1.1.2: a later version with other frames
// fails the tests of luahost/compat.
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

	fn   *lua.LFunction // nil for a function that a tail call has replaced
	base int            // the index of its first register
}

// Stack returns the calls on L, innermost first, and among them a Call without
// a function for each that a tail call has replaced; no more than most, if that
// is not 0.
func Stack(L *lua.LState, most int) []Call {
	dbg, ok := L.GetStack(0)
	if !ok {
		return nil
	}
	calls := make([]Call, 0, max(most, 8))
	for f := reflect.ValueOf(dbg).Elem().Field(debugFrame); !f.IsNil(); {
		frame := f.Elem()
		calls = append(calls, newCall(frame))
		for range frame.Field(frameTailCall).Int() {
			calls = append(calls, Call{})
		}
		if most > 0 && len(calls) >= most {
			break
		}
		f = frame.Field(frameParent)
	}
	return calls
}

func newCall(frame reflect.Value) Call {
	c := Call{
		PC:   int(frame.Field(framePC).Int()) - 1,
		fn:   (*lua.LFunction)(frame.Field(frameFn).UnsafePointer()),
		base: int(frame.Field(frameLocalBase).Int()),
	}
	if proto := c.fn.Proto; proto != nil && c.PC >= 0 {
		c.Path, c.Line = proto.SourceName, proto.DbgSourcePositions[c.PC]
	}
	return c
}

// The places of the fields. To look one up by its name at each call would take
// most of the time of an error.
var (
	debugFrame = field(reflect.TypeFor[lua.Debug](), "frame")
	callFrame  = reflect.TypeFor[lua.Debug]().Field(debugFrame).Type.Elem()

	frameFn        = field(callFrame, "Fn")
	frameParent    = field(callFrame, "Parent")
	framePC        = field(callFrame, "Pc")
	frameLocalBase = field(callFrame, "LocalBase")
	frameTailCall  = field(callFrame, "TailCall")
)

func field(t reflect.Type, name string) int {
	f, is := t.FieldByName(name)
	if !is {
		panic(t.String() + " has no field " + name)
	}
	return f.Index[0]
}

// Position is "path:line: ", as Lua's errors begin; "" for a function of Go, and
// for one that a tail call has replaced.
func (c Call) Position() string {
	if c.Line <= 0 {
		return ""
	}
	return c.Path + ":" + strconv.Itoa(c.Line) + ": "
}

// IsGo tells whether the function is one of Go.
func (c Call) IsGo() bool { return c.fn != nil && c.fn.IsG }

// MayYield tells whether the function could go on if its callee had yielded: not
// where the callee is a metamethod or an iterator, nor where the function is one
// of Go.
func (c Call) MayYield() bool {
	if c.fn == nil {
		return true
	}
	if c.IsGo() {
		return false
	}
	op, _, _ := c.Instruction()
	return op == lua.OP_CALL || op == lua.OP_TAILCALL
}

// Is tells whether the function is fn.
func (c Call) Is(fn *lua.LFunction) bool { return c.fn == fn }

// Proto returns the function's prototype; nil for a function of Go.
func (c Call) Proto() *lua.FunctionProto {
	if c.fn == nil {
		return nil
	}
	return c.fn.Proto
}

// Instruction returns the present instruction's operation, of lua.OP_MOVE and so
// on, and its operands A and B, as gopher-lua's opcode.go has them. The function
// must be one of Lua.
func (c Call) Instruction() (op, a, b int) {
	code := c.fn.Proto.Code[c.PC]
	return int(code >> 26), int(code >> 18 & 0xff), int(code & 0x1ff)
}

// Register returns the type, as Lua names it, of the value in a register of the
// function, which must be one of Lua on L.
func (c Call) Register(L *lua.LState, n int) string {
	value := reflect.ValueOf(L).Elem().FieldByName("reg").Elem().FieldByName("array").Index(c.base + n)
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

// Callee returns the name by which the function calls its callee, "?" if it is
// not known, and whether that is a method.
func (c Call) Callee() (name string, method bool) {
	if c.fn == nil || c.IsGo() {
		return "?", false
	}
	op, a, _ := c.Instruction()
	if op == lua.OP_TFORLOOP {
		return "(for generator)", false
	}
	for _, call := range c.fn.Proto.DbgCalls {
		if call.Pc == c.PC {
			return call.Name, c.isMethod(a)
		}
	}
	return "?", false
}

// isMethod tells whether the instruction that put the function into register a
// put its receiver beside it.
func (c Call) isMethod(a int) bool {
	for pc := c.PC - 1; pc >= 0; pc-- {
		if code := c.fn.Proto.Code[pc]; int(code>>18&0xff) == a {
			return int(code>>26) == lua.OP_SELF
		}
	}
	return false
}
