package compat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"farmrun/luahost/lualib/arg"
)

// Repairs says which faults are repaired; see the package's comment.
type Repairs uint

// The repairs, each of one fault.
const (
	Assignments Repairs = 1 << iota // several values at once; keys that change meanwhile
	Constants                       // conditions that do not depend on anything
	Breaks                          // out of blocks whose variables a closure has
	Loops                           // for with fewer than three values
	Selves                          // local f = function() … f … end
	Tables                          // large table constructors
	Operators                       // numbers in "..", "%", bounds that are strings
	Literals                        // numbers in hexadecimal and with leading zeros

	All Repairs = 1<<iota - 1
)

// mostParts is how many operators, calls and indices one expression may have in a
// row, and branches one if. Each takes room on Go's stack, and time: compiling
// them is quadratic.
const mostParts = 10_000

// mostUpvalues is Lua 5.1's limit; gopher-lua counts them in a byte, silently.
const mostUpvalues = 60

// repairer rewrites a syntax tree in one pass.
type repairer struct {
	repairs   Repairs
	shape     // of the source still ahead
	scope     *scope
	refused   *problem
	notes     []operation
	temporary int
	depth     int // in the syntax tree
}

// scope is a block of a function with the local variables declared in it.
type scope struct {
	outer   *scope
	starts  bool // it is a function's outermost
	loop    bool // break leaves it
	names   []string
	closure bool // a function is made in it, or in a block within it
	keep    bool // the loop must close its variables at a break

	// Of the function that starts here.
	upvalues []string
	vararg   bool
	varargs  int // how often "..." stands in it
}

// repair returns the rewritten chunk, whose lines are marked with the numbers of
// its operations.
func repair(chunk []ast.Stmt, shape *shape, path string, repairs Repairs) ([]ast.Stmt, []operation, error) {
	r := &repairer{repairs: repairs, shape: *shape}
	main := &ast.FunctionExpr{ParList: &ast.ParList{}, Stmts: chunk}
	r.function(main)
	if r.refused != nil {
		return nil, nil, &Error{Path: path, Line: r.refused.line, Message: r.refused.message}
	}
	return main.Stmts, r.notes, nil
}

// enter opens a block; leave closes it.
func (r *repairer) enter(s *scope) *scope {
	s.outer = r.scope
	r.scope = s
	return s
}

func (r *repairer) leave() {
	inner := r.scope
	r.scope = inner.outer
	if r.scope != nil && !inner.starts {
		r.scope.closure = r.scope.closure || inner.closure
	}
}

func (r *repairer) declare(names ...string) { r.scope.names = append(r.scope.names, names...) }

// isLocal tells whether name is a local variable of the function that is being
// rewritten, and not one of a function around it.
func (r *repairer) isLocal(name string) bool {
	for s := r.scope; s != nil; s = s.outer {
		if slices.Contains(s.names, name) {
			return true
		}
		if s.starts {
			return false
		}
	}
	return false
}

// use notes that a variable is read or set, for the limit of upvalues.
func (r *repairer) use(id *ast.IdentExpr) {
	var passed []*scope
	for s := r.scope; s != nil; s = s.outer {
		if slices.Contains(s.names, id.Value) {
			break
		}
		if s.starts {
			passed = append(passed, s)
		}
		if s.outer == nil {
			return // a global
		}
	}
	for _, f := range passed {
		if !slices.Contains(f.upvalues, id.Value) {
			f.upvalues = append(f.upvalues, id.Value)
		}
		if len(f.upvalues) > mostUpvalues {
			r.refuse(id.Line(), "this function uses more than %d variables of the functions around it: put some of them into a table", mostUpvalues)
		}
	}
}

func (r *repairer) refuse(line int, format string, args ...any) {
	if r.refused == nil {
		r.refused = &problem{line, fmt.Sprintf(format, args...)}
	}
}

// function rewrites a function.
func (r *repairer) function(f *ast.FunctionExpr) {
	if r.scope != nil {
		r.scope.closure = true
	}
	r.enter(&scope{starts: true, vararg: f.ParList.HasVargs || r.scope == nil})
	r.declare(f.ParList.Names...)
	if f.ParList.HasVargs && r.scope.outer != nil {
		r.declare("arg")
	}
	f.Stmts = r.statements(f.Stmts)
	r.leave()
}

// vararg notes a "...".
func (r *repairer) vararg(e *ast.Comma3Expr) {
	f := r.inner()
	if !f.vararg {
		r.refuse(e.Line(), "cannot use '...' outside a vararg function")
	}
	f.varargs++
}

