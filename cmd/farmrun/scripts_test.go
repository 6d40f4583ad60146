package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farmrun/testdata/need"
)

// TestScripts has each of the scripts tried on a practice farm of its own, by a
// test in Lua: testdata/scripts/NAME_test.lua. It shows what the script does, and
// that its dry run says so and changes nothing.
func TestScripts(t *testing.T) {
	need.Program(t, "cvs", "git", "patch", "rsync")
	names, err := filepath.Glob("../../scripts/*.lua")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, path := range names {
		name := strings.TrimSuffix(filepath.Base(path), ".lua")
		if name == "site" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			// The tunnels are for the farmruns that the test starts.
			cmd := exec.CommandContext(ctx, "farmrun", "-o", "ClearAllForwardings=yes", "demo", "-n", "2", name+"_test.lua")
			cmd.Dir = filepath.Join("testdata", "scripts")
			cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "SSH_AUTH_SOCK=", "NO_COLOR=1", "TERM=dumb")
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it has a farm to close
			cmd.WaitDelay = 10 * time.Second
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
