package remote

import (
	"bytes"
	"errors"
)

// ErrTooMuch is the error of reading a host's answer that is longer than any honest
// one.
var ErrTooMuch = errors.New("the host's answer is too long to be read")

// MostLines is how many lines of an answer are read. A parsed line can take some
// hundred bytes, however short the line is.
const MostLines = 100_000

// CheckAnswer is for an answer that is parsed: it fails with ErrTooMuch if the
// answer was cut, since it has more than the keep bytes of Cmd.Keep, or has too
// many lines.
func CheckAnswer(answer []byte, keep int) error {
	if len(answer) > keep || bytes.Count(answer, []byte{'\n'}) > MostLines {
		return ErrTooMuch
	}
	return nil
}
