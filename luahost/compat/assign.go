package compat

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// assign rewrites an assignment. gopher-lua compiles the last value straight
// into its target, before the others were read, and reads a key that is a local
// variable before the value. A value that "and" or "or" chooses may never reach a
// local variable.
func (r *repairer) assign(s *ast.AssignStmt) ast.Stmt {
	for i, target := range s.Lhs {
		s.Lhs[i] = r.expr(target)
		if field, is := s.Lhs[i].(*ast.AttrGetExpr); is && isLiteral(field.Object) {
			r.refuse(field.Line()&lineMask, "a number or a string has no fields that can be set")
		}
	}
	r.exprs(s.Rhs)
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		unadjust(s.Rhs[0])
	}
	if r.repairs&Assignments == 0 || len(s.Lhs) == 1 && len(s.Rhs) == 1 && !r.keyMayChange(s) && !r.choosesForLocal(s) {
		return s
	}
	a := assignment{repairer: r, line: s.Line()}
	targets := make([]ast.Expr, len(s.Lhs))
	for i, target := range s.Lhs {
		targets[i] = a.target(target, s.Lhs[i+1:])
	}
	values := &ast.LocalAssignStmt{Exprs: s.Rhs}
	values.SetLine(a.line)
	for range targets {
		values.Names = append(values.Names, r.fresh())
	}
	a.stmts = append(a.stmts, values)
	for i := range slices.Backward(targets) {
		one := &ast.AssignStmt{Lhs: targets[i : i+1], Rhs: []ast.Expr{ident(values.Names[i], a.line)}}
		one.SetLine(targets[i].Line())
		a.stmts = append(a.stmts, one)
	}
	return do(s, a.stmts...)
}

// isLiteral tells whether gopher-lua makes a constant of e. As the table of an
// assignment it would be taken for a register, which holds another variable.
func isLiteral(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.NumberExpr, *ast.StringExpr:
		return true
	case *ast.UnaryMinusOpExpr:
		return isLiteral(e.Expr)
	case *ast.ArithmeticOpExpr:
		return isLiteral(e.Lhs) && isLiteral(e.Rhs)
	}
	return false
}

// unadjust takes the parentheses from a value that is the only one of a single
// target. With them gopher-lua computes it in the target's register and takes
// those above, which hold other variables, for free.
func unadjust(e ast.Expr) {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = false
	case *ast.Comma3Expr:
		e.AdjustRet = false
	}
}

// keyMayChange tells whether the key of a single target is a local variable
// and something runs while the value is computed.
func (r *repairer) keyMayChange(s *ast.AssignStmt) bool {
	target, is := s.Lhs[0].(*ast.AttrGetExpr)
	if !is || !r.isLocalVariable(target.Key) {
		return false
	}
	switch s.Rhs[0].(type) {
	case *ast.IdentExpr, *ast.NumberExpr, *ast.StringExpr, *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.FunctionExpr, *ast.Comma3Expr:
		return false
	}
	return true
}

// choosesForLocal tells whether the single value is chosen by "and" or "or", and the
// target is a local variable.
func (r *repairer) choosesForLocal(s *ast.AssignStmt) bool {
	_, chooses := s.Rhs[0].(*ast.LogicalOpExpr)
	return chooses && r.isLocalVariable(s.Lhs[0])
}

func (r *repairer) isLocalVariable(e ast.Expr) bool {
	id, is := e.(*ast.IdentExpr)
	return is && r.isLocal(id.Value)
}

// assignment is an assignment that is being spread over several statements:
// the tables and keys of its targets, its values, the single assignments.
type assignment struct {
	*repairer
	line  int
	stmts []ast.Stmt
}

// target returns the expression to assign to in place of target; later are the
// targets behind it.
func (a *assignment) target(target ast.Expr, later []ast.Expr) ast.Expr {
	field, is := target.(*ast.AttrGetExpr)
	if !is {
		return target
	}
	moved := at(&ast.AttrGetExpr{Object: a.part(field.Object, later), Key: a.part(field.Key, later)}, field.Line())
	return moved
}

// part reads a table or a key before the values are computed, as Lua 5.1 does.
// It leaves a local variable where it is, unless a later target sets it.
func (a *assignment) part(e ast.Expr, later []ast.Expr) ast.Expr {
	if _, is := constant(e); is {
		return e
	}
	if a.isLocalVariable(e) && !slices.ContainsFunc(later, func(target ast.Expr) bool {
		id, is := target.(*ast.IdentExpr)
		return is && id.Value == e.(*ast.IdentExpr).Value
	}) {
		return e
	}
	early := &ast.LocalAssignStmt{Names: []string{a.fresh()}, Exprs: []ast.Expr{single(e)}}
	early.SetLine(e.Line())
	a.stmts = append(a.stmts, early)
	return ident(early.Names[0], e.Line())
}
