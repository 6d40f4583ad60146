package main

import (
	"os"
	"runtime/debug"
)

// spareCollections has garbage collected when it is three times as much as
// what is in use, rather than as much, and not before the heap is 12 MiB.
//
// A command on a hundred hosts allocates less than that in all. One on ten
// thousand would spend a tenth of its processor time looking for garbage, of
// which logins leave most, and so spends a third of that; it takes no more memory
// than its connections do, since few hosts log in at the same time.
func spareCollections() {
	if os.Getenv("GOGC") == "" { // nobody knows better
		debug.SetGCPercent(300)
	}
}
