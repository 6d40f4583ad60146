package pattern

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// MaxString is how long a string may be that rep or gsub makes: 64 MiB.
const MaxString = 64 << 20

var errTooLarge = errors.New("resulting string too large")

// Library returns replacements for functions of the string library: find,
// match, gmatch, gfind (its old name), gsub and rep. They watch the context of
// the state that calls them, and each call has DefaultSteps (of gmatch, each
// turn of the loop). What goes wrong is raised as Lua's own library does, with
// the position of the call.
func Library() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"find":   find,
		"match":  match,
		"gmatch": gmatch,
		"gfind":  gmatch,
		"gsub":   gsub,
		"rep":    rep,
	}
}

func find(L *lua.LState) int {
	subject, text := arg.String(L, 1), arg.String(L, 2)
	init := checkInit(L, subject)
	var p *Pattern
	if L.ToBool(4) || !strings.ContainsAny(text, special) { // a ")" alone is plain here, as in Lua 5.1
		p = &Pattern{literal: text}
	} else {
		p = check(L, text, true)
	}
	m, ok := search(L, p, budget(L), subject, init)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(m.Start + 1))
	L.Push(lua.LNumber(m.End))
	for _, c := range m.Captures {
		L.Push(c.value(subject))
	}
	return 2 + len(m.Captures)
}

func match(L *lua.LState) int {
	subject, text := arg.String(L, 1), arg.String(L, 2)
	init := checkInit(L, subject)
	m, ok := search(L, check(L, text, true), budget(L), subject, init)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	return pushCaptures(L, m, subject)
}

func gmatch(L *lua.LState) int {
	subject := arg.String(L, 1)
	p := check(L, arg.String(L, 2), false) // an anchor would make no sense
	at := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if at > len(subject) {
			return 0
		}
		m, ok := search(L, p, budget(L), subject, at)
		if !ok {
			at = len(subject) + 1
			return 0
		}
		at = m.next()
		return pushCaptures(L, m, subject)
	}))
	return 1
}

