// Package need leaves tests out for which something is missing on this machine,
// and fails them where nothing may be left out, which is where CI is true.
package need

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Program says that a test needs programs, which are looked for in PATH.
func Program(t testing.TB, names ...string) {
	t.Helper()
	var missing []string
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		That(t, false, "not installed: "+strings.Join(missing, ", "))
	}
}

// Root says that a test needs what only root may do: mount a small disk, or open
// a reserved port.
func Root(t testing.TB) {
	t.Helper()
	That(t, os.Geteuid() == 0, "needs root")
}

// That says that a test needs something which is there, or why it is left out.
func That(t testing.TB, there bool, why string) {
	t.Helper()
	switch {
	case there:
	case os.Getenv("CI") == "true":
		t.Fatal(why + ", and nothing may be left out where CI is true")
	default:
		t.Skip(why)
	}
}
