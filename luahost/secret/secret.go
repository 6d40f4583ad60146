// Package secret keeps passwords from being seen, from being used more than is
// safe, and from going where they do not belong: a Secret does not print, and a
// Keyring asks for each password once, when the first host wants it, lets one host
// try it before any other does, and gives it to the hosts of one group only. Whose
// secret a host gets is for the caller to say, never for the host: Question.Check
// compares the host's question with that.
//
// A secret that a host prints all the same is redacted on its way to the operator
// and into files: Keyring.Mask does it for a text, a Masker for a stream. Whole
// secrets go, however they are wrapped and escaped, and nothing else.
package secret

import "fmt"

// Secret is a password or passphrase. It prints as "(secret)" whatever the
// verb, and has no other way out than Reveal. The zero value is the empty
// password. A Secret may be copied and shared.
type Secret struct {
	// A pointer, since fmt and others that look into a struct with a Secret in
	// an unexported field cannot call its methods: they print an address.
	text *string
}

// New returns text as a secret.
func New(text string) Secret { return Secret{&text} }

// Reveal returns the text. Call it only where the text goes to a host.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Format prints "(secret)" for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, mask) }

// MarshalText keeps encoders from looking inside.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

const mask = "(secret)"
