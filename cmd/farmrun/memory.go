package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// spareCollections puts the first garbage collection off until the heap is
// 8 MiB rather than 4; from then on Go does as it always does.
//
// A command on a hundred hosts allocates less than that in all, and nearly all
// of it is in use to the end: to look for garbage in it at 4 MiB and again at 5
// took a tenth of the processor time and saved no memory.
func spareCollections() {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	const usual = 100 // per cent; the first collection is at 4 MiB times this
	debug.SetGCPercent(2 * usual)
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
}
