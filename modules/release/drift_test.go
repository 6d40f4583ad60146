package release

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	const diff = `1,2c1
< -rw-r--r-- 1:1 11 a
< -rw-r--r-- 1:1 12 b c
---
> -rw-r--r-- 1:1 21 a
4a5,6
> lrwxrwxrwx 1:1 - l -> x
> -rw-r--r-- 1:1 - 
7d8
< lrwxrwxrwx 1:1 - l -> y
9c9
< -rw-r--r-- 1:1 13 m
---
> -rwxr-xr-x 1:1 13 m
10c10
< -rw-r--r-- 1:1 14 o
---
> -rw-r--r-- 2:1 14 o
`
	want := []Change{{"", "new"}, {"a", "changed"}, {"b c", "missing"}, {"l", "link"}, {"m", "mode"}, {"o", "owner"}}
	if diff := cmp.Diff(want, compare(diff)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("< lrwxrwxrwx 1:1 - l -> y\n> \n< \n")
	f.Fuzz(func(_ *testing.T, diff string) { compare(diff) })
}
