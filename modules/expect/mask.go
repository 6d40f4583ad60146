package expect

import (
	"bytes"
	"io"
)

// mask redacts secrets in a text that comes in pieces.
type mask struct {
	masker Masker
	passed bytes.Buffer
}

func newMask(masker func(to io.Writer) Masker) *mask {
	m := &mask{}
	m.masker = masker(&m.passed)
	return m
}

// pass appends to out what may be seen of text and what came before.
func (m *mask) pass(out, text []byte) []byte {
	m.masker.Write(text) // a buffer never fails
	return m.take(out)
}

// flush appends to out what was held back.
func (m *mask) flush(out []byte) []byte {
	m.masker.Flush()
	return m.take(out)
}

func (m *mask) take(out []byte) []byte {
	out = append(out, m.passed.Bytes()...)
	m.passed.Reset()
	return out
}
