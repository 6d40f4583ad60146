package farm_test

import (
	"context"
	"errors"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/local"
	"farmrun/modules/farm"
)

// TestLoggedIn prepares a new login before anybody uses it, and does without a
// login that cannot be prepared.
func TestLoggedIn(t *testing.T) {
	prepared := 0
	refuse := errors.New("no tunnel")
	f := farm.New(farm.Config{
		Dial: func(context.Context, string, farm.Login) (farm.Conn, error) {
			return local.Shell{Dir: t.TempDir()}, nil
		},
		LoggedIn: func(ctx context.Context, h *farm.Host) error {
			prepared++
			if h.Name() == "bad" {
				return refuse
			}
			_, err := h.Run(ctx, remote.Cmd{Line: "true"}) // by the new login, not a second one
			return err
		},
	})
	defer f.Close()
	good, _ := f.Host("good")
	for range 2 {
		if _, err := good.Run(t.Context(), remote.Cmd{Line: "true"}); err != nil {
			t.Fatal(err)
		}
	}
	if prepared != 1 {
		t.Errorf("prepared %d times, want once", prepared)
	}
	bad, _ := f.Host("bad")
	if _, err := bad.Run(t.Context(), remote.Cmd{Line: "true"}); !errors.Is(err, refuse) {
		t.Errorf("got %v, want %v", err, refuse)
	}
}
