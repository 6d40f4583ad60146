package compat

import (
	"fmt"
	"strings"

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

// operation is a part of an expression that can fail, with the names of its
// operands as Lua 5.1 tells them: "local 'x'", or "".
type operation struct {
	count    int // of operands
	operands [2]string
	more     []string // those of "..", if it has more than two
	method   string
}

// operand returns the name of operand i, from 0.
func (o *operation) operand(i int) string {
	if i < 0 {
		return ""
	}
	if i < len(o.operands) {
		return o.operands[i]
	}
	if i -= len(o.operands); i < len(o.more) {
		return o.more[i]
	}
	return ""
}

// note numbers an operation and marks its node with the number.
func (r *repairer) note(node ast.PositionHolder, operands ...ast.Expr) {
	o := operation{count: len(operands)}
	named := false
	for i, e := range operands {
		name := r.describe(e)
		named = named || name != ""
		if i < len(o.operands) {
			o.operands[i] = name
		} else {
			o.more = append(o.more, name)
		}
	}
	if !named {
		return
	}
	r.notes = append(r.notes, o)
	node.SetLine(node.Line()&lineMask | len(r.notes)<<lineBits)
}

// noteMethod adds the method to the call that was noted last.
func (r *repairer) noteMethod(e *ast.FuncCallExpr) {
	if e.Line()>>lineBits == 0 {
		r.notes = append(r.notes, operation{})
		e.SetLine(e.Line() | len(r.notes)<<lineBits)
	}
	r.notes[len(r.notes)-1].method = fmt.Sprintf("method '%s'", e.Method)
}

// describe names the value of e as Lua 5.1's getobjname does: by what put it
// into its register.
func (r *repairer) describe(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return r.kindOf(e.Value)
	case *ast.AttrGetExpr:
		if key, is := e.Key.(*ast.StringExpr); is {
			return "field '" + key.Value + "'"
		}
		return "field '?'"
	case *ast.LogicalOpExpr:
		return r.describeLogical(e)
	}
	return ""
}

// describeLogical names the right side where the left one, of the other
// operator, jumps to it; else Lua 5.1 does not see what a register was set by.
func (r *repairer) describeLogical(e *ast.LogicalOpExpr) string {
	if left, is := e.Lhs.(*ast.LogicalOpExpr); is && left.Operator != e.Operator {
		return r.describe(e.Rhs)
	}
	return ""
}

func (r *repairer) kindOf(name string) string {
	if isTemporary(name) {
		return ""
	}
	passed := false
	for s := r.scope; s != nil; s = s.outer {
		for _, declared := range s.names {
			switch {
			case declared != name:
			case passed:
				return "upvalue '" + name + "'"
			default:
				return "local '" + name + "'"
			}
		}
		passed = passed || s.starts
	}
	return "global '" + name + "'"
}

// details are the operations of a function, by instruction.
type details struct {
	proto      *lua.FunctionProto
	operations map[int]*operation
}

// learn takes the numbers of operations out of the lines of a compiled function,
// and those in it, and puts the helpers into their constants.
func (l *Lua) learn(proto *lua.FunctionProto, notes []operation) {
	d := &details{proto: proto, operations: map[int]*operation{}}
	for pc, line := range proto.DbgSourcePositions {
		if n := line >> lineBits; n > 0 {
			d.operations[pc] = &notes[n-1]
			proto.DbgSourcePositions[pc] = line & lineMask
		}
	}
	proto.LineDefined &= lineMask
	proto.LastLineDefined &= lineMask
	for i, c := range proto.Constants {
		if name, is := c.(lua.LString); is && l.helpers[string(name)] != nil {
			proto.Constants[i] = l.helpers[string(name)]
		}
	}
	if len(d.operations) > 0 {
		l.protos[frame.ID(proto)] = d
	}
	for _, inner := range proto.FunctionPrototypes {
		l.learn(inner, notes)
	}
}

