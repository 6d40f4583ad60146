package lockfile_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/farm/lockfile"
)

func holder(token string) lockfile.Holder {
	return lockfile.Holder{
		Token: token, Run: "2000-09-19T21-04-05Z-cutover", User: "ken", Machine: "devbox", PID: 7,
		Since: time.Date(2000, 9, 19, 21, 4, 5, 0, time.UTC), Why: `farmrun -c "it's" '$HOME'`,
	}
}

func TestTakeAndDrop(t *testing.T) {
	host := remotetest.New(t)
	l := lockfile.Lock{Runner: host, Path: "-the lock"}
	me, other := holder("a"), holder("b")
	if now, err := l.Read(t.Context()); now != nil || err != nil {
		t.Errorf("at first: %v, %v", now, err)
	}
	if err := l.Check(t.Context(), me); !errors.Is(err, lockfile.ErrFree) {
		t.Errorf("check: %v", err)
	}
	if since, err := l.Take(t.Context(), me); err != nil || !since.IsZero() {
		t.Fatalf("taken: since %v, %v", since, err)
	}
	later := me
	later.Since, later.PID = me.Since.Add(time.Hour), 8
	if since, err := l.Take(t.Context(), later); err != nil || !since.Equal(me.Since) { // what one has, one may take
		t.Fatalf("taken again: since %v, %v", since, err)
	}
	_, err := l.Take(t.Context(), other)
	var held *lockfile.HeldError
	if !errors.As(err, &held) || held.Holder != me {
		t.Errorf("another takes it: %v", err)
	}
	for _, part := range []string{"ken@devbox", "2000-09-19", "cutover", "process 7", me.Why} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
	if err := l.Drop(t.Context(), other); !errors.As(err, &held) {
		t.Errorf("another drops it: %v", err)
	}
	if err := errors.Join(l.Check(t.Context(), me), l.Drop(t.Context(), me)); err != nil {
		t.Error(err)
	}
	if err := l.Drop(t.Context(), me); !errors.Is(err, lockfile.ErrFree) {
		t.Errorf("dropped twice: %v", err)
	}
	if left := host.Must(t, "ls -A"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

func TestOneOfManyGetsIt(t *testing.T) {
	host := remotetest.New(t)
	var wg sync.WaitGroup
	var got atomic.Int32
	for i := range 20 {
		wg.Go(func() {
			_, err := lockfile.Lock{Runner: host, Path: "lock"}.Take(t.Context(), holder(fmt.Sprint(i)))
			var held *lockfile.HeldError
			if err == nil {
				got.Add(1)
			} else if !errors.As(err, &held) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d have it", got.Load())
	}
}

func TestWhatIsInTheWay(t *testing.T) {
	for name, c := range map[string]struct{ before, want string }{
		"a directory":               {"mkdir lock", "lock is a directory"},
		"a link to a directory":     {"mkdir d; ln -s d lock", "lock is a directory"},
		"somebody's own file":       {"echo keep out >lock", `held by somebody ("keep out")`},
		"an empty file":             {": >lock", `held by somebody ("")`},
		"a directory not for us":    {"ln -s /proc/self/nonexistent lock", "exit status"},
		"a left-over of our making": {"echo '{}' >lock.a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			host := remotetest.New(t)
			host.Must(t, c.before)
			l := lockfile.Lock{Runner: host, Path: "lock"}
			_, err := l.Take(t.Context(), holder("a"))
			if got := fmt.Sprint(err); !strings.Contains(got, c.want) || c.want == "" && err != nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if left := host.Must(t, "ls -A d 2>/dev/null || :"); left != "" {
				t.Errorf("left in the directory: %s", left)
			}
		})
	}
	l := lockfile.Lock{Runner: remotetest.New(t), Path: "nowhere/lock"}
	if _, err := l.Take(t.Context(), holder("a")); err == nil || !strings.Contains(err.Error(), "nowhere/lock") {
		t.Errorf("where there is no directory: %v", err)
	}
	if _, err := (lockfile.Lock{Runner: remotetest.New(t), Path: ""}).Take(t.Context(), holder("a")); err == nil {
		t.Error("a lock without a name was taken")
	}
}

// TestALockOfAnothersMaking can be dropped by who has read it.
func TestALockOfAnothersMaking(t *testing.T) {
	host := remotetest.New(t)
	host.Must(t, "echo keep out >lock")
	l := lockfile.Lock{Runner: host, Path: "lock"}
	was, err := l.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Drop(t.Context(), *was); err != nil {
		t.Error(err)
	}
	host.Must(t, "test ! -e lock")
}
