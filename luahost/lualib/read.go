package lualib

import (
	"bytes"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

// read reads by argument n, a format or a number of bytes. ok is false at the end
// of the file and where there is no number.
func (f *file) read(L *lua.LState, n int) (v lua.LValue, ok bool, err error) {
	if count, isNumber := L.Get(n).(lua.LNumber); isNumber {
		return f.bytes(L, arg.ToInteger(float64(count)))
	}
	format, _ := L.Get(n).(lua.LString)
	if !strings.HasPrefix(string(format), "*") {
		arg.Error(L, n, "invalid option")
	}
	switch (format + " ")[1] { // lua5.1 looks at one letter
	case 'l':
		return f.line(L)
	case 'a':
		v, _, err = f.bytes(L, -1)
		return v, true, err
	case 'n':
		return f.number()
	}
	arg.Error(L, n, "invalid format")
	return nil, false, nil
}

// line reads a line, without its end.
func (f *file) line(L *lua.LState) (v lua.LValue, ok bool, err error) {
	out := pattern.Builder{L: L}
	for {
		piece, err := f.reader.ReadSlice('\n')
		end := bytes.HasSuffix(piece, []byte("\n"))
		out.Add(string(bytes.TrimSuffix(piece, []byte("\n"))))
		switch {
		case end:
			return lua.LString(out.String()), true, nil
		case err == io.EOF:
			return lua.LString(out.String()), out.Len() > 0, nil
		case err != nil && len(piece) == 0:
			return nil, false, err
		}
	}
}

// bytes reads so many bytes, or all if count is negative. To read none tells
// whether there are any.
func (f *file) bytes(L *lua.LState, count int64) (v lua.LValue, ok bool, err error) {
	if count == 0 {
		_, err := f.reader.Peek(1)
		if err == io.EOF {
			return nil, false, nil
		}
		return lua.LString(""), err == nil, err
	}
	if count < 0 || count > pattern.MaxString {
		count = pattern.MaxString + 1
	}
	var out strings.Builder
	_, err = io.Copy(&out, io.LimitReader(f.reader, count))
	if out.Len() > pattern.MaxString {
		arg.Fail(L, "resulting string too large")
	}
	return lua.LString(out.String()), out.Len() > 0, err
}

// numeral matches the text that C's scanf reads for a number, right or wrong.
var numeral = lazyregexp.New(`^[+-]?(0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*([pP][+-]?[0-9]*)?|[0-9]*\.?[0-9]*([eE][+-]?[0-9]*)?)`)

// longestNumeral is how much of a number is looked at.
const longestNumeral = 512

func (f *file) number() (v lua.LValue, ok bool, err error) {
	for {
		c, err := f.reader.ReadByte()
		if err == io.EOF {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if !strings.ContainsRune(arg.Space, rune(c)) {
			break
		}
	}
	if err := f.reader.UnreadByte(); err != nil {
		return nil, false, err
	}
	ahead, _ := f.reader.Peek(longestNumeral)
	text := string(numeral().Find(ahead))
	if _, err := f.reader.Discard(len(text)); err != nil {
		return nil, false, err
	}
	n, ok := arg.ParseNumber(text)
	return lua.LNumber(n), ok, nil
}
