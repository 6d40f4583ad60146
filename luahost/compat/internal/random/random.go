// Package random writes random Lua programs that end: for comparing one Lua
// with another. Each function and each round of a loop burns fuel by tick(),
// which raises an error once it is used up. Programs print by out(…).
package random

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Program returns the source of the program of a seed.
func Program(seed uint64) string {
	w := &writer{rand: rand.New(rand.NewPCG(seed, 0))}
	w.open()
	w.declare("obj", "list")
	w.line("local obj, list = setmetatable({x = 1, y = 2, o = {}}, meta), {10, 20, 30}")
	for range 2 + w.rand.IntN(5) {
		if w.rand.IntN(3) == 0 {
			w.protected()
		} else {
			w.statement()
		}
	}
	w.line("out(%s)", w.exprs(3))
	return w.text.String()
}

// writer writes one program. Variables are picked at random from those in
// scope; their values are left to chance, so that errors come of their own.
type writer struct {
	rand   *rand.Rand
	text   strings.Builder
	indent int
	scopes [][]string
	names  int
	depth  int  // of blocks within each other
	loop   bool // a break can stand here
	vararg bool // "..." can stand here
	yields bool // this is the body of a coroutine
	large  bool // this is a large table, where operands are read in another order
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.text, "%s"+format+"\n", append([]any{strings.Repeat(" ", w.indent)}, args...)...)
}

func (w *writer) open()  { w.scopes = append(w.scopes, nil) }
func (w *writer) close() { w.scopes = w.scopes[:len(w.scopes)-1] }

func (w *writer) declare(names ...string) {
	top := len(w.scopes) - 1
	w.scopes[top] = append(w.scopes[top], names...)
}

// fresh is a name, now and then one that hides another variable.
func (w *writer) fresh() string {
	if w.rand.IntN(6) == 0 {
		if name := w.variable(); name[0] == 'v' {
			return name
		}
	}
	w.names++
	return fmt.Sprintf("v%d", w.names)
}

// variable is one in sight, or a global.
func (w *writer) variable() string {
	var all []string
	for _, s := range w.scopes {
		all = append(all, s...)
	}
	if len(all) == 0 || w.rand.IntN(8) == 0 {
		return w.pick("g1", "g2", "g3")
	}
	if w.rand.IntN(2) == 0 { // one of the newest
		return all[len(all)-1-w.rand.IntN(min(4, len(all)))]
	}
	return all[w.rand.IntN(len(all))]
}

func (w *writer) pick(choices ...string) string { return choices[w.rand.IntN(len(choices))] }

// inside writes a block one level deeper.
func (w *writer) inside(f func()) {
	w.indent++
	w.depth++
	w.open()
	f()
	w.close()
	w.depth--
	w.indent--
}

func (w *writer) block(n int) {
	for range n {
		w.statement()
	}
}

func (w *writer) body() { w.block(1 + w.rand.IntN(max(1, 5-w.depth))) }

func (w *writer) statement() {
	if w.depth > 5 {
		w.line("out(%s)", w.exprs(2))
		return
	}
	switch w.rand.IntN(27) {
	case 0, 1, 2:
		w.local()
	case 3, 4, 5, 6:
		w.line("%s = %s", w.targets(), w.exprs(3))
	case 7, 8:
		w.line("out(%s)", w.exprs(3))
	case 9, 10:
		w.branch()
	case 11:
		w.while()
	case 12:
		w.repeat()
	case 13:
		w.numberFor()
	case 14, 15:
		w.genericFor()
	case 16:
		w.block1()
	case 17:
		w.localFunction()
	case 18, 19:
		w.protected()
	case 20:
		w.coroutine()
	case 21:
		w.leave()
	case 22:
		w.keepClosure()
	case 24:
		w.line("%s", w.pick("do end", "repeat until true", "do do end end", "if "+w.condition()+" then end", "if "+w.small()+" then else out(1) end",
			"while "+w.pick("false", "nil")+" do end", "for _ in pairs{1, 2} do end", "local function e() end"))
	case 25:
		w.iterator()
	case 26:
		w.metatable()
	case 23:
		w.line("out(pcall(%s))", w.pick(w.variable(), "list[1]", "tostring, "+w.expr(), "error, "+w.expr(), "fns[1]"))
	}
}

