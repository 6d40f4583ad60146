package pattern

// state is one search. It backtracks, as Lua's own matcher does, and calls
// itself only for repetitions, so its depth is bounded by maxRepeats. The
// captures need no undoing: the items stand in a row, so whatever way leads to
// an item has passed, and set, all captures before it.
type state struct {
	p        *Pattern
	s        string
	b        *Budget
	captures [maxCaptures]Capture
}

// matchAt returns where a match ends that begins at offset at, or -1 if there
// is none or the budget is used up.
func (st *state) matchAt(at int) int {
	if first := st.p.first; first != nil && (at == len(st.s) || !first.has(st.s[at])) {
		st.b.spend(1)
		return -1
	}
	return st.match(0, at)
}

// match does the same for the items from i on.
func (st *state) match(i, at int) int {
	for ; i < len(st.p.items); i++ {
		if !st.b.spend(1) {
			return -1
		}
		it := &st.p.items[i]
		if it.kind != one {
			if at = st.matchItem(it, at); at < 0 {
				return -1
			}
			continue
		}
		here := at < len(st.s) && it.set.has(st.s[at])
		switch it.repeat {
		case '*':
			return st.longest(i, at, 0)
		case '+':
			return st.longest(i, at, 1)
		case '-':
			return st.shortest(i, at)
		case '?':
			if !here {
				continue
			}
			if end := st.match(i+1, at+1); end >= 0 {
				return end
			}
		default:
			if !here {
				return -1
			}
			at++
		}
	}
	return at
}

// longest matches item i as often as it can, then the rest, giving back one at
// a time, down to least, until the rest matches.
func (st *state) longest(i, at, least int) int {
	set, n := st.p.items[i].set, 0
	for at+n < len(st.s) && set.has(st.s[at+n]) {
		n++
	}
	for st.b.spend(1) && n >= least {
		if end := st.match(i+1, at+n); end >= 0 {
			return end
		}
		n--
	}
	return -1
}

// shortest matches the rest, and item i once more each time that fails.
func (st *state) shortest(i, at int) int {
	set := st.p.items[i].set
	for st.b.spend(1) {
		if end := st.match(i+1, at); end >= 0 {
			return end
		}
		if at == len(st.s) || !set.has(st.s[at]) {
			break
		}
		at++
	}
	return -1
}

// matchItem matches an item that is no single character and returns where it
// ends, or -1.
func (st *state) matchItem(it *item, at int) int {
	switch it.kind {
	case open:
		st.captures[it.n] = Capture{Start: at}
	case shut:
		st.captures[it.n].End = at
	case position:
		st.captures[it.n] = Capture{Start: at, End: at, Position: true}
	case again:
		return st.again(st.captures[it.n], at)
	case balanced:
		return st.balanced(it.begin, it.end, at)
	case frontier:
		if it.set.has(st.byteAt(at-1)) || !it.set.has(st.byteAt(at)) {
			return -1
		}
	case end:
		if at < len(st.s) {
			return -1
		}
	}
	return at
}

// byteAt returns the character at an offset; NUL before and after the subject.
func (st *state) byteAt(at int) byte {
	if at < 0 || at >= len(st.s) {
		return 0
	}
	return st.s[at]
}

// again matches what c caught once more. A position is nothing that could
// come again.
func (st *state) again(c Capture, at int) int {
	text := c.Text(st.s)
	if c.Position || len(st.s)-at < len(text) || !st.b.spend(len(text)) || st.s[at:at+len(text)] != text {
		return -1
	}
	return at + len(text)
}

// balanced matches from a begin to the end that closes it.
func (st *state) balanced(begin, end byte, at int) int {
	if at == len(st.s) || st.s[at] != begin {
		return -1
	}
	depth := 1
	for i := at + 1; i < len(st.s) && st.b.spend(1); i++ {
		switch st.s[i] {
		case end: // first, for begin and end may be the same
			if depth--; depth == 0 {
				return i + 1
			}
		case begin:
			depth++
		}
	}
	return -1
}
