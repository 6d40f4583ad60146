package remotetest

import (
	"testing"

	"go.uber.org/goleak"
)

// NoLeaks fails a test that leaves a goroutine behind, but for those of ignore.
// It comes before anything that the test cleans up.
func NoLeaks(t testing.TB, ignore ...goleak.Option) {
	t.Helper()
	ignore = append(ignore, goleak.IgnoreCurrent())
	t.Cleanup(func() { goleak.VerifyNone(t, ignore...) })
}