func gsub(L *lua.LState) int {
	subject, text := arg.String(L, 1), arg.String(L, 2)
	most := arg.OptInt(L, 4, len(subject)+1)
	replace := replacer(L, 3)
	p, b := check(L, text, true), budget(L)
	out := Builder{L: L}
	count, done := 0, 0 // done is how much of subject is in out
	for at := 0; count < most && at <= len(subject); {
		m, ok := search(L, p, b, subject, at)
		if !ok {
			break
		}
		count++
		out.Add(subject[done:m.Start])
		out.Add(replace(m, subject))
		done, at = m.End, m.next()
		if p.anchored {
			break
		}
	}
	out.Add(subject[done:])
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

func rep(L *lua.LState) int {
	text, n := arg.String(L, 1), arg.Int(L, 2)
	if n <= 0 || text == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > MaxString/len(text) {
		raise(L, errTooLarge)
	}
	L.Push(lua.LString(strings.Repeat(text, n)))
	return 1
}

// next returns where to look for the match that follows m: after an empty one
// a character further on, or there would be no end to it.
func (m Match) next() int {
	if m.End == m.Start {
		return m.End + 1
	}
	return m.End
}

// budget returns a fresh one for a call.
func budget(L *lua.LState) *Budget {
	ctx := L.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return NewBudget(ctx, 0)
}

// check compiles a pattern, or raises what is wrong with it. Where a "^" is no
// anchor it stands for itself.
func check(L *lua.LState, text string, anchors bool) *Pattern {
	var p *Pattern
	var err error
	if anchors {
		p, err = Compile(text)
	} else {
		p, err = compile(text, false)
	}
	if err != nil {
		raise(L, err)
	}
	return p
}

func search(L *lua.LState, p *Pattern, b *Budget, subject string, init int) (Match, bool) {
	m, ok, err := p.Match(b, subject, init)
	if err != nil {
		raise(L, err)
	}
	return m, ok
}

func raise(L *lua.LState, err error) { arg.Fail(L, err.Error()) }

// checkInit reads the third argument, where to begin: from 1, or from the end
// if it is negative. It returns an offset within the subject.
func checkInit(L *lua.LState, subject string) int {
	init := arg.OptInteger(L, 3, 1)
	if init < 0 {
		init += int64(len(subject)) + 1
	}
	return int(min(max(init-1, 0), int64(len(subject))))
}

// value returns what a capture is in Lua: a string, or a position from 1.
func (c Capture) value(subject string) lua.LValue {
	if c.Position {
		return lua.LNumber(c.Start + 1)
	}
	return lua.LString(c.Text(subject))
}

// first returns the first capture, or the whole match if there is none.
func (m Match) first(subject string) lua.LValue {
	if len(m.Captures) > 0 {
		return m.Captures[0].value(subject)
	}
	return lua.LString(subject[m.Start:m.End])
}

// pushCaptures pushes all captures, or the whole match if there is none.
func pushCaptures(L *lua.LState, m Match, subject string) int {
	L.Push(m.first(subject))
	for _, c := range m.Captures[min(1, len(m.Captures)):] {
		L.Push(c.value(subject))
	}
	return max(1, len(m.Captures))
}

// replacer returns what makes gsub's replacement for a match, from the
// argument in position n.
func replacer(L *lua.LState, n int) func(Match, string) string {
	switch v := L.Get(n).(type) {
	case lua.LString, lua.LNumber:
		template := arg.String(L, n)
		return func(m Match, subject string) string { return fill(L, template, m, subject) }
	case *lua.LTable:
		return func(m Match, subject string) string {
			return replacement(L, L.GetTable(v, m.first(subject)), m, subject)
		}
	case *lua.LFunction:
		return func(m Match, subject string) string {
			L.Push(v)
			L.Call(pushCaptures(L, m, subject), 1)
			result := L.Get(-1)
			L.Pop(1)
			return replacement(L, result, m, subject)
		}
	}
	arg.Error(L, n, "string/function/table expected")
	return nil
}

// replacement returns what a table or function gave for a match; nil and false
// leave the match as it is.
func replacement(L *lua.LState, v lua.LValue, m Match, subject string) string {
	if lua.LVIsFalse(v) {
		return subject[m.Start:m.End]
	}
	if s, ok := arg.ToString(v); ok {
		return s
	}
	raise(L, fmt.Errorf("invalid replacement value (a %s)", v.Type()))
	return ""
}

// fill writes the captures into the places that a replacement string has for
// them: %1 to %9, %0 for the whole match, and %% for a "%".
func fill(L *lua.LState, template string, m Match, subject string) string {
	before, rest, more := strings.Cut(template, "%")
	if !more {
		return template
	}
	out := Builder{L: L}
	for ; more; before, rest, more = strings.Cut(rest, "%") {
		out.Add(before)
		if rest == "" {
			raise(L, errEndsInReplace)
		}
		out.Add(place(L, rest[0], m, subject))
		rest = rest[1:]
	}
	out.Add(before)
	return out.String()
}

// place returns what "%" and c stand for in a replacement string.
func place(L *lua.LState, c byte, m Match, subject string) string {
	switch n := int(c) - '1'; {
	case !isDigit(c):
		return string([]byte{c})
	case c == '0':
		return subject[m.Start:m.End]
	case n == 0:
		return m.first(subject).String()
	case n < len(m.Captures):
		return m.Captures[n].value(subject).String()
	}
	raise(L, errCaptureIndex)
	return ""
}

// Builder builds a string of at most MaxString bytes. L is the state that a
// longer one is raised in.
type Builder struct {
	strings.Builder
	L *lua.LState
}

// Add appends s.
func (b *Builder) Add(s string) {
	if b.Len()+len(s) > MaxString {
		raise(b.L, errTooLarge)
	}
	b.WriteString(s)
}
