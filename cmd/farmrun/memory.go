package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

const (
	// seldom has garbage collected when it is three times as much as the memory in use,
	// and not before the heap is 12 MiB.
	//
	// A command on a hundred hosts allocates less than that in all. One on ten
	// thousand would spend a tenth of its processor time looking for garbage, of
	// which logins leave most, and so spends a third of that; it takes no more memory
	// than its connections do, since few hosts log in at the same time.
	seldom = 300
	// usually is for a rollout of many hosts, which has more than much in use.
	usually = 100
	much    = 16 << 20
)

// spareCollections has garbage collected seldom as long as little memory is in use.
func spareCollections() {
	if os.Getenv("GOGC") == "" { // nobody knows better
		debug.SetGCPercent(seldom)
		afterCollection(seldom)
	}
}

// afterCollection decides at the next collection, and each one after it, how many per
// cent of garbage there may be.
func afterCollection(percent int) {
	runtime.AddCleanup(new([16]byte), func(percent int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		want := seldom
		if live[0].Value.Uint64() > much {
			want = usually
		}
		if want != percent {
			debug.SetGCPercent(want)
		}
		afterCollection(want)
	}, percent)
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
