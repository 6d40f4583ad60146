package compat

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"weak"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"farmrun/luahost/frame"
	"farmrun/luahost/lualib/arg"
)

// While a chunk is compiled its nodes' lines carry the numbers of operations
// above lineBits, so that each instruction tells afterwards which operation of
// the source it is.
const (
	lineBits = 24
	lineMask = 1<<lineBits - 1
)

// operation is a part of an expression that can fail.
type operation struct {
	operands []operand
	method   string // that is called; "" is none
}

// operand is an operand's name as Lua 5.1 tells it; the zero value has none.
type operand struct{ kind, name string }

func (o operand) String() string { return o.kind + " '" + o.name + "'" }

// operand returns operand i, from 0.
func (o *operation) operand(i int) operand {
	if i < 0 || i >= len(o.operands) {
		return operand{}
	}
	return o.operands[i]
}

// note numbers an operation and marks its node with the number.
func (r *repairer) note(node ast.PositionHolder, operands ...ast.Expr) {
	names := make([]operand, len(operands))
	named := false
	for i, e := range operands {
		names[i] = r.describe(e)
		named = named || names[i] != operand{}
	}
	if named {
		r.add(node, operation{operands: names})
	}
}

func (r *repairer) add(node ast.PositionHolder, o operation) {
	r.notes = append(r.notes, o)
	node.SetLine(node.Line()&lineMask | len(r.notes)<<lineBits)
}

// noteMethod adds the method to the call that was noted last.
func (r *repairer) noteMethod(e *ast.FuncCallExpr) {
	if e.Line()>>lineBits == 0 {
		r.add(e, operation{})
	}
	r.notes[len(r.notes)-1].method = e.Method
}

// describe names the value of e as Lua 5.1's getobjname does: by the instruction
// that put it into its register.
func (r *repairer) describe(e ast.Expr) operand {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return r.kindOf(e.Value)
	case *ast.AttrGetExpr:
		if key, is := e.Key.(*ast.StringExpr); is {
			return operand{"field", key.Value}
		}
		return operand{"field", "?"}
	case *ast.LogicalOpExpr:
		return r.describeLogical(e)
	}
	return operand{}
}

// describeLogical names the right side where Lua 5.1 comes to the instruction that
// set the register, for on its way it takes every jump.
func (r *repairer) describeLogical(e *ast.LogicalOpExpr) operand {
	if fallsThrough(e.Lhs, e.Operator == "and") {
		return r.describe(e.Rhs)
	}
	return operand{}
}

// fallsThrough tells whether one who takes every jump in the code of a condition
// comes to the code behind it, which is there for when the condition has a value.
func fallsThrough(condition ast.Expr, value bool) bool {
	switch e := condition.(type) {
	case *ast.LogicalOpExpr:
		and := e.Operator == "and"
		if fallsThrough(e.Lhs, and) {
			return fallsThrough(e.Rhs, value)
		}
		return and != value // its jump is for when the whole is false after "and", true after "or"
	case *ast.UnaryNotOpExpr:
		return fallsThrough(e.Expr, !value)
	}
	fixed, is := constant(condition)
	return is && fixed == value
}

func (r *repairer) kindOf(name string) operand {
	if isTemporary(name) {
		return operand{}
	}
	passed := false
	for s := r.scope; s != nil; s = s.outer {
		switch {
		case !slices.Contains(s.names, name):
		case passed:
			return operand{"upvalue", name}
		default:
			return operand{"local", name}
		}
		passed = passed || s.starts
	}
	return operand{"global", name}
}

// noted are the operations of the functions that are in use, by instruction.
type noted struct {
	functions map[weak.Pointer[lua.FunctionProto]][]*operation
	sweep     int // at how many functions those are forgotten that are in use no more
}

// learn takes the numbers of operations out of the lines of a compiled function,
// and those in it, and puts the helpers into their constants.
func (l *Lua) learn(proto *lua.FunctionProto, notes []operation) {
	var operations []*operation
	for pc, line := range proto.DbgSourcePositions {
		number := line >> lineBits
		if number == 0 {
			continue
		}
		if operations == nil {
			operations = make([]*operation, len(proto.DbgSourcePositions))
		}
		operations[pc] = &notes[number-1]
		proto.DbgSourcePositions[pc] = line & lineMask
	}
	proto.LineDefined &= lineMask
	proto.LastLineDefined &= lineMask
	for i, c := range proto.Constants {
		if name, is := c.(lua.LString); is && l.helpers[string(name)] != nil {
			proto.Constants[i] = l.helpers[string(name)]
		}
	}
	if operations != nil {
		l.noted.add(proto, operations)
	}
	for _, inner := range proto.FunctionPrototypes {
		l.learn(inner, notes)
	}
}

func (n *noted) add(proto *lua.FunctionProto, operations []*operation) {
	if len(n.functions) >= n.sweep {
		maps.DeleteFunc(n.functions, func(p weak.Pointer[lua.FunctionProto], _ []*operation) bool { return p.Value() == nil })
		n.sweep = max(1000, 2*len(n.functions))
	}
	n.functions[weak.Make(proto)] = operations
}

