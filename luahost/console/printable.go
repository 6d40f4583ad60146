package console

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text with everything that a terminal would obey rather
// than show, and every byte that is no UTF-8, written as \xNN or \u{NN}. Line
// ends and tabs stay.
func Printable(text []byte) []byte { return printable(text, utf8.RuneError) }

// harmless is Printable for files and pipes, which may be in another character set:
// letters that are no UTF-8 stay.
func harmless(text []byte) []byte { return printable(text, 0xa0) }

// printable leaves bytes that are no UTF-8 as they are from letters on.
func printable(text []byte, letters rune) []byte {
	if isPrintable(text) {
		return text
	}
	var b bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		bad := r == utf8.RuneError && size == 1
		switch {
		case bad && rune(text[0]) < letters, r < 0x80 && !shown(r):
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case !bad && !shown(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.Write(text[:size])
		}
		text = text[size:]
	}
	return b.Bytes()
}

// bar begins a line that is a host's.
const bar = "    | "

// Quoted returns a host's text, made printable, with a bar before each line and
// a line end behind the last, so that none can be taken for a line of farmrun's.
// Of no text there are no lines.
func Quoted(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\r\n")) {
		b.WriteString(bar + string(Printable([]byte(strings.TrimRight(line, "\r\n")))) + "\n")
	}
	return b.String()
}

func isPrintable(text []byte) bool {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 || !shown(r) {
			return false
		}
		text = text[size:]
	}
	return true
}

func shown(r rune) bool {
	return r == '\n' || r == '\t' || unicode.IsGraphic(r)
}
