package login_test

import (
	"testing"

	"go.uber.org/goleak"
)

// noLeaks fails a test that leaves a goroutine behind. It is called before
// anything that the test cleans up.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}