// words says in Lua 5.1's words what gopher-lua said of the instruction that
// the function at c is at.
func (l *Lua) words(L *lua.LState, c frame.Call, said string) string {
	if said, is := fixedWords[said]; is {
		return said
	}
	o := &operation{}
	if d := l.protos[c.Proto()]; d != nil && d.operations[c.PC] != nil {
		o = d.operations[c.PC]
	}
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
			name = o.method
		}
		return attempt("call", name, c.Register(L, a))
	case "__unm undefined":
		return attempt("perform arithmetic on", o.operand(0), c.Register(L, b))
	case "__len undefined":
		return attempt("get length of", o.operand(0), c.Register(L, b))
	}
	var left, right, event string
	if n, _ := fmt.Sscanf(said, "attempt to index a non-table object(%s", &left); n == 1 {
		return attempt("index", o.operand(0), strings.TrimSuffix(left, ")"))
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

// fixedWords are those of Lua 5.1 for some of gopher-lua's.
var fixedWords = map[string]string{
	"for statement init must be a number":  "'for' initial value must be a number",
	"for statement limit must be a number": "'for' limit must be a number",
	"too many recursions in gettable":      "loop in gettable",
	"too many recursions in settable":      "loop in settable",
	"registry overflow":                    "stack overflow",
}

func attempt(what, name, kind string) string {
	if name == "" {
		return fmt.Sprintf("attempt to %s a %s value", what, kind)
	}
	return fmt.Sprintf("attempt to %s %s (a %s value)", what, name, kind)
}

// helperWords names the operand that a function of Go complains of, which does
// the work of an instruction or is a string's metamethod.
func (l *Lua) helperWords(L *lua.LState, calls []frame.Call, message string) string {
	d := l.protos[calls[1].Proto()]
	if d == nil || d.operations[calls[1].PC] == nil {
		return message
	}
	o, at := d.operations[calls[1].PC], calls[1].Position()
	said := strings.TrimPrefix(message, at)
	var kind string
	if n, _ := fmt.Sscanf(said, "attempt to perform arithmetic on a %s value", &kind); n == 1 && l.doesArithmetic(calls) {
		return at + attempt("perform arithmetic on", o.operand(badNumber(L)), kind)
	}
	if n, _ := fmt.Sscanf(said, "attempt to get length of a %s value", &kind); n == 1 && calls[0].Is(l.helpers[lengthName]) {
		return at + attempt("get length of", o.operand(0), kind)
	}
	if n, _ := fmt.Sscanf(said, "attempt to concatenate a %s value", &kind); n == 1 && calls[0].Is(l.helpers[concatName]) {
		return at + attempt("concatenate", o.operand(badText(L, o.count)), kind)
	}
	return message
}

func (l *Lua) doesArithmetic(calls []frame.Call) bool {
	op, _, _ := calls[1].Instruction()
	return calls[0].Is(l.helpers[moduloName]) || op >= lua.OP_ADD && op <= lua.OP_UNM
}

// badNumber returns which of two operands, from 0, is the first that is no number.
func badNumber(L *lua.LState) int {
	if _, ok := arg.ToNumber(L.Get(1)); ok {
		return 1
	}
	return 0
}

// badText returns which of count operands of "..", from 0, cannot be joined: the
// last two are joined first. Of a result of a metamethod it supposes that it can.
func badText(L *lua.LState, count int) int {
	right := L.Get(count)
	for i := count - 1; i > 0; i-- {
		left := L.Get(i)
		_, leftOK := arg.ToString(left)
		_, rightOK := arg.ToString(right)
		joins := L.GetMetaField(left, "__concat") != lua.LNil || L.GetMetaField(right, "__concat") != lua.LNil
		switch {
		case leftOK && rightOK, joins:
			right = lua.LString("")
		case leftOK:
			return i
		default:
			return i - 1
		}
	}
	return -1
}
