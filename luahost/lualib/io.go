package lualib

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// file is an open file, which belongs to the state that opened it. It writes at
// once and reads ahead.
type file struct {
	*os.File // nil once it is closed
	reader   *bufio.Reader
}

// openIO sets the io library and the methods of files.
func openIO(L *lua.LState, config Config) {
	meta, methods := L.NewTable(), L.NewTable()
	fill(methods, "file:", functions{
		"close": fileClose, "flush": fileFlush, "lines": fileLines, "read": fileRead, "seek": fileSeek, "setvbuf": fileSetvbuf, "write": fileWrite,
	}, config)
	meta.RawSetString("__index", methods)
	fill(meta, "file:", functions{"__tostring": fileToString}, config)
	open := func(L *lua.LState) int { return openFile(L, meta) }
	fill(L.GetGlobal("io").(*lua.LTable), "io.", functions{"open": open, "type": fileType}, config)
}

// openFile is io.open(path [, mode]). Anything but a regular file could make it
// wait without end.
func openFile(L *lua.LState, meta *lua.LTable) int {
	path, mode := cString(arg.String(L, 1)), cString(arg.OptString(L, 2, "r"))
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return push(L, lua.LNil, lua.LString(path+": not a regular file"), lua.LNumber(syscall.EINVAL))
	}
	flags, ok := openFlags(mode)
	if !ok {
		return done(L, path+": ", syscall.EINVAL)
	}
	f, err := os.OpenFile(path, flags, 0o666)
	if err != nil {
		return done(L, path+": ", err)
	}
	return push(L, &lua.LUserData{Value: &file{f, bufio.NewReader(f)}, Env: L.Env, Metatable: meta})
}

// openFlags reads a mode of C's fopen.
func openFlags(mode string) (flags int, ok bool) {
	if mode == "" || !strings.Contains("rwa", mode[:1]) {
		return 0, false
	}
	update := strings.Contains(mode, "+")
	switch {
	case update:
		flags = os.O_RDWR
	case mode[0] != 'r':
		flags = os.O_WRONLY
	}
	switch mode[0] {
	case 'w':
		flags |= os.O_CREATE | os.O_TRUNC
	case 'a':
		flags |= os.O_CREATE | os.O_APPEND
	}
	return flags, true
}

// anyFile returns argument 1, which must be a file, open or closed.
func anyFile(L *lua.LState) *file {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if f, ok := ud.Value.(*file); ok {
			return f
		}
	}
	arg.TypeError(L, 1, "FILE*")
	return nil
}

func checkFile(L *lua.LState) *file {
	f := anyFile(L)
	if f.File == nil {
		arg.Fail(L, "attempt to use a closed file")
	}
	return f
}

func fileType(L *lua.LState) int {
	ud, _ := arg.Any(L, 1).(*lua.LUserData)
	if ud == nil {
		return push(L, lua.LNil)
	}
	switch f, ok := ud.Value.(*file); {
	case !ok:
		return push(L, lua.LNil)
	case f.File == nil:
		return push(L, lua.LString("closed file"))
	}
	return push(L, lua.LString("file"))
}

func fileToString(L *lua.LState) int {
	f := anyFile(L)
	if f.File == nil {
		return push(L, lua.LString("file (closed)"))
	}
	return push(L, lua.LString(fmt.Sprintf("file (%p)", f)))
}

func fileClose(L *lua.LState) int {
	f := checkFile(L)
	err := f.Close()
	f.File = nil
	return done(L, "", err)
}

func fileFlush(L *lua.LState) int {
	checkFile(L)
	return push(L, lua.LTrue)
}

// fileSetvbuf accepts any buffering: it is not seen that there is none.
func fileSetvbuf(L *lua.LState) int {
	checkFile(L)
	arg.Option(L, 2, "", "no", "full", "line")
	arg.OptInteger(L, 3, 0)
	return push(L, lua.LTrue)
}

func fileWrite(L *lua.LState) int {
	f := checkFile(L)
	err := f.settle()
	for i := 2; i <= L.GetTop(); i++ {
		text := arg.String(L, i)
		if err == nil {
			_, err = f.WriteString(text)
		}
	}
	return done(L, "", err)
}

// settle moves back to where the script has read to.
func (f *file) settle() error {
	if f.reader.Buffered() == 0 {
		return nil
	}
	_, err := f.Seek(int64(-f.reader.Buffered()), io.SeekCurrent)
	f.reader.Reset(f.File)
	return err
}

func fileSeek(L *lua.LState) int {
	f := checkFile(L)
	whence := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[arg.Option(L, 2, "cur", "set", "cur", "end")]
	offset := arg.OptInteger(L, 3, 0)
	if err := f.settle(); err != nil {
		return done(L, "", err)
	}
	f.reader.Reset(f.File)
	position, err := f.Seek(offset, whence)
	if err != nil {
		return done(L, "", err)
	}
	return pushNumber(L, float64(position))
}

// fileLines is file:lines().
func fileLines(L *lua.LState) int {
	f := checkFile(L)
	return push(L, L.NewFunction(func(L *lua.LState) int {
		if f.File == nil {
			arg.Fail(L, "file is already closed")
		}
		line, ok, err := f.line(L)
		if err != nil {
			arg.Fail(L, errorText(err))
		}
		if !ok {
			return 0
		}
		return push(L, line)
	}))
}

// fileRead is file:read(…).
func fileRead(L *lua.LState) int {
	f := checkFile(L)
	if L.GetTop() == 1 {
		L.Push(lua.LString("*l"))
	}
	last := L.GetTop()
	for i := 2; i <= last; i++ {
		v, ok, err := f.read(L, i)
		if err != nil {
			return done(L, "", err)
		}
		if !ok {
			L.Push(lua.LNil)
			return i - 1
		}
		L.Push(v)
	}
	return last - 1
}

// done pushes true, or nil, a message that begins with a prefix, and the number
// of the error.
func done(L *lua.LState, prefix string, err error) int {
	if err == nil {
		return push(L, lua.LTrue)
	}
	return push(L, lua.LNil, lua.LString(prefix+errorText(err)), lua.LNumber(errorNumber(err)))
}

// errorNumber is the number that C gives to an error of the system.
func errorNumber(err error) syscall.Errno {
	switch e := err.(type) {
	case *fs.PathError:
		return errorNumber(e.Err)
	case *os.LinkError:
		return errorNumber(e.Err)
	case syscall.Errno:
		return e
	}
	return syscall.EIO
}

// errorText is C's text for an error of the system.
func errorText(err error) string {
	text := errorNumber(err).Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