// inner returns the outermost block of the present function.
func (r *repairer) inner() *scope {
	s := r.scope
	for !s.starts {
		s = s.outer
	}
	return s
}

func (r *repairer) block(stmts []ast.Stmt) []ast.Stmt {
	r.enter(&scope{})
	defer r.leave()
	return r.statements(stmts)
}

// statements rewrites the statements of the block that was entered last.
func (r *repairer) statements(stmts []ast.Stmt) []ast.Stmt {
	done := make([]ast.Stmt, 0, len(stmts))
	for _, s := range stmts {
		done = r.statement(done, s)
	}
	return done
}

// statement appends the rewritten s to done.
func (r *repairer) statement(done []ast.Stmt, s ast.Stmt) []ast.Stmt {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return append(done, r.assign(s))
	case *ast.LocalAssignStmt:
		r.local(s)
	case *ast.FuncCallStmt:
		s.Expr = r.expr(s.Expr)
	case *ast.DoBlockStmt:
		if s.Stmts = r.block(s.Stmts); r.isNothing(s.Stmts) {
			return done
		}
	case *ast.WhileStmt:
		return r.while(done, s)
	case *ast.RepeatStmt:
		r.repeat(s)
		if value, _ := constant(s.Condition); value && r.isNothing(s.Stmts) {
			return done
		}
	case *ast.IfStmt:
		return r.branch(done, s)
	case *ast.NumberForStmt:
		return append(done, r.numberFor(s))
	case *ast.GenericForStmt:
		return append(done, r.genericFor(s))
	case *ast.FuncDefStmt:
		return append(done, r.define(s))
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
	case *ast.BreakStmt:
		return r.leaveLoop(done, s)
	}
	return append(done, s)
}

// define rewrites a function statement; a method becomes an assignment, whose
// target can be named in errors.
func (r *repairer) define(s *ast.FuncDefStmt) ast.Stmt {
	target := s.Name.Func
	if target == nil {
		key := at(&ast.StringExpr{Value: s.Name.Method}, s.Name.Receiver.Line())
		target = at(&ast.AttrGetExpr{Object: s.Name.Receiver, Key: key}, s.Name.Receiver.Line())
		s.Func.ParList.Names = append([]string{"self"}, s.Func.ParList.Names...)
	}
	assign := &ast.AssignStmt{Lhs: []ast.Expr{r.expr(target)}, Rhs: []ast.Expr{s.Func}}
	assign.SetLine(s.Func.Line())
	r.function(s.Func)
	return assign
}

// local rewrites a local statement. gopher-lua takes `local f = function…` for
// `local function f…`, so that the body sees the new variable.
func (r *repairer) local(s *ast.LocalAssignStmt) {
	self := len(r.functions) > 0 && r.functions[0]
	r.functions = r.functions[min(1, len(r.functions)):]
	if self {
		r.declare(s.Names...)
	}
	r.exprs(s.Exprs)
	if self {
		return
	}
	r.declare(s.Names...)
	if len(s.Exprs) == 1 && len(s.Names) == 1 && r.repairs&Selves != 0 {
		if f, is := s.Exprs[0].(*ast.FunctionExpr); is {
			s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, f.Line()))
		}
	}
}

func (r *repairer) while(done []ast.Stmt, s *ast.WhileStmt) []ast.Stmt {
	s.Condition = r.expr(s.Condition)
	loop := r.enter(&scope{loop: true})
	s.Stmts = r.keep(loop, r.statements(s.Stmts))
	r.leave()
	if value, is := constant(s.Condition); is && !value && r.repairs&Constants != 0 {
		return done
	}
	return append(done, s)
}

func (r *repairer) repeat(s *ast.RepeatStmt) {
	loop := r.enter(&scope{loop: true})
	s.Stmts = r.statements(s.Stmts)
	s.Condition = r.expr(s.Condition)
	s.Stmts = r.keep(loop, s.Stmts)
	r.leave()
}

// branch rewrites an if. Where the condition is constant the branch that is
// taken stands in its place.
func (r *repairer) branch(done []ast.Stmt, s *ast.IfStmt) []ast.Stmt {
	defer func() { r.depth-- }()
	if r.deeper(s.Line()) {
		return done
	}
	s.Condition = r.expr(s.Condition)
	s.Then, s.Else = r.block(s.Then), r.block(s.Else)
	value, is := constant(s.Condition)
	if !is || r.repairs&Constants == 0 {
		return append(done, s)
	}
	taken := s.Then
	if !value {
		taken = s.Else
	}
	if len(taken) == 0 {
		return done
	}
	return append(done, do(s, taken...))
}

