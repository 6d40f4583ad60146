package remote

import "bytes"

// Overlap returns how many bytes at the end of text may begin start, all of
// which is not there yet: as many are to be held back until more has come.
func Overlap(text, start []byte) int {
	for n := min(len(text), len(start)-1); n > 0; n-- {
		if bytes.HasPrefix(start, text[len(text)-n:]) {
			return n
		}
	}
	return 0
}
