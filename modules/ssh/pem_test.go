package ssh_test

import (
	"encoding/pem"
	"strconv"
)

func pemText(b *pem.Block) []byte { return pem.EncodeToMemory(b) }

func fmtInt(n int) string { return strconv.Itoa(n) }

// signal is a writer that tells that something was written.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}