// numberFor rewrites a numeric for. A bound that is no number when it is
// compiled may be a string when it is run.
func (r *repairer) numberFor(s *ast.NumberForStmt) ast.Stmt {
	s.Init, s.Limit = r.bound(s.Init), r.bound(s.Limit)
	if s.Step != nil {
		s.Step = r.bound(s.Step)
	}
	loop := r.enter(&scope{loop: true})
	r.declare(s.Name)
	s.Stmts = r.keep(loop, r.statements(s.Stmts))
	r.leave()
	if isPlain(s.Init) && isPlain(s.Limit) && (s.Step == nil || isPlain(s.Step)) || r.repairs&Loops == 0 {
		return s
	}
	if s.Step == nil {
		s.Step = at(&ast.NumberExpr{Value: "1"}, s.Line())
	}
	hoist := &ast.LocalAssignStmt{Names: []string{r.fresh(), r.fresh(), r.fresh()}, Exprs: []ast.Expr{s.Init, s.Limit, single(s.Step)}}
	hoist.SetLine(s.Line())
	s.Init, s.Limit, s.Step = ident(hoist.Names[0], s.Line()), ident(hoist.Names[1], s.Line()), ident(hoist.Names[2], s.Line())
	return do(s, hoist, s)
}

// isPlain tells whether no part of e changes a local variable that another part
// of it reads: gopher-lua reads the operands of a loop's values too early.
func isPlain(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.IdentExpr, *ast.NumberExpr, *ast.StringExpr, *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.Comma3Expr:
		return true
	case *ast.AttrGetExpr:
		return isPlain(e.Object) && isPlain(e.Key)
	case *ast.UnaryMinusOpExpr:
		return isPlain(e.Expr)
	case *ast.FuncCallExpr:
		return (e.Func == nil || isPlain(e.Func)) && (e.Receiver == nil || isPlain(e.Receiver)) && !slices.ContainsFunc(e.Args, func(arg ast.Expr) bool { return !isPlain(arg) })
	}
	return false
}

func (r *repairer) bound(e ast.Expr) ast.Expr {
	switch e.(type) {
	case *ast.NumberExpr, *ast.UnaryLenOpExpr, *ast.ArithmeticOpExpr, *ast.UnaryMinusOpExpr:
		return r.expr(e)
	}
	e = r.expr(e)
	return r.helper(boundName, e.Line(), []ast.Expr{e}, e)
}

// genericFor rewrites a generic for, so that it has one call that gives all
// three values, or three expressions.
func (r *repairer) genericFor(s *ast.GenericForStmt) ast.Stmt {
	if len(s.Exprs) > 3 {
		r.refuse(s.Line(), "a for takes three values at most: Lua 5.1 mixes up its variables if it gets more")
	}
	r.exprs(s.Exprs)
	loop := r.enter(&scope{loop: true})
	r.declare(s.Names...)
	s.Stmts = r.keep(loop, r.statements(s.Stmts))
	r.leave()
	if r.repairs&Loops == 0 || len(s.Exprs) == 1 && severalValues(s.Exprs[0]) && isPlain(s.Exprs[0]) {
		return s
	}
	hoist := &ast.LocalAssignStmt{Names: []string{r.fresh(), r.fresh(), r.fresh()}, Exprs: s.Exprs}
	hoist.SetLine(s.Line())
	s.Exprs = nil
	for _, name := range hoist.Names {
		s.Exprs = append(s.Exprs, ident(name, s.Line()))
	}
	return do(s, hoist, s)
}

// isNothing tells whether a block can be left out. It has to be: a jump behind
// it could stand at the head of a loop; see Constants.
func (r *repairer) isNothing(block []ast.Stmt) bool {
	return len(block) == 0 && r.repairs&Constants != 0
}

// leaveLoop rewrites a break. As the first statement of a loop it would be a
// jump at the loop's head; see Constants.
func (r *repairer) leaveLoop(done []ast.Stmt, s *ast.BreakStmt) []ast.Stmt {
	if !r.inLoop() {
		r.refuse(s.Line(), "no loop to break")
	}
	captured, closure := false, false
	for block := r.scope; block != nil && !block.starts; block = block.outer {
		if block.loop {
			block.keep = block.keep || captured
			break
		}
		closure = closure || block.closure
		captured = captured || closure && len(block.names) > 0
	}
	if len(done) == 0 && r.repairs&Constants != 0 {
		pause := &ast.LocalAssignStmt{Names: []string{r.fresh()}}
		pause.SetLine(s.Line())
		done = append(done, pause)
	}
	return append(done, s)
}