func (w *writer) local() {
	names := make([]string, 1+w.rand.IntN(3))
	for i := range names {
		names[i] = w.fresh()
	}
	if w.rand.IntN(8) == 0 {
		w.line("local %s", strings.Join(names, ", "))
	} else {
		w.line("local %s = %s", strings.Join(names, ", "), w.exprs(len(names)+1))
	}
	w.declare(names...)
}

func (w *writer) targets() string {
	list := make([]string, 1+w.rand.IntN(w.rand.IntN(3)+1))
	for i := range list {
		switch w.rand.IntN(6) {
		case 0:
			list[i] = w.pick("obj", "list", "g1", w.variable()) + "." + w.pick("x", "y", "z")
		case 1:
			list[i] = fmt.Sprintf("%s[%s]", w.pick("obj", "obj", w.variable()), w.expr())
		default:
			list[i] = w.variable()
			if list[i] == "obj" || list[i] == "list" {
				list[i] = "g1"
			}
		}
	}
	return strings.Join(list, ", ")
}

func (w *writer) branch() {
	w.line("if %s then", w.condition())
	w.inside(w.body)
	for w.rand.IntN(4) == 0 {
		w.line("elseif %s then", w.condition())
		w.inside(w.body)
	}
	if w.rand.IntN(2) == 0 {
		w.line("else")
		w.inside(w.body)
	}
	w.line("end")
}

// round writes the body of a loop.
func (w *writer) round(names ...string) func() {
	return func() {
		before := w.loop
		w.loop = true
		w.declare(names...)
		if w.rand.IntN(2) == 0 {
			w.line("tick()")
			w.body()
		} else { // the head of the loop is the body's own
			w.body()
			w.line("tick()")
		}
		w.loop = before
	}
}

func (w *writer) while() {
	w.line("while %s do", w.condition())
	w.inside(w.round())
	w.line("end")
}

func (w *writer) repeat() {
	w.line("repeat")
	w.inside(func() {
		w.round()()
		w.line("until %s", w.condition())
	})
}

func (w *writer) numberFor() {
	name := w.fresh()
	step := ""
	if w.rand.IntN(3) == 0 {
		step = ", " + w.pick("1", "2", "-1", "'1'", w.variable())
	}
	w.line("for %s = %s, %s%s do", name, w.pick("1", "'1'", "3", w.variable()), w.pick("3", "1", "#{1, 2}", "'2'", w.variable()), step)
	w.inside(w.round(name))
	w.line("end")
}

func (w *writer) genericFor() {
	names := make([]string, 1+w.rand.IntN(3))
	for i := range names {
		names[i] = w.fresh()
	}
	one := "{" + w.exprs(1) + "}"
	in := w.pick("pairs{1, 2, 3}", "ipairs(list)", "next, {4}", "next, {1, 2, 3}", "pairs{x = 1}", "next, {x = 2}, nil",
		"pairs("+one+")", "next, "+one, "counter(3)", "(counter(2))", "counter(3), nil",
		"ipairs(list), list", "ipairs(list), list, 1", "counter2, 2, 0", "counter2, list and 3, "+w.call())
	w.line("for %s in %s do", strings.Join(names, ", "), in)
	w.inside(w.round(names...))
	w.line("end")
}

func (w *writer) block1() {
	w.line("do")
	w.inside(w.body)
	w.line("end")
}

// function writes a function's parameters, body and end behind head.
func (w *writer) function(head, tail string, self ...string) {
	before, beforeVararg, beforeYields := w.loop, w.vararg, w.yields
	w.loop, w.vararg, w.yields = false, w.rand.IntN(3) == 0, tail == "co"
	params := make([]string, w.rand.IntN(3))
	for i := range params {
		params[i] = w.fresh()
	}
	shown := append([]string{}, params...)
	if w.vararg {
		shown = append(shown, "...")
	}
	w.line("%s(%s)", head, strings.Join(shown, ", "))
	w.inside(func() {
		w.declare(append(self, params...)...)
		w.line("tick()")
		w.body()
		if w.rand.IntN(2) == 0 {
			w.line("return %s", w.exprs(2))
		}
	})
	w.loop, w.vararg, w.yields = before, beforeVararg, beforeYields
}

