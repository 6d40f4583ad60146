package luahost

import (
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// notFunction is what gopher-lua says of a call of nil, as of a misspelt name. It
// does not say which name that was.
const notFunction = "attempt to call a non-function object"

// nameCalls says in e, if it is of a call of nil, what its line calls: all of it
// where there are several calls, since the error does not tell which it was. The
// caller holds the lock.
func (rt *Runtime) nameCalls(e *Error) {
	if e.Message != notFunction || len(e.Where) == 0 {
		return
	}
	colon := strings.LastIndexByte(e.Where[0], ':')
	path, number := e.Where[0][:colon], e.Where[0][colon+1:]
	proto := rt.chunks[path]
	line, err := strconv.Atoi(number)
	if proto == nil || err != nil {
		return
	}
	if names := callsIn(proto, line); len(names) > 0 {
		e.Message = "there is no function " + strings.Join(names, " or ")
	}
}

// callsIn returns the names, in quotes, of what a line of a chunk calls.
func callsIn(proto *lua.FunctionProto, line int) []string {
	var names []string
	for _, call := range proto.DbgCalls {
		quoted := strconv.Quote(call.Name)
		if proto.DbgSourcePositions[call.Pc] == line && call.Name != "?" && !slices.Contains(names, quoted) {
			names = append(names, quoted)
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		names = append(names, callsIn(inner, line)...)
	}
	return names
}
