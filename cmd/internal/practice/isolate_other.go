//go:build !linux

package practice

import (
	"errors"
	"io"
	"net"
)

// isolatedUser is the user of an isolated machine.
const isolatedUser = "web"

var errNoNamespaces = errors.New("only Linux has namespaces")

// Main becomes a machine of a practice farm where this program was started as
// one, and else returns at once. Call it first in main, and in the TestMain of
// tests that start farms.
func Main() {}

// Isolates returns nil if a machine can have namespaces of its own here, and
// else why it cannot.
func Isolates() error { return errNoNamespaces }

func isolatedOwners() owners { return owners{-1, -1, isolatedUser} }

func startIsolated(_ machineSpec, l *net.TCPListener) (io.Closer, error) {
	l.Close()
	return nil, errNoNamespaces
}

// Fences tells whether the hosts of a farm that is Shared are fenced: programs on
// them can write to the farm's files only.
func Fences() bool { return false }

func startFenced(_ machineSpec, l *net.TCPListener) (io.Closer, error) {
	l.Close()
	return nil, errNoNamespaces
}