func (w *writer) localFunction() {
	name := w.fresh()
	switch w.rand.IntN(4) {
	case 0:
		w.function("local "+name+" = function", "")
		w.line("end")
		w.declare(name)
	case 1:
		w.function(fmt.Sprintf("function obj%s", w.pick(":m", ":n", ".o:m")), "", "self")
		w.line("end")
	case 2:
		w.function(fmt.Sprintf("function %s", w.pick("g1", "g2", "obj.f", name+".f", "obj.o.f")), "")
		w.line("end")
	default:
		w.declare(name)
		w.function("local function "+name, "")
		w.line("end")
	}
}

// protected writes a pcall or an xpcall with a function of its own.
func (w *writer) protected() {
	handler := w.rand.IntN(3) == 0
	if handler {
		w.function("out(xpcall(function", "")
		switch w.rand.IntN(4) {
		case 0:
			w.line("end, %s))", w.pick("tostring", "shout", w.variable()))
		default:
			w.line("end, function(e)")
			w.inside(func() { // an error in the handler would call it again until the stack ends
				w.declare("e")
				w.function("out(pcall(function", "")
				w.line("end, e))")
				w.line("return e, num(%s)", w.variable())
			})
			w.line("end))")
		}
		return
	}
	w.function("out(pcall(function", "")
	w.line("end, %s))", w.exprs(2))
}

func (w *writer) coroutine() {
	name := w.fresh()
	w.function("local "+name+" = coroutine."+w.pick("wrap", "create")+"(function", "co")
	w.line("end)")
	w.declare(name)
	for range 1 + w.rand.IntN(3) {
		w.line("out(%s)", w.pick("pcall("+name+", "+w.exprs(2)+")", "resume("+name+", "+w.exprs(2)+")"))
	}
}

// iterator writes a for over the values that a coroutine yields.
func (w *writer) iterator() {
	names := []string{w.fresh(), w.fresh()}
	w.function("for "+strings.Join(names, ", ")+" in coroutine.wrap(function", "co")
	w.line("end)%s do", w.pick("", ", "+w.expr()))
	w.inside(w.round(names...))
	w.line("end")
}

// metatable writes a table whose metamethod is a function of the program, which
// may set the variables that its operands are.
func (w *writer) metatable() {
	event := w.pick("index", "newindex", "add", "mod", "concat", "lt", "le", "eq", "call", "div")
	name := w.fresh()
	w.function(fmt.Sprintf("local %s = setmetatable({%s}, {__%s = function", name, w.pick("", "x = 1", "1, 2"), event), "")
	w.line("end})")
	w.declare(name)
	w.line("out(pcall(function() return %s, %s end))", fmt.Sprintf(map[string]string{
		"index": "%[1]s.z, %[1]s[%[2]s]", "newindex": "(function() %[1]s.y, %[1]s[1] = %[2]s, 2 end)()", "add": "%[1]s + %[2]s, %[2]s + %[1]s", "mod": "%[1]s %% %[2]s, %[2]s %% %[1]s",
		"concat": "%[1]s .. %[2]s, %[2]s .. 'a' .. %[1]s", "lt": "%[1]s < %[1]s, %[1]s > %[2]s", "le": "%[1]s <= %[1]s", "eq": "%[1]s == %[2]s, %[1]s ~= obj",
		"call": "%[1]s(%[2]s), (%[1]s(%[2]s, 2))", "div": "%[1]s / %[2]s, 1 / %[1]s",
	}[event], name, w.small()), w.expr())
}

// deep is a condition of several operators as a value.
func (w *writer) deep(depth int) string {
	if depth == 0 || w.rand.IntN(4) == 0 {
		return w.pick(w.variable(), w.variable(), w.small(), w.number()+w.pick(" < ", " == ", " ~= ", " >= ")+w.number(), w.pick("1", "nil", "false", "true", "'s'"))
	}
	left, right := w.deep(depth-1), w.deep(depth-1)
	if w.rand.IntN(4) == 0 {
		return "not (" + left + w.pick(" and ", " or ") + right + ")"
	}
	return "(" + left + w.pick(" and ", " or ") + right + ")"
}

