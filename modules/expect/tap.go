package expect

// While an operator has the session, what the other end says goes past the
// filter and the matcher, as it is: he wants to see his echo and the colours,
// and nothing of it is for the script to match.

// openTap begins that. It returns the end of what was said up to now, for the
// operator to see where he is, and how much of it the matcher has, or is about
// to get.
func (in *input) openTap() (said []byte, stored int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.tapped = true
	in.tap.Reset()
	if in.masker != nil {
		in.tapMask = newMask(in.masker)
	}
	in.pour(nil) // what was held back
	in.listenIn(0)
	said = in.said.last()
	if in.tapMask != nil {
		past := newMask(in.masker)
		said = past.flush(past.pass(nil, said))
	}
	return said, in.waiting.Len()
}

// pour adds to the tap. Of a secret that comes character by character only the
// last is redacted, since they cannot be held back where somebody types. The caller holds
// in.mu.
func (in *input) pour(raw []byte) {
	in.tap.Write(in.filter.release(nil))
	if in.tapMask != nil {
		raw = in.tapMask.flush(in.tapMask.pass(nil, raw))
	}
	in.tap.Write(raw)
	in.said.add(raw)
	signal(in.more)
}

// drawn returns what has come to the tap since it was last called, and whether
// the stream has ended.
func (in *input) drawn() (text []byte, ended bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	text = append(text, in.tap.Bytes()...)
	in.tap.Reset()
	in.resume()
	return text, in.ended != nil
}

// closeTap ends it.
func (in *input) closeTap() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.tapped = false
	in.tap.Reset()
	in.filter.escape = escapes{} // the operator may have left in the middle of one
	if in.screen != nil {
		in.screen = newDrawing(StripScreen)
	}
	in.resume()
}
