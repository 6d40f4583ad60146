package farm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"farmrun/luahost/console"
	"farmrun/luahost/remote"
	"farmrun/modules/farm"
)

// TestRunBy: who runs a command by a host's login has what it writes shown, is
// not asked in a dry run, and costs the login nothing by an error of its own.
func TestRunBy(t *testing.T) {
	cmd := remote.Cmd{Line: "long script", Title: "sudo id"}
	refused := errors.New("refused")
	how := func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error) {
		if _, err := login.Run(ctx, remote.Cmd{Line: "true"}); err != nil {
			t.Errorf("the login: %v", err)
		}
		if _, ok := login.(interface{ User() string }); !ok {
			t.Error("the login does not tell whose it is")
		}
		fmt.Fprintln(cmd.Stdout, "said")
		return remote.Result{}, refused
	}
	for _, tc := range []struct {
		dry, quiet bool
		said       string
		logins     int
	}{
		{false, false, "web1: said\n", 1},
		{false, true, "", 1},
		{true, false, "web1: would run: sudo id\n", 0},
	} {
		t.Run(fmt.Sprintf("dry %v, quiet %v", tc.dry, tc.quiet), func(t *testing.T) {
			var out bytes.Buffer
			config := farm.Config{DryRun: tc.dry, Console: &console.Console{Out: &out, Err: &out}}
			in(t, config, func(t *testing.T, f *farm.Farm, n *network) {
				cmd := cmd
				var own bytes.Buffer
				cmd.Quiet, cmd.Stdout = tc.quiet, &own
				for range 2 {
					_, err := host(t, f, "web1").RunBy(t.Context(), cmd, how)
					if tc.dry == errors.Is(err, refused) {
						t.Errorf("got %v", err)
					}
				}
				if _, dialed := n.logins(); dialed["web1"] != tc.logins {
					t.Errorf("dialed %v", dialed)
				}
				if got := out.String(); got != tc.said+tc.said {
					t.Errorf("shown: %q", got)
				}
				if got := own.String(); !tc.dry && got != "said\nsaid\n" {
					t.Errorf("the caller got %q", got)
				}
			})
		})
	}
}