// leave writes a break, a yield, a return or an error, whichever is possible
// here; mostly under a condition.
func (w *writer) leave() {
	var how string
	switch {
	case w.loop && w.rand.IntN(3) > 0:
		how = "break"
	case w.yields:
		w.line("%s = coroutine.yield(%s)", w.variable2(), w.exprs(2))
		return
	case w.rand.IntN(2) == 0 && w.depth > 0:
		how = "return " + w.pick(w.exprs(2), w.call())
	default:
		w.line("if %s then error(%s) end", w.condition(), w.pick("'boom'", "'plain', 0", "'up', 2", "{1}", "nil", "42", w.expr(), "'far', 3"))
		return
	}
	if w.rand.IntN(5) == 0 {
		w.line("do %s end", how)
		return
	}
	w.line("if %s then", w.condition())
	w.inside(func() {
		if w.rand.IntN(2) == 0 {
			w.body()
		}
		w.line("%s", how)
	})
	w.line("end")
}

func (w *writer) variable2() string {
	name := w.variable()
	if name == "obj" || name == "list" {
		return "g2"
	}
	return name
}

// keepClosure stores a function that changes a variable, and calls some of them.
func (w *writer) keepClosure() {
	name := w.variable2()
	if w.rand.IntN(3) > 0 {
		w.names++
		name = fmt.Sprintf("v%d", w.names)
		w.line("local %s = %s", name, w.expr())
		w.declare(name)
	}
	w.line("fns[#fns + 1] = function(a) tick() %s = num(%s) + 1 return %s, a end", name, name, name)
	if w.rand.IntN(2) == 0 {
		i := 1 + w.rand.IntN(3)
		w.line("out(fns[%d] and fns[%d](%s), %s)", i, i, w.expr(), name)
	}
}

func (w *writer) condition() string {
	switch w.rand.IntN(7) {
	case 0:
		return w.pick("true", "false", "nil", "1", "'x'", "not nil", "not true", "not not 1")
	case 1:
		return w.pick("false", "true", "nil") + w.pick(" and ", " or ") + w.expr()
	case 2:
		return w.expr() + w.pick(" and ", " or ") + w.pick("false", "true", "nil")
	case 3:
		return fmt.Sprintf("(%s) %s (%s)", w.condition(), w.pick("and", "or"), w.condition())
	case 4:
		return "not (" + w.condition() + ")"
	}
	return w.expr()
}

// exprs is a list of at most n expressions, and of one at least.
func (w *writer) exprs(n int) string {
	list := make([]string, 1+w.rand.IntN(n))
	for i := range list {
		list[i] = w.expr()
	}
	if w.rand.IntN(5) == 0 {
		list[len(list)-1] = w.call()
	}
	return strings.Join(list, ", ")
}

func (w *writer) expr() string {
	switch w.rand.IntN(29) {
	case 26:
		return w.deep(3)
	case 27: // the call may set the variable
		if w.large {
			return w.variable()
		}
		return fmt.Sprintf("%s%s(fns[%d] or id)(%s)", w.variable(), w.pick(" + ", " - ", " % ", " .. ", " < ", " == ", " / "), 1+w.rand.IntN(3), w.small())
	case 28:
		return w.variable() + "[" + w.small() + "]"
	case 0, 1, 2, 3, 4, 5:
		return w.variable()
	case 6, 7, 8:
		return w.pick("0", "1", "2", "7", "-3", "0.5", "0x10", "1e2", "010", "true", "false", "nil")
	case 9:
		return w.pick("'a'", "'b'", "'7'", "'10'", "''")
	case 10, 11:
		if w.rand.IntN(6) == 0 { // of larger powers the last digit may differ
			return w.number() + " ^ " + w.pick("0", "1", "2", "0.5")
		}
		return w.number() + w.pick(" + ", " - ", " * ", " / ", " % ") + w.number()
	case 12:
		return w.number() + " .. " + w.number()
	case 13:
		return w.number() + " .. " + w.number() + " .. " + w.number()
	case 14:
		return w.number() + w.pick(" < ", " > ", " <= ", " >= ") + w.number()
	case 15, 16:
		return "(" + w.small() + w.pick(" and ", " or ") + w.small() + ")"
	case 17:
		return "(" + w.condition() + ")"
	case 18:
		return w.pick("obj", "obj", w.variable(), "list") + w.pick(".x", ".y", ".x", ".x.y", "[1]", "["+w.small()+"]", "."+w.pick("z", "m"))
	case 19, 20:
		return w.call()
	case 21:
		return w.pick("- "+w.number(), "not "+w.small(), w.small()+" == "+w.small(), w.small()+" ~= "+w.small(), "#"+w.pick("'abc'", "{1, 2, 3}", "nil", "true", "num(g1)"))
	case 22:
		return w.table()
	case 23:
		if w.vararg {
			return w.pick("...", "(...)", "select('#', ...)", "select(2, ...)")
		}
		return "#{10, 20}"
	case 24:
		return fmt.Sprintf("(function(%s) %s return %s end)(%s)", w.pick("", "a", "a, b"), w.pick("", "tick()"), w.small(), w.small())
	}
	return "num(" + w.small() + ")"
}

