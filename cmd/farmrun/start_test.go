package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"farmrun/luahost/lazyregexp"
)

// initLine is what the runtime says of initialising a package of this program:
// see GODEBUG in the documentation of package runtime.
var initLine = lazyregexp.New(`(?m)^init (farmrun/\S+) .* (\d+) bytes, \d+ allocs$`)

// TestStart: no package has its part in how long every start takes. What is
// large can be made when it is first used, a regular expression by lazyregexp.
func TestStart(t *testing.T) {
	const most = 16 << 10
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	found := initLine().FindAllStringSubmatch(said.String(), -1)
	if found == nil {
		t.Fatalf("there is no line of a package in\n%s", said.String())
	}
	for _, f := range found {
		if n, _ := strconv.Atoi(f[2]); n > most {
			t.Errorf("%s allocates %d bytes when it is initialised, want %d at most", f[1], n, most)
		}
	}
}