// at returns the operation that a function is at, nil if nothing is known of it.
func (n *noted) at(c frame.Call) *operation {
	if operations := n.functions[weak.Make(c.Proto())]; operations != nil {
		return operations[c.PC]
	}
	return nil
}

// words returns Lua 5.1's message in place of said, gopher-lua's message about
// the instruction that the function at c is at.
func (l *Lua) words(L *lua.LState, c frame.Call, said string) string {
	if said, is := fixedWords[said]; is {
		return said
	}
	o := cmp.Or(l.noted.at(c), &operation{})
	_, a, b := c.Instruction()
	switch said {
	case "for statement step must be a number":
		if c.Register(L, a+1) != "number" { // which Lua 5.1 looks at first
			return "'for' limit must be a number"
		}
		return "'for' step must be a number"
	case "attempt to call a non-function object":
		name := o.operand(0)
		if o.method != "" {
			name = operand{"method", o.method}
		}
		return attempt("call", name, c.Register(L, a))
	case "__unm undefined":
		return attempt("perform arithmetic on", o.operand(0), c.Register(L, b))
	case "__len undefined":
		return attempt("get length of", o.operand(0), c.Register(L, b))
	}
	var left, right, event string
	if n, _ := fmt.Sscanf(said, "attempt to index a non-table object(%s", &left); n == 1 {
		return indexWords(L, c, o, strings.TrimSuffix(left, ")"))
	}
	if n, _ := fmt.Sscanf(said, "cannot perform %s operation between %s and %s", &event, &left, &right); n == 3 {
		if left != "number" {
			return attempt("perform arithmetic on", o.operand(0), left)
		}
		return attempt("perform arithmetic on", o.operand(1), right)
	}
	if n, _ := fmt.Sscanf(said, "attempt to compare %s with %s", &left, &right); n == 2 && left[2] == right[2] {
		return "attempt to compare two " + left + " values" // Lua 5.1 tells types apart by their third letter
	}
	return said
}

// indexWords says that a value of a kind cannot be indexed. It is no operand, and
// has no name, where a metamethod is.
func indexWords(L *lua.LState, c frame.Call, o *operation, kind string) string {
	op, indexed, b := c.Instruction()
	if op != lua.OP_SETTABLE && op != lua.OP_SETTABLEKS {
		indexed = b
	}
	if c.Register(L, indexed) != kind {
		return attempt("index", operand{}, kind)
	}
	return attempt("index", o.operand(0), kind)
}

// fixedWords are those of Lua 5.1 for some of gopher-lua's.
var fixedWords = map[string]string{
	"for statement init must be a number":  "'for' initial value must be a number",
	"for statement limit must be a number": "'for' limit must be a number",
	"too many recursions in gettable":      "loop in gettable",
	"too many recursions in settable":      "loop in settable",
	"registry overflow":                    "stack overflow",
}

func attempt(what string, name operand, kind string) string {
	if name == (operand{}) {
		return fmt.Sprintf("attempt to %s a %s value", what, kind)
	}
	return fmt.Sprintf("attempt to %s %s (a %s value)", what, name, kind)
}

// helperWords names the operand that a function of Go complains of, which does
// the work of an instruction or is a string's metamethod.
func (l *Lua) helperWords(L *lua.LState, calls []frame.Call, message string) string {
	o, at := l.noted.at(calls[1]), calls[1].Position()
	if o == nil {
		return message
	}
	said := strings.TrimPrefix(message, at)
	var kind string
	if n, _ := fmt.Sscanf(said, "attempt to perform arithmetic on a %s value", &kind); n == 1 && l.doesArithmetic(calls) {
		return at + attempt("perform arithmetic on", o.operand(badNumber(L)), kind)
	}
	if n, _ := fmt.Sscanf(said, "attempt to get length of a %s value", &kind); n == 1 && calls[0].Is(l.helpers[lengthName]) {
		return at + attempt("get length of", o.operand(0), kind)
	}
	if n, _ := fmt.Sscanf(said, "attempt to concatenate a %s value", &kind); n == 1 && calls[0].Is(l.helpers[concatName]) {
		return at + attempt("concatenate", o.operand(badText(L)), kind)
	}
	return message
}

func (l *Lua) doesArithmetic(calls []frame.Call) bool {
	op, _, _ := calls[1].Instruction()
	return calls[0].Is(l.helpers[moduloName]) || calls[0].Is(l.helpers[swappedName]) || op >= lua.OP_ADD && op <= lua.OP_UNM
}

// badNumber returns which of two operands, from 0, is the first that is no number.
func badNumber(L *lua.LState) int {
	if _, ok := arg.ToNumber(L.Get(1)); ok {
		return 1
	}
	return 0
}

// badText returns which of the operands of "..", from 0, cannot be joined: one of
// the last two that are left below the error.
func badText(L *lua.LState) int {
	last := L.GetTop() - 1
	if _, ok := arg.ToString(L.Get(last - 1)); ok {
		return last - 1
	}
	return last - 2
}
