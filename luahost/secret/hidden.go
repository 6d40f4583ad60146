package secret

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// shortest is how many bytes a secret has at least that is redacted: a secret of
// one letter or two cannot be told from any text.
const shortest = 3

// hidden finds secrets, in all their forms, in a text that comes byte by byte: an
// automaton after Aho and Corasick. It is never changed, only replaced, so that
// readers need no lock. nil finds nothing.
type hidden struct {
	secrets []string
	classes int         // how many classes of bytes there are
	class   [256]uint16 // 0 is that of bytes in no secret
	next    []int32     // by state*classes + class
	depth   []int32     // by state: how many of the last bytes may begin a secret
	ends    []int32     // by state: how many of them are the longest secret that ends here; 0 is none
	longest int         // of all forms
	mask    byte        // stands for a redacted byte; no form has it
}

// Hide has s redacted from now on. The passwords of accounts are, without it,
// also those that were rejected: they may be the right one but for a letter.
func (k *Keyring) Hide(s Secret) {
	text := s.Reveal()
	if len(text) < shortest {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var known []string
	if h := k.hidden.Load(); h != nil {
		known = h.secrets
	}
	if !slices.Contains(known, text) {
		k.hidden.Store(newHidden(append(slices.Clone(known), text)))
	}
}

// Mask returns text with every secret of the ring replaced by "(secret)", however
// it is wrapped or escaped. The text is a host's, or has a host's in it, and is
// whole: a secret that only begins or ends in it is none. names are farmrun's or
// the site's own, which stay as they are although a secret is a part of one.
func (k *Keyring) Mask(text []byte, names ...string) []byte {
	return k.hidden.Load().redact(text, names)
}

// MaskOwn is Mask for a text of farmrun's that may have a host's words in it. A
// secret of letters or of digits alone may be one of farmrun's own words: it is
// redacted only where text quotes said, which is the host's output.
func (k *Keyring) MaskOwn(text []byte, said string, names ...string) []byte {
	h := k.hidden.Load()
	if h == nil {
		return text
	}
	words, others := h.split(said)
	return others.redact(words.redactQuoted(text, said, names), names)
}

// split returns a finder of the secrets that are words and in said, and one of those
// that are no words.
func (h *hidden) split(said string) (words, others *hidden) {
	var is, no []string
	for _, s := range h.secrets {
		switch {
		case !isWord(s):
			no = append(no, s)
		case newHidden([]string{s}).isIn(said):
			is = append(is, s)
		}
	}
	if len(is) > 0 {
		words = newHidden(is)
	}
	switch len(no) {
	case 0:
	case len(h.secrets):
		others = h
	default:
		others = newHidden(no)
	}
	return words, others
}

// redactQuoted redacts secrets in those parts of text that are said: a line of that,
// or its beginning as far as a secret reaches. Where there is none, said is quoted
// in another way, and all of text is taken for it. nil has no secrets.
func (h *hidden) redactQuoted(text []byte, said string, names []string) []byte {
	if h == nil {
		return text
	}
	var out []byte
	rest := text
	for len(rest) > 0 {
		at, n := h.firstQuote(rest, said)
		if n == 0 {
			break
		}
		out = append(append(out, rest[:at]...), h.redact(rest[at:at+n], names)...)
		rest = rest[at+n:]
	}
	if out == nil {
		return h.redact(text, names)
	}
	return append(out, rest...)
}

// firstQuote finds the first quote of said in text that has a secret, and how long it
// is; 0 is none. Of several that begin in the same place it is the longest.
func (h *hidden) firstQuote(text []byte, said string) (at, n int) {
	for line := range strings.SplitSeq(said, "\n") {
		line = strings.TrimSpace(line)
		s := newScreen(h)
		for i, b := range []byte(line) {
			s.put(b, func([]cell) {
				found := bytes.Index(text, []byte(line[:i+1]))
				if found >= 0 && (n == 0 || found < at || found == at && i+1 > n) {
					at, n = found, i+1
				}
			})
		}
	}
	return at, n
}

// isWord tells whether s is letters of ASCII, or digits.
func isWord(s string) bool {
	letters, digits := 0, 0
	for _, b := range []byte(s) {
		if b|0x20 >= 'a' && b|0x20 <= 'z' {
			letters++
		} else if b >= '0' && b <= '9' {
			digits++
		}
	}
	return letters == len(s) || digits == len(s)
}

// isIn tells whether a secret is in text.
func (h *hidden) isIn(text string) (is bool) {
	s := newScreen(h)
	for _, b := range []byte(text) {
		s.put(b, func([]cell) { is = true })
	}
	return is
}

// redact is Keyring.Mask; nil has no secrets.
func (h *hidden) redact(text []byte, names []string) []byte {
	if h == nil || len(text) < shortest {
		return text
	}
	marks := make([]mark, len(text))
	for _, n := range names {
		markNames(marks, text, n)
	}
	s, found := newScreen(h), false
	for _, b := range text {
		s.put(b, func(secret []cell) { found = markSecret(marks, secret) || found })
	}
	if !found {
		return text
	}
	var out bytes.Buffer
	for i, b := range text {
		switch {
		case marks[i].begins:
			out.WriteString(mask)
		case !marks[i].masked:
			out.WriteByte(b)
		}
	}
	return out.Bytes()
}

// mark says of a byte that it belongs to a secret, that a secret begins with it
// and no other has it, and in which name it is.
type mark struct {
	masked, begins bool
	name           int // the place behind the name; 0 is in none
}

func markNames(marks []mark, text []byte, name string) {
	for at := 0; name != ""; {
		i := bytes.Index(text[at:], []byte(name))
		if i < 0 {
			return
		}
		for j := range len(name) {
			marks[at+i+j].name = max(marks[at+i+j].name, at+i+len(name))
		}
		at += i + len(name)
	}
}

// markSecret marks a secret, unless it is in a name, and tells whether it did.
func markSecret(marks []mark, secret []cell) bool {
	first, last := secret[0].from, secret[len(secret)-1].at
	if int(last) < marks[first].name {
		return false
	}
	for _, c := range secret {
		for _, at := range []int64{c.from, c.at} {
			m := &marks[at]
			m.begins = at == first && (!m.masked || m.begins)
			m.masked = true
		}
	}
	return true
}

// newHidden returns a finder of secrets.
func newHidden(secrets []string) *hidden {
	var all [][]byte
	for _, s := range secrets {
		all = append(all, forms([]byte(s))...)
	}
	h := &hidden{secrets: secrets, classes: 1}
	for _, f := range all {
		h.longest = max(h.longest, len(f))
		for _, b := range f {
			if h.class[b] == 0 {
				h.class[b] = uint16(h.classes)
				h.classes++
			}
		}
	}
	h.grow()
	for _, f := range all {
		h.add(f)
	}
	h.link()
	h.mask = h.unused()
	return h
}

// grow adds a state and returns it.
func (h *hidden) grow() int32 {
	h.next = append(h.next, make([]int32, h.classes)...)
	h.depth, h.ends = append(h.depth, 0), append(h.ends, 0)
	return int32(len(h.depth) - 1)
}

func (h *hidden) to(state int32, b byte) *int32 {
	return &h.next[int(state)*h.classes+int(h.class[b])]
}

// add makes the states of one form; 0 is no state yet.
func (h *hidden) add(form []byte) {
	state := int32(0)
	for i, b := range form {
		if *h.to(state, b) == 0 {
			new := h.grow()
			h.depth[new] = int32(i + 1)
			*h.to(state, b) = new
		}
		state = *h.to(state, b)
	}
	h.ends[state] = int32(len(form))
}

// link says for each state where it leads with each byte: to a longer beginning
// of a form, or else to where the longest end of it leads that is one.
func (h *hidden) link() {
	fail := make([]int32, len(h.depth))
	var queue []int32
	for _, child := range h.next[:h.classes] {
		if child != 0 {
			queue = append(queue, child)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		state := queue[0]
		h.ends[state] = cmp.Or(h.ends[state], h.ends[fail[state]])
		for c := range h.classes {
			child, other := &h.next[int(state)*h.classes+c], h.next[int(fail[state])*h.classes+c]
			if *child == 0 {
				*child = other
			} else {
				fail[*child] = other
				queue = append(queue, *child)
			}
		}
	}
}

// unused returns a character that is in no form, so that redacting one secret
// cannot make another.
func (h *hidden) unused() byte {
	for _, b := range []byte("*.#-_=+~%@!&/:;,?|^<>()[]{}`0123456789XxQqZzJjKkWwVvYyHhGgFfBbPpMmUuCcDdLlRrSsNnIiOoAaTtEe") {
		if h.class[b] == 0 {
			return b
		}
	}
	return 0x1a // SUB, what ASCII has for a character that cannot be shown
}
