package secret

import (
	"io"
	"slices"
)

// Masker is a writer through which bytes pass from a terminal, or from any
// other source of a host's, into a file of a run. Every character of a secret is
// replaced by an asterisk, or, where a secret has asterisks, by another character
// that no secret has: in the bytes as they are, in the text that a terminal would
// show of them, without control characters and escape sequences, with backspaces
// obeyed (64 characters back) and with the spaces left out that wrap a line, and in
// the forms into which JSON and shells escape it. Nothing else is changed. The
// output has as many bytes as the input, in the same places, so that movements of
// the cursor still fit.
//
// It does not matter in which portions the bytes come. A possible beginning of a
// secret is held back until more is known; Flush passes it on. A secret that the
// Keyring learns is redacted from then on. One of fewer than three bytes is not.
//
// A Masker belongs to one goroutine at a time.
type Masker struct {
	ring *Keyring
	to   io.Writer

	screen *screen // nil until there is a secret
	held   []held  // what came last and is not passed on yet
	passed []byte  // reused by release
}

// held is a byte that is held back.
type held struct {
	char   byte
	masked bool
}

// most is how much a Masker holds back: a host may say ever so many control
// characters and nothing to see between.
const most = 4 << 10

// Masker returns a Masker that writes to w what it lets pass.
func (k *Keyring) Masker(w io.Writer) *Masker { return &Masker{ring: k, to: w} }

// Write passes p on, except for what is held back. It fails when the writer
// below does.
func (m *Masker) Write(p []byte) (int, error) {
	h := m.ring.hidden.Load()
	switch {
	case h == nil:
		return m.to.Write(p)
	case m.screen == nil:
		m.screen = newScreen(h)
	case m.screen.hidden != h:
		m.screen.learn(h)
	}
	for portion := range slices.Chunk(p, most) {
		for _, b := range portion {
			m.held = append(m.held, held{char: b})
			m.screen.put(b, m.mark)
		}
		if err := m.release(m.known()); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush passes on the bytes that are held back. Call it when the source falls
// silent and at its end. Later bytes are redacted as if Flush had not been called,
// only that the bytes it passed on stay.
func (m *Masker) Flush() error { return m.release(len(m.held)) }

// mark redacts the bytes of a secret that are still held back.
func (m *Masker) mark(secret []cell) {
	begin := m.screen.at + 1 - int64(len(m.held))
	for _, c := range secret {
		for at := max(c.from, begin); at <= c.at; at++ {
			m.held[at-begin].masked = m.held[at-begin].masked || at == c.at || at == c.from
		}
	}
}

// known is how many of the bytes that are held back need not be any longer:
// those that are redacted, and those that no secret can begin with any more.
func (m *Masker) known() int {
	open := min(m.screen.at-m.screen.begun(), most)
	n := max(0, len(m.held)-int(open))
	for n < len(m.held) && m.held[n].masked {
		n++
	}
	return n
}

// release passes on the first n bytes that are held back.
func (m *Masker) release(n int) error {
	if n == 0 {
		return nil
	}
	m.passed = m.passed[:0]
	for _, c := range m.held[:n] {
		if c.masked {
			c.char = m.screen.hidden.mask
		}
		m.passed = append(m.passed, c.char)
	}
	m.held = m.held[:copy(m.held, m.held[n:])]
	_, err := m.to.Write(m.passed)
	return err
}
