package luahosttest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/luahosttest"
)

func TestParse(t *testing.T) {
	text := `-- what stands before the first section is for readers
--- one that is well
print "a"  --= a
print "b"  --= b

--- one that fails
error "x"  --! x
--- one with a mistake
error "x"  --! x
error "y"  --! y
`
	want := []luahosttest.Section{
		{Name: "one that is well", Output: "a\nb\n", Source: "\n--- one that is well\nprint \"a\"  --= a\nprint \"b\"  --= b\n\n"},
		{Name: "one that fails", Error: "x", Line: 7, Source: "\n\n\n\n\n--- one that fails\nerror \"x\"  --! x\n"},
		{Name: "one with a mistake", Error: "y", Line: 10, Twice: 10,
			Source: "\n\n\n\n\n\n\n--- one with a mistake\nerror \"x\"  --! x\nerror \"y\"  --! y\n\n"},
	}
	if diff := cmp.Diff(want, luahosttest.Parse(text)); diff != "" {
		t.Error(diff)
	}
}
