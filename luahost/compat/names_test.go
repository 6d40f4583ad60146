package compat

import (
	"runtime"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// TestForgets loads chunks that nobody keeps, as a loadstring in a loop does,
// and one that is kept, whose errors have names to the end.
func TestForgets(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	l := New(L)
	l.open(L)
	load := func(source string) *lua.LFunction {
		fn, err := l.Load(L, source, "test")
		if err != nil {
			t.Fatal(err)
		}
		return fn
	}
	kept := load("local ok, said = pcall(function() return missing.field end) return said")
	for range 5 {
		for range 1000 {
			load("return missing.field")
		}
		runtime.GC()
	}
	if got := len(l.noted.functions); got > 3000 {
		t.Errorf("the operations of %d functions are kept, of which 3 are in use", got)
	}
	L.Push(kept)
	L.Call(0, 1)
	if got, want := L.Get(-1).String(), "test:1: attempt to index global 'missing' (a nil value)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
