package secret

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// piece is how many bytes of a secret in a row nobody may see. A password that
// is shorter is not looked for: masking every "a" would hide nothing and spoil
// much.
const piece = 4

// hidden is what has to be masked. It is never changed, only replaced, so that
// readers need no lock. nil is nothing.
type hidden struct {
	secrets [][]byte // the longest first, since one may be part of another
	pieces  map[[piece]byte]struct{}
	mask    byte // stands for a masked byte; no piece has it
	// Most bytes need no look at the map: within and ends say whether a byte is
	// in a piece and ends one, maybe whether any piece has a sum.
	within, ends [256]bool
	maybe        [1 << 12]bool
}

// Hide has s masked from now on. The passwords of accounts are, without it,
// also those that were rejected: they may be the right one but for a letter.
func (k *Keyring) Hide(s Secret) {
	text := []byte(s.Reveal())
	if len(text) < piece {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.hidden.Load(); !h.knows(text) {
		k.hidden.Store(h.with(text))
	}
}

// Mask returns line with every secret of the ring replaced by "(secret)",
// where it stands in one piece: for what the operator is to read and a program
// may have to. Files of a run are written through a Masker.
func (k *Keyring) Mask(line []byte) []byte {
	h := k.hidden.Load()
	if h == nil {
		return line
	}
	for _, s := range h.secrets {
		line = bytes.ReplaceAll(line, s, []byte(mask))
	}
	return line
}

func (h *hidden) knows(text []byte) bool {
	return h != nil && slices.ContainsFunc(h.secrets, func(s []byte) bool { return bytes.Equal(s, text) })
}

// with returns h and one secret more.
func (h *hidden) with(text []byte) *hidden {
	more := &hidden{secrets: [][]byte{text}, pieces: map[[piece]byte]struct{}{}}
	if h != nil {
		more.secrets = append(more.secrets, h.secrets...)
	}
	slices.SortStableFunc(more.secrets, func(a, b []byte) int { return len(b) - len(a) })
	for _, s := range more.secrets {
		shown := bytes.Join(bytes.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), nil)
		more.add(shown)
		more.add(slices.Compact(shown)) // as the view without doubles sees it
	}
	more.mask = more.unused()
	return more
}

func (h *hidden) add(s []byte) {
	for ; len(s) >= piece; s = s[1:] {
		p := [piece]byte(s)
		h.pieces[p] = struct{}{}
		h.maybe[sum(p)] = true
		h.ends[p[piece-1]] = true
		for _, b := range p {
			h.within[b] = true
		}
	}
}

// sum tells most pieces apart.
func sum(p [piece]byte) uint32 {
	return binary.LittleEndian.Uint32(p[:]) * 0x9e3779b1 >> 20
}

// has reports whether the characters of cells are a piece of a secret.
func (h *hidden) has(cells [piece]cell) bool {
	var p [piece]byte
	for i, c := range cells {
		if !h.within[c.char] {
			return false
		}
		p[i] = c.char
	}
	if !h.maybe[sum(p)] {
		return false
	}
	_, has := h.pieces[p]
	return has
}

// unused returns a character that is in no secret, so that masking one cannot
// make another.
func (h *hidden) unused() byte {
	for _, b := range []byte("*.#-_=+~%@!$&/:;,?|^<>()[]{}'`\"\\0123456789XxQqZzJjKkWwVvYyHhGgFfBbPpMmUuCcDdLlRrSsNnIiOoAaTtEe") {
		if !h.within[b] {
			return b
		}
	}
	return 0x1a // SUB, what ASCII has for a character that cannot be shown
}
