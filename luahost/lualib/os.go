package lualib

import (
	"os"
	"strings"
	"syscall"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

func osLibrary() functions {
	return functions{
		"clock":     clock,
		"date":      date,
		"difftime":  difftime,
		"getenv":    getenv,
		"remove":    remove,
		"rename":    rename,
		"setlocale": setlocale,
		"time":      timeOf,
		"tmpname":   tmpname,
	}
}

// clock is os.clock(): the processor time that farmrun has used, in seconds.
func clock(L *lua.LState) int {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return pushNumber(L, -1)
	}
	return pushNumber(L, float64(usage.Utime.Nano()+usage.Stime.Nano())/1e9)
}

func difftime(L *lua.LState) int {
	from := arg.OptInteger(L, 2, 0)
	return pushNumber(L, float64(arg.Integer(L, 1))-float64(from))
}

func getenv(L *lua.LState) int {
	value, ok := os.LookupEnv(cString(arg.String(L, 1)))
	if !ok {
		return push(L, lua.LNil)
	}
	return push(L, lua.LString(value))
}

// cString is a string as C gets it, which is up to a zero byte.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func remove(L *lua.LState) int {
	path := cString(arg.String(L, 1))
	return done(L, path+": ", os.Remove(path))
}

func rename(L *lua.LState) int {
	from, to := cString(arg.String(L, 1)), cString(arg.String(L, 2))
	return done(L, from+": ", syscall.Rename(from, to))
}

// setlocale is os.setlocale([locale [, category]]). There is one locale, C.
func setlocale(L *lua.LState) int {
	locale := arg.OptString(L, 1, "C")
	arg.Option(L, 2, "all", "all", "collate", "ctype", "monetary", "numeric", "time")
	switch cString(locale) {
	case "", "C", "POSIX":
		return push(L, lua.LString("C"))
	}
	return push(L, lua.LNil)
}

func tmpname(L *lua.LState) int {
	file, err := os.CreateTemp("", "lua_")
	if err != nil {
		arg.Fail(L, "unable to generate a unique filename")
	}
	file.Close()
	return push(L, lua.LString(file.Name()))
}
