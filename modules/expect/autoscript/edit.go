package autoscript

import (
	"slices"
	"unicode/utf8"

	"farmrun/luahost/lazyregexp"
)

// editing are the keys that a line is made by: characters, and those that move the cursor
// or delete, as terminals and readline have them.
var editing = lazyregexp.New(`^(?:[^\x00-\x1f\x7f]|[\x01\x02\x05\x06\x08\x0b\x15\x17\x7f]|\x1b(?:\[[1348]~|[\[O][CDFH]))`)

// edited returns the line that keys make, whatever the host draws; ok is false if there are
// other keys among them, such as Tab.
func edited(keys []byte) (text string, ok bool) {
	var line []rune
	at := 0
	for len(keys) > 0 {
		n := len(editing().Find(keys))
		if n == 0 || !utf8.Valid(keys[:n]) {
			return "", false
		}
		line, at = edit(line, at, string(keys[:n]))
		keys = keys[n:]
	}
	return string(line), true
}

// edit applies a key to a line with the cursor at a place.
func edit(line []rune, at int, key string) ([]rune, int) {
	switch key {
	case "\x01", "\x1b[H", "\x1bOH", "\x1b[1~":
		return line, 0
	case "\x05", "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~":
		return line, len(line)
	case "\x02", "\x1b[D", "\x1bOD":
		return line, max(0, at-1)
	case "\x06", "\x1b[C", "\x1bOC":
		return line, min(len(line), at+1)
	case "\b", "\x7f":
		return slices.Delete(line, max(0, at-1), at), max(0, at-1)
	case "\x1b[3~":
		return slices.Delete(line, at, min(len(line), at+1)), at
	case "\x0b":
		return line[:at], at
	case "\x15":
		return slices.Delete(line, 0, at), 0
	case "\x17":
		from := at
		for from > 0 && line[from-1] == ' ' {
			from--
		}
		for from > 0 && line[from-1] != ' ' {
			from--
		}
		return slices.Delete(line, from, at), from
	}
	return slices.Insert(line, at, []rune(key)...), at + 1
}
