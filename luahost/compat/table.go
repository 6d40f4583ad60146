package compat

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

const (
	// flush is after how many items of a list gopher-lua stores them.
	flush = 50
	// large is how many fields, with those of the tables within, one function
	// may have: gopher-lua looks for each constant among all of its function.
	large = 256
)

// table rewrites a table constructor. One with many fields becomes a call of
// functions that each set some of them.
func (r *repairer) table(e *ast.TableExpr) ast.Expr {
	before := r.inner().varargs
	for _, f := range e.Fields {
		if f.Key != nil {
			f.Key = r.expr(f.Key)
		}
		f.Value = r.expr(f.Value)
		if f.Key != nil && r.repairs&Tables != 0 {
			single(f.Value) // or gopher-lua stores the last one as an item, too
		}
	}
	if r.repairs&Tables == 0 || !isLarge(e) {
		return e
	}
	return r.spread(e, r.inner().varargs > before)
}

// isLarge tells whether a constructor must be spread: it is slow to compile, or
// stores the items of a list once more for a named field behind them.
func isLarge(e *ast.TableExpr) bool {
	items := 0
	for _, f := range e.Fields {
		if f.Key == nil {
			items++
		} else if items >= flush {
			return true
		}
	}
	last := len(e.Fields) - 1
	if items > flush && e.Fields[last].Key == nil && severalValues(e.Fields[last].Value) {
		return true // behind fifty items gopher-lua stores them as the first ones
	}
	return weight(e) > large
}

// weight is the number of fields in a table and in the tables within it.
func weight(e ast.Expr) int {
	table, is := e.(*ast.TableExpr)
	if !is {
		return 1
	}
	sum := 1
	for _, f := range table.Fields {
		sum += weight(f.Value)
	}
	return sum
}

// spread returns
//
//	(function(t, ...)
//	  (function(t, ...) t.a = … t[1] = … end)(t, ...)
//	  …
//	  return t
//	end)({}, ...)
func (r *repairer) spread(e *ast.TableExpr, varargs bool) ast.Expr {
	s := spreading{repairer: r, line: e.Line(), name: r.fresh(), varargs: varargs, late: anyKeys(e)}
	for i, f := range e.Fields {
		last := i == len(e.Fields)-1
		switch {
		case f.Key != nil:
			s.set(f.Key, f.Value)
		case last && severalValues(f.Value):
			s.all(f.Value)
		default:
			s.item(f.Value)
		}
	}
	s.store()
	s.cut()
	s.pieces = append(s.pieces, at(&ast.ReturnStmt{Exprs: []ast.Expr{ident(s.name, s.line)}}, s.line))
	return single(s.call(s.pieces, at(&ast.TableExpr{}, s.line)))
}

// anyKeys tells whether a constructor has a key that may be a number, and so
// that of an item.
func anyKeys(e *ast.TableExpr) bool {
	for _, f := range e.Fields {
		if _, named := f.Key.(*ast.StringExpr); f.Key != nil && !named {
			return true
		}
	}
	return false
}

// spreading is a large constructor on its way to functions.
type spreading struct {
	*repairer
	line    int
	name    string // of the table
	varargs bool
	// late tells that items are stored by the fifty, as Lua 5.1 does, so that
	// they prevail over a field of the same key before them.
	late   bool
	items  int
	queued []string   // variables that hold items
	piece  []ast.Stmt // of the present function
	weight int
	pieces []ast.Stmt
}

func (s *spreading) item(value ast.Expr) {
	s.items++
	if !s.late {
		s.set(at(&ast.NumberExpr{Value: strconv.Itoa(s.items)}, value.Line()), value)
		return
	}
	name := s.fresh()
	s.queued = append(s.queued, name)
	s.add(at(&ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{single(value)}}, value.Line()), value)
	if len(s.queued) == flush {
		s.store()
		s.cut() // its variables
	}
}

// store stores the items that are queued.
func (s *spreading) store() {
	first := s.items - len(s.queued) + 1
	queued := s.queued
	s.queued = nil
	for i, name := range queued {
		s.piece = append(s.piece, s.assign(at(&ast.NumberExpr{Value: strconv.Itoa(first + i)}, s.line), ident(name, s.line)))
	}
}

func (s *spreading) set(key, value ast.Expr) { s.add(s.assign(key, single(value)), value) }

func (s *spreading) assign(key, value ast.Expr) ast.Stmt {
	field := at(&ast.AttrGetExpr{Object: ident(s.name, key.Line()), Key: key}, key.Line())
	return at(&ast.AssignStmt{Lhs: []ast.Expr{field}, Rhs: []ast.Expr{value}}, key.Line())
}

// add adds a statement that computes value.
func (s *spreading) add(stmt ast.Stmt, value ast.Expr) {
	w := weight(value)
	if s.weight+w > large && len(s.queued) == 0 {
		s.cut()
	}
	s.piece, s.weight = append(s.piece, stmt), s.weight+w
}

// all sets the items from the next on to all values of e. arg.n, of the
// function that takes them, counts them.
func (s *spreading) all(e ast.Expr) {
	const i = "(i)"
	arg := func(key ast.Expr) ast.Expr {
		return at(&ast.AttrGetExpr{Object: ident("arg", s.line), Key: key}, s.line)
	}
	one, n := at(&ast.NumberExpr{Value: "1"}, s.line), at(&ast.StringExpr{Value: "n"}, s.line)
	offset := at(&ast.NumberExpr{Value: strconv.Itoa(s.items)}, s.line)
	index := at(&ast.ArithmeticOpExpr{Operator: "+", Lhs: ident(i, s.line), Rhs: offset}, s.line)
	set := s.assign(index, arg(ident(i, s.line)))
	loop := at(&ast.NumberForStmt{Name: i, Init: one, Limit: arg(n), Stmts: []ast.Stmt{set}}, s.line)
	take := at(&ast.FunctionExpr{ParList: &ast.ParList{Names: []string{s.name}, HasVargs: true}, Stmts: []ast.Stmt{loop}}, s.line)
	s.piece = append(s.piece, s.statement(at(&ast.FuncCallExpr{Func: take, Args: []ast.Expr{ident(s.name, s.line), e}}, s.line)))
}

// cut ends the present function.
func (s *spreading) cut() {
	if len(s.piece) > 0 {
		s.pieces = append(s.pieces, s.statement(s.call(s.piece, ident(s.name, s.line))))
	}
	s.piece, s.weight = nil, 0
}

func (s *spreading) statement(call *ast.FuncCallExpr) ast.Stmt {
	return at(&ast.FuncCallStmt{Expr: call}, s.line)
}

// call is a call of a function of stmts with the table.
func (s *spreading) call(stmts []ast.Stmt, table ast.Expr) *ast.FuncCallExpr {
	s.scope.closure = true
	body := at(&ast.FunctionExpr{ParList: &ast.ParList{Names: []string{s.name}, HasVargs: s.varargs}, Stmts: stmts}, s.line)
	args := []ast.Expr{table}
	if s.varargs {
		args = append(args, at(&ast.Comma3Expr{}, s.line))
	}
	return at(&ast.FuncCallExpr{Func: body, Args: args}, s.line)
}
