package lualib_test

import (
	"testing"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib"
)

// BenchmarkLibrary compares ordinary uses with gopher-lua's own library.
func BenchmarkLibrary(b *testing.B) {
	for name, source := range map[string]string{
		"format": `local s = ("%-10s %5d %s"):format("web12", 42, "ok")`,
		"sort":   `local t = {} for i = 1, 100 do t[i] = (i * 7919) % 101 end table.sort(t)`,
		"pairs":  `local t = {} for i = 1, 100 do t["k" .. i] = i end for k, v in pairs(t) do t[k] = v end`,
		"ipairs": `local t = {} for i = 1, 100 do t[i] = i end for i, v in ipairs(t) do t[i] = v end`,
		"insert": `local t = {} for i = 1, 100 do table.insert(t, i) end for i = 1, 100 do table.remove(t) end`,
		"sub":    `local s = "hello world" for i = 1, 100 do local c = s:sub(i % 10, i % 10) end`,
	} {
		for _, library := range []string{"ours", "gopher"} {
			b.Run(name+"/"+library, func(b *testing.B) {
				L := lua.NewState()
				defer L.Close()
				if library == "ours" {
					lualib.Open(L, lualib.Config{})
				}
				f, err := L.LoadString(source)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					L.Push(f)
					L.Call(0, 0)
				}
			})
		}
	}
}
