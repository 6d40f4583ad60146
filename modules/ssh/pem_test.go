package ssh_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"strconv"
	"testing"
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

// nilRand is all the randomness that a certificate in a test needs.
type nilRand struct{}

func (nilRand) Read(p []byte) (int, error) { return len(p), nil }

func chmod(name string, mode os.FileMode) error { return os.Chmod(name, mode) }

func newEd25519(t *testing.T) *ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	return &key
}
