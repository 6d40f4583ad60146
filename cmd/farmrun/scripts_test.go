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

// TestScripts has the scripts tried on practice farms of their own, by tests in
// Lua: testdata/scripts/NAME_test.lua for each script, and others for what several
// of them do together. A script's own shows what it does, and that its dry run says
// so and changes nothing.
func TestScripts(t *testing.T) {
	need.Program(t, "cvs", "git", "patch", "rsync")
	scripts, err := filepath.Glob("../../scripts/*.lua")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, path := range scripts {
		name := strings.TrimSuffix(filepath.Base(path), ".lua")
		if _, err := os.Stat("testdata/scripts/" + name + "_test.lua"); err != nil && name != "site" {
			t.Error(err)
		}
	}
	tests, _ := filepath.Glob("testdata/scripts/*_test.lua")
	for _, path := range tests {
		name := strings.TrimSuffix(filepath.Base(path), "_test.lua")
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
