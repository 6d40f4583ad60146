package farm_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote"
	"farmrun/modules/farm"
)

// keeper is a host with a lock on it; a look at it takes so long, and it is there
// for so many looks.
type keeper struct {
	takes time.Duration
	there int

	mu     sync.Mutex
	holder string
	looks  int
}

func (k *keeper) Close() error { return nil }

func (k *keeper) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	do := cmd.Args[4]
	if do == "read" {
		time.Sleep(k.takes)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch do {
	case "take":
		text, err := io.ReadAll(cmd.Stdin)
		if err != nil {
			return remote.Result{}, err
		}
		k.holder = "held\n" + string(text)
	case "drop":
		k.holder = ""
	case "read":
		k.looks++
		if k.looks > k.there {
			k.holder = ""
		}
	}
	return remote.Result{Stdout: []byte(k.holder)}, nil
}

// TestLockBeside: that the lock is there still is asked beside how the hosts are.
// No turn begins before both are known, nor on an answer that has grown old.
func TestLockBeside(t *testing.T) {
	const second = time.Second
	for _, tc := range []struct {
		name         string
		lock, health time.Duration // what it takes to ask
		there        int           // for how many looks the lock is
		begins       string        // when the turns do
		looks        int           // the last before it is given back
		err          string
	}{
		{"side by side", second, second, 9, "web1 1s, web2 3s", 3, ""},
		{"a slow lock is waited for", 4 * second, second, 9, "web1 4s, web2 9s", 3, ""},
		{"a lock that is gone", 4 * second, second, 1, "web1 4s", 3, "the rollout halted at web2: it was not touched, because the lock on db1 is gone: nobody has the lock"},
		{"slow hosts make an answer old", second, 6 * second, 9, "web1 7s, web2 20s", 5, ""},
		{"a lock that has gone meanwhile", second, 6 * second, 3, "web1 7s", 5, "the rollout halted at web2: it was not touched, because the lock on db1 is gone: nobody has the lock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lock := &keeper{takes: tc.lock, there: tc.there}
				f := farm.New(farm.Config{Dial: func(context.Context, string, farm.Login) (farm.Conn, error) { return lock, nil }})
				defer f.Close()
				web := []*farm.Host{host(t, f, "web1"), host(t, f, "web2")}
				began, begins := time.Now(), []string{}
				err := f.Rollout(t.Context(), web, farm.Rollout{
					Lock: farm.Lock{Host: host(t, f, "db1"), Path: "lock"},
					Healthy: func(context.Context, *farm.Host) error {
						time.Sleep(tc.health)
						return nil
					},
				}, func(_ context.Context, h *farm.Host) error {
					begins = append(begins, fmt.Sprintf("%s %v", h.Name(), time.Since(began)))
					return nil
				})
				if got := strings.Join(begins, ", "); got != tc.begins {
					t.Errorf("turns began at %s, want %s", got, tc.begins)
				}
				if fmt.Sprint(err) != tc.err && !(err == nil && tc.err == "") {
					t.Errorf("got %v, want %s", err, tc.err)
				}
				if lock.looks != tc.looks {
					t.Errorf("%d looks at the lock, want %d", lock.looks, tc.looks)
				}
			})
		})
	}
}
