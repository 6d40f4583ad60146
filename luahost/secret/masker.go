package secret

import (
	"bytes"
	"io"
	"slices"
)

// Masker is a writer through which bytes pass from a terminal, or from any
// other source, into a file of a run. Every character that would complete four
// bytes of a secret is replaced by an asterisk, or, where a secret has
// asterisks, by another character that no secret has: in the bytes as they
// are, and also in what a terminal would show of them, without control
// characters and escape sequences, with backspaces obeyed (64 characters back),
// with the spaces left out that wrap a line, and with what is echoed twice
// counted once. What comes out has as many bytes as what went in, in the same
// places, so that what moves the cursor still fits.
//
// It does not matter in which portions the bytes come. What may become a piece
// of a secret is held back until it is known, three characters and what stands
// between them, so that as a rule nothing of the secret is seen; Flush passes
// it on. A secret that the Keyring learns is masked from then on. One of fewer
// than four bytes is not masked, nor are the control characters in one.
//
// A Masker belongs to one goroutine at a time.
type Masker struct {
	ring *Keyring
	to   io.Writer

	hidden  *hidden // as of the last Write; nil until there is a secret
	in, out *screen // what came, and what was passed on
	held    []held  // what came last and is not passed on yet
	passed  []byte  // reused by release
}

// held is a byte that is held back.
type held struct {
	char          byte
	shown, masked bool
}

// most is how much a Masker holds back: a host may say ever so many control
// characters and nothing to see between.
const most = 4 << 10

// Masker returns a Masker that writes to w what it lets pass.
func (k *Keyring) Masker(w io.Writer) *Masker { return &Masker{ring: k, to: w} }

// MaskPieces returns text as a Masker lets it pass.
func (k *Keyring) MaskPieces(text []byte) []byte {
	if k.hidden.Load() == nil {
		return text
	}
	var out bytes.Buffer
	m := k.Masker(&out)
	m.Write(text)
	m.Flush()
	return out.Bytes()
}

// Write passes p on, except for what is held back. It fails when the writer
// below does.
func (m *Masker) Write(p []byte) (int, error) {
	m.hidden = m.ring.hidden.Load()
	if m.hidden == nil {
		return m.to.Write(p)
	}
	if m.in == nil {
		m.in, m.out = newScreen(), newScreen()
	}
	for portion := range slices.Chunk(p, most) {
		for _, b := range portion {
			m.put(b)
		}
		if err := m.release(m.known()); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush passes on what is held back. Call it when the source falls silent and
// at its end; what comes afterwards is masked as if Flush had not been called,
// only that what was passed on stays.
func (m *Masker) Flush() error { return m.release(len(m.held)) }

// Holds tells whether something is held back.
func (m *Masker) Holds() bool { return len(m.held) > 0 }

// put takes the next byte.
func (m *Masker) put(b byte) {
	_, shown := m.in.escape.next(b)
	m.held = append(m.held, held{char: b, shown: shown})
	m.in.put(m.hidden, b, m.mark)
}

// mark masks the byte first or, of those from first to last, what is shown; it
// can do so for what is still held back.
func (m *Masker) mark(first, last int64) {
	begin := m.in.at + 1 - int64(len(m.held)) // of what is held
	for at := max(first, begin); at <= last; at++ {
		c := &m.held[at-begin]
		c.masked = c.masked || c.shown || first == last
	}
}

// known is how many of the bytes that are held back need not be any longer:
// those that are masked, and those that no piece can begin with any more.
func (m *Masker) known() int {
	open := min(m.in.at-m.in.begun(m.hidden), most)
	n := max(0, len(m.held)-int(open))
	for n < len(m.held) && m.held[n].masked {
		n++
	}
	return n
}

// release passes on the first n bytes that are held back. Whatever put has
// marked, no byte gets out that completes a piece of a secret in what has
// already been passed on: this alone is what a Masker promises.
func (m *Masker) release(n int) error {
	if n == 0 {
		return nil
	}
	m.passed = m.passed[:0]
	for _, c := range m.held[:n] {
		if c.masked || m.out.completes(m.hidden, c.char) {
			c.char = m.hidden.mask
		}
		m.out.put(m.hidden, c.char, nil)
		m.passed = append(m.passed, c.char)
	}
	m.held = m.held[:copy(m.held, m.held[n:])]
	_, err := m.to.Write(m.passed)
	return err
}
