package compat

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"farmrun/luahost/lualib"
	"farmrun/luahost/lualib/arg"
)

// Error is the refusal of a source: it is no Lua 5.1.
type Error struct {
	Path    string
	Line    int // from 1
	Column  int // from 1; 0 is not known
	Message string
}

// Error returns one line that begins with the position.
func (e *Error) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Message)
}

// Load compiles source on L, so that it does as lua5.1 would; path names it in
// errors and positions. The function has the globals of L. The error is an
// *Error.
func (l *Lua) Load(L *lua.LState, source, path string) (*lua.LFunction, error) {
	return l.load(L, source, path, All)
}

func (l *Lua) load(L *lua.LState, source, path string, repairs Repairs) (*lua.LFunction, error) {
	chunk, notes, err := read(source, path, repairs)
	if err != nil {
		return nil, err
	}
	proto, err := lua.Compile(chunk, path)
	if failed, is := errors.AsType[*lua.CompileError](err); is {
		return nil, &Error{Path: path, Line: max(1, failed.Line&lineMask), Message: compileWords(failed.Message)}
	}
	if err != nil {
		return nil, err
	}
	l.learn(proto, notes)
	return L.NewFunctionFromProto(proto), nil
}

// compileWords words an error of the compiler.
func compileWords(said string) string {
	if strings.Contains(said, "too many local variables") || said == "register overflow" {
		return "this function has more than 200 local variables, or values of a list, at once: put some of them into a table"
	}
	return said
}

// read parses source and repairs its syntax tree.
func read(source, path string, repairs Repairs) ([]ast.Stmt, []operation, error) {
	if strings.HasPrefix(source, "\ufeff") {
		return nil, nil, &Error{Path: path, Line: 1, Message: "the file begins with a byte order mark: save it as UTF-8 without one"}
	}
	chunk, failed := parse.Parse(strings.NewReader(source), path)
	shape, err := outline(source)
	if p, is := errors.AsType[*problem](err); is {
		return nil, nil, &Error{Path: path, Line: p.line, Message: p.message}
	}
	if failed != nil {
		return nil, nil, syntaxError(failed, source, path)
	}
	return repair(chunk, shape, path, repairs)
}

// syntaxError words an error of the parser.
func syntaxError(failed error, source, path string) error {
	e, is := errors.AsType[*parse.Error](failed)
	if !is {
		return &Error{Path: path, Line: 1, Message: failed.Error()}
	}
	if e.Pos.Line == parse.EOF {
		last := 1 + strings.Count(strings.TrimRight(source, "\r\n"), "\n")
		return &Error{Path: path, Line: last, Message: e.Message + " at the end of the file"}
	}
	return &Error{Path: path, Line: e.Pos.Line, Column: e.Pos.Column, Message: fmt.Sprintf("%s near %q", e.Message, e.Token)}
}

// Skip blanks a first line that begins with "#", as lua5.1 does for a file.
func Skip(source string) string {
	if strings.HasPrefix(source, "#") {
		return "--" + source
	}
	return source
}

// helperFunctions replace instructions of gopher-lua that behave unlike Lua 5.1's.
// The key is the text of a constant, for which Load substitutes the function: so
// no script can name, hide or replace it.
func (l *Lua) helperFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		concatName: lualib.Concat(l.reserve), moduloName: lualib.Mod, swappedName: swapped,
		lengthName: lualib.Length, boundName: bound,
	}
}

const (
	helperMark  = "\x00farmrun: "
	concatName  = helperMark + "concat\x00"
	moduloName  = helperMark + "modulo\x00"
	swappedName = helperMark + "swapped modulo\x00"
	lengthName  = helperMark + "length\x00"
	boundName   = helperMark + "bound\x00"
)

// swapped is "%" with its right operand first.
func swapped(L *lua.LState) int {
	right := L.Get(1)
	L.Remove(1)
	L.Push(right)
	return lualib.Mod(L)
}

// bound converts a string that bounds a numeric for. It passes on any value that
// it cannot convert: the loop raises the error.
func bound(L *lua.LState) int {
	if f, ok := arg.ToNumber(L.Get(1)); ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(L.Get(1))
	}
	return 1
}
