package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
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

// parseMemory reads the memory of a script, "512MiB" or "2GiB", and returns it in
// bytes. A script that has less than 16 MiB gets nowhere.
func parseMemory(text string) (bytes uint64, ok bool) {
	for unit, shift := range map[string]int{"MiB": 20, "GiB": 30} {
		if digits, is := strings.CutSuffix(text, unit); is {
			n, err := strconv.ParseUint(digits, 10, 20)
			return n << shift, err == nil && n<<shift >= 16<<20
		}
	}
	return 0, false
}
