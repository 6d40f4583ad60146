package lualib

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

// loader has load and loadstring.
type loader struct {
	compile func(L *lua.LState, source, name string) (*lua.LFunction, error)
	call    func(L *lua.LState, nargs int) *lua.ApiError
}

func compile(L *lua.LState, source, name string) (*lua.LFunction, error) {
	return L.Load(strings.NewReader(source), name)
}

// loadString is loadstring(source [, name]).
func (l loader) loadString(L *lua.LState) int {
	source := arg.String(L, 1)
	return l.chunk(L, source, arg.OptString(L, 2, source))
}

// load is load(reader [, name]): the source is all strings that reader returns,
// until it returns nil or "".
func (l loader) load(L *lua.LState) int {
	name := arg.OptString(L, 2, "=(load)")
	reader := arg.Function(L, 1)
	source := pattern.Builder{L: L}
	for {
		top := L.GetTop()
		L.Push(reader)
		if err := l.call(L, 0); err != nil {
			return push(L, lua.LNil, err.Object)
		}
		piece := L.Get(top + 1)
		L.SetTop(top)
		s, ok := arg.ToString(piece)
		switch {
		case piece == lua.LNil || ok && s == "":
			return l.chunk(L, source.String(), name)
		case !ok:
			return push(L, lua.LNil, lua.LString(arg.Position(L, 1)+"reader function must return a string"))
		}
		source.Add(s)
	}
}

// protected is LState.PCall for all results.
func protected(L *lua.LState, nargs int) *lua.ApiError {
	api, _ := errors.AsType[*lua.ApiError](L.PCall(nargs, lua.MultRet, nil))
	return api
}

func (l loader) chunk(L *lua.LState, source, name string) int {
	if strings.HasPrefix(source, "\x1bLua") {
		return push(L, lua.LNil, lua.LString(chunkName(name)+": compiled Lua is not accepted"))
	}
	if strings.HasPrefix(source, "#") { // a first line of a file, but not of a string
		source = " " + source
	}
	f, err := l.compile(L, source, chunkName(name))
	if err != nil {
		return push(L, lua.LNil, lua.LString(err.Error()))
	}
	return push(L, f)
}

// shownName is how much of a chunk's name errors show.
const shownName = 60

// chunkName is the name of a chunk as errors show it: the text behind "=" or "@",
// or the first line of the source.
func chunkName(name string) string {
	switch {
	case strings.HasPrefix(name, "="):
		return name[1:min(len(name), shownName)]
	case strings.HasPrefix(name, "@"):
		if most := shownName - len("...") - 1; len(name) > most {
			return "..." + name[len(name)-most:]
		}
		return name[1:]
	}
	const frame = `[string "..."]`
	line, _, cut := strings.Cut(name, "\n")
	if most := shownName - len(frame) - 1; cut || len(line) > most {
		line = line[:min(len(line), most)] + "..."
	}
	return fmt.Sprintf(`[string "%s"]`, line)
}