func (r *repairer) inLoop() bool {
	s := r.scope
	for !s.loop && !s.starts {
		s = s.outer
	}
	return s.loop
}

// keep has gopher-lua close a loop's variables at each break, which it does
// only where a function captures a variable of the loop's own block.
func (r *repairer) keep(loop *scope, body []ast.Stmt) []ast.Stmt {
	if !loop.keep || r.repairs&Breaks == 0 {
		return body
	}
	name := r.fresh()
	capture := &ast.FunctionExpr{ParList: &ast.ParList{}, Stmts: []ast.Stmt{&ast.ReturnStmt{Exprs: []ast.Expr{ident(name, 0)}}}}
	return append([]ast.Stmt{
		&ast.LocalAssignStmt{Names: []string{name}},
		&ast.IfStmt{Condition: &ast.FalseExpr{}, Then: []ast.Stmt{
			&ast.LocalAssignStmt{Names: []string{r.fresh()}, Exprs: []ast.Expr{capture}},
		}},
	}, body...)
}

// fresh returns a name that no script can use.
func (r *repairer) fresh() string {
	r.temporary++
	return "(" + strconv.Itoa(r.temporary) + ")"
}

// isTemporary tells whether a name is one of fresh.
func isTemporary(name string) bool { return name[0] == '(' }

func (r *repairer) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = r.expr(e)
	}
}

// deeper notes that a part of the syntax tree is entered, and refuses one that is
// too deep. Whoever calls it lowers depth.
func (r *repairer) deeper(line int) (refused bool) {
	if r.depth++; r.depth > mostParts {
		r.refuse(line&lineMask, "more than %d operations in one expression, or branches of one if: make several of it", mostParts)
	}
	return r.depth > mostParts
}

// expr rewrites an expression.
func (r *repairer) expr(e ast.Expr) ast.Expr {
	defer func() { r.depth-- }()
	if r.deeper(e.Line()) {
		return e
	}
	switch e := e.(type) {
	case *ast.NumberExpr:
		r.literal(e)
	case *ast.StringExpr:
		if strings.HasPrefix(e.Value, helperMark) {
			r.refuse(e.Line(), "a string that begins with %q is farmrun's own", helperMark)
		}
	case *ast.IdentExpr:
		r.use(e)
	case *ast.Comma3Expr:
		r.vararg(e)
	case *ast.AttrGetExpr:
		e.Object, e.Key = r.expr(e.Object), r.expr(e.Key)
		r.note(e, e.Object)
	case *ast.TableExpr:
		return r.table(e)
	case *ast.FuncCallExpr:
		r.call(e)
	case *ast.LogicalOpExpr:
		return r.logical(e)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return r.concat(e)
	case *ast.ArithmeticOpExpr:
		return r.arithmetic(e)
	case *ast.UnaryMinusOpExpr:
		e.Expr = r.expr(e.Expr)
		r.note(e, e.Expr)
	case *ast.UnaryNotOpExpr:
		return r.not(e)
	case *ast.UnaryLenOpExpr:
		return r.length(e)
	case *ast.FunctionExpr:
		r.function(e)
	}
	return e
}

func (r *repairer) call(e *ast.FuncCallExpr) {
	if e.Func != nil {
		e.Func = r.expr(e.Func)
	} else {
		e.Receiver = r.expr(e.Receiver)
	}
	if len(r.calls) > 0 {
		e.SetLine(r.calls[0])
		r.calls = r.calls[1:]
	}
	r.exprs(e.Args)
	if e.Func != nil {
		r.note(e, e.Func)
	} else {
		r.note(e, e.Receiver)
		r.noteMethod(e)
	}
}

// literal writes a number so that gopher-lua reads it as lua5.1 does.
func (r *repairer) literal(e *ast.NumberExpr) {
	if f, ok := arg.ParseNumber(e.Value); ok && r.repairs&Literals != 0 {
		e.Value = strconv.FormatFloat(f, 'f', -1, 64)
	}
}

func (r *repairer) logical(e *ast.LogicalOpExpr) ast.Expr {
	e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	value, is := constant(e.Lhs)
	switch {
	case !is || r.repairs&Constants == 0:
		return e
	case value == (e.Operator == "and"):
		return single(e.Rhs)
	}
	return e.Lhs
}