// number is a number mostly.
func (w *writer) number() string {
	switch w.rand.IntN(12) {
	case 0:
		return w.small()
	case 1:
		return w.pick("obj.x", "#{7}", "'2'", "'0x10'", "(0/1)")
	case 2, 3, 4:
		return w.pick("1", "2", "-1", "0.25", "3", "0", "1e15", "1/3")
	}
	return "num(" + w.variable() + ")"
}

func (w *writer) small() string {
	switch w.rand.IntN(10) {
	case 0, 1, 2, 3:
		return w.variable()
	case 4:
		return w.pick("1", "2", "-1", "0.25", "3", "0")
	case 5:
		return w.pick("'x'", "'3'", "nil", "true", "false")
	case 6:
		return "obj." + w.pick("x", "y", "z")
	case 7:
		return "num(" + w.variable() + ")"
	case 8:
		if w.rand.IntN(2) == 0 {
			return "(" + w.expr() + ")"
		}
		return "list[" + w.pick("1", "2", "9") + "]"
	}
	return "id(" + w.variable() + ")"
}

func (w *writer) call() string {
	switch w.rand.IntN(8) {
	case 0:
		return fmt.Sprintf("several(%s)", w.pick("1", "2", "0", "3"))
	case 1:
		return fmt.Sprintf("(several(%s))", w.pick("1", "2", "0", "3"))
	case 2:
		return fmt.Sprintf("obj:%s(%s)", w.pick("m", "n", "q"), w.small())
	case 3:
		return fmt.Sprintf("%s(%s)", w.variable(), w.small())
	case 7:
		return fmt.Sprintf("(fns[%d] or id)(%s)", 1+w.rand.IntN(3), w.small())
	case 4:
		return "id(" + w.small() + ", " + w.small() + ")"
	case 5:
		return "select(" + w.pick("1", "2", "'#'") + ", " + w.small() + ", " + w.small() + ")"
	case 6:
		if w.yields {
			return "coroutine.yield(" + w.small() + ")"
		}
	}
	return "obj." + w.pick("f", "x") + "(" + w.small() + ")"
}

// table is a constructor, once in a while a large one.
func (w *writer) table() string {
	n := w.rand.IntN(4)
	if w.rand.IntN(12) == 0 {
		n = 45 + w.rand.IntN(70)
	} else if w.rand.IntN(60) == 0 {
		n = 250 + w.rand.IntN(100)
	}
	defer func(large bool) { w.large = large }(w.large)
	w.large = w.large || n > 40
	fields := make([]string, n)
	for i := range fields {
		fields[i] = w.pick("1", "2", "'f'", "i", "3")
		switch {
		case n <= 4 || w.rand.IntN(10) == 0:
			fields[i] = w.small()
			if w.rand.IntN(3) == 0 {
				fields[i] = w.pick("x", "y", "["+w.pick("1", "2", "'k'", "60", "num("+w.variable()+")")+"]") + " = " + w.small()
			}
		}
	}
	if n > 0 && w.rand.IntN(3) == 0 {
		fields[n-1] = w.call()
	}
	return "{" + strings.Join(fields, ", ") + "}"
}
