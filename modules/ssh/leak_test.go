package ssh_test

import (
	"testing"

	"go.uber.org/goleak"

	"farmrun/luahost/remote/remotetest"
)

// noLeaks fails a test that leaves a goroutine behind. It is called before
// anything that the test cleans up.
func noLeaks(t *testing.T) {
	t.Helper()
	// What x/crypto leaves behind of a handshake that failed while the host talked on.
	stuck := goleak.IgnoreTopFunction("golang.org/x/crypto/ssh.(*handshakeTransport).readLoop")
	its := goleak.IgnoreTopFunction("golang.org/x/crypto/ssh.(*handshakeTransport).kexLoop")
	remotetest.NoLeaks(t, stuck, its)
}