func (r *repairer) not(e *ast.UnaryNotOpExpr) ast.Expr {
	e.Expr = r.expr(e.Expr)
	value, is := constant(e.Expr)
	switch {
	case !is || r.repairs&Constants == 0:
		return e
	case value:
		return at(&ast.FalseExpr{}, e.Line())
	}
	return at(&ast.TrueExpr{}, e.Line())
}

// constant tells whether e is always true or always false.
func constant(e ast.Expr) (value, is bool) {
	switch e.(type) {
	case *ast.TrueExpr, *ast.StringExpr:
		return true, true
	case *ast.FalseExpr, *ast.NilExpr:
		return false, true
	}
	number := isNumber(e)
	return number, number
}

// isNumber tells whether e is a number when it is compiled.
func isNumber(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.NumberExpr:
		return true
	case *ast.UnaryMinusOpExpr:
		return isNumber(e.Expr)
	case *ast.ArithmeticOpExpr:
		return isNumber(e.Lhs) && isNumber(e.Rhs)
	}
	return false
}

// concat makes one call of a chain of "..".
func (r *repairer) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var operands []ast.Expr
	rest := ast.Expr(e)
	for {
		chain, is := rest.(*ast.StringConcatOpExpr)
		if !is {
			operands = append(operands, single(r.expr(rest)))
			break
		}
		operands = append(operands, single(r.expr(chain.Lhs)))
		rest = chain.Rhs
	}
	if r.repairs&Operators == 0 {
		return chainOf(operands, e.Line())
	}
	return r.helper(concatName, e.Line(), operands, operands...)
}

// chainOf is the chain of operands joined by "..".
func chainOf(operands []ast.Expr, line int) ast.Expr {
	last := len(operands) - 1
	chain := operands[last]
	for i := last - 1; i >= 0; i-- {
		chain = at(&ast.StringConcatOpExpr{Lhs: operands[i], Rhs: chain}, line)
	}
	return chain
}

func (r *repairer) length(e *ast.UnaryLenOpExpr) ast.Expr {
	e.Expr = r.expr(e.Expr)
	if r.repairs&Operators == 0 {
		r.note(e, e.Expr)
		return e
	}
	return r.helper(lengthName, e.Line(), []ast.Expr{e.Expr}, single(e.Expr))
}

// arithmetic rewrites an operation. gopher-lua's "%" is exact where Lua 5.1
// rounds, which shows unless the divisor is a whole number.
func (r *repairer) arithmetic(e *ast.ArithmeticOpExpr) ast.Expr {
	e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	if e.Operator != "%" || r.repairs&Operators == 0 || isWhole(e.Rhs) {
		r.note(e, e.Lhs, e.Rhs)
		return e
	}
	if !r.isLocalVariable(e.Lhs) {
		return r.helper(moduloName, e.Line(), []ast.Expr{e.Lhs, e.Rhs}, single(e.Lhs), single(e.Rhs))
	}
	// Lua 5.1 reads a local variable last: computing the divisor may set it.
	return r.helper(swappedName, e.Line(), []ast.Expr{e.Lhs, e.Rhs}, single(e.Rhs), e.Lhs)
}

// isWhole tells whether e is a whole number other than 0.
func isWhole(e ast.Expr) bool {
	n, is := e.(*ast.NumberExpr)
	if !is {
		return false
	}
	whole, err := strconv.Atoi(n.Value)
	return err == nil && whole != 0
}

// helper is a call of one of helpers, for an operation on operands.
func (r *repairer) helper(name string, line int, operands []ast.Expr, args ...ast.Expr) ast.Expr {
	if r.repairs&Operators == 0 {
		return args[0]
	}
	call := at(&ast.FuncCallExpr{Func: at(&ast.StringExpr{Value: name}, line), Args: args, AdjustRet: true}, line)
	r.note(call, operands...)
	return call
}

// severalValues tells whether e can give more than one value.
func severalValues(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}

// single has e give one value, where it takes the place of an operation.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

// at gives a new node its line.
func at[N ast.PositionHolder](node N, line int) N {
	node.SetLine(line)
	node.SetLastLine(line)
	return node
}

func ident(name string, line int) *ast.IdentExpr { return at(&ast.IdentExpr{Value: name}, line) }

// do is a block in place of a statement.
func do(place ast.Stmt, stmts ...ast.Stmt) ast.Stmt {
	block := &ast.DoBlockStmt{Stmts: stmts}
	block.SetLine(place.Line())
	block.SetLastLine(max(place.Line(), place.LastLine()))
	return block
}
