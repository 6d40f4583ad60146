package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// forms returns the ways in which a host may print a secret in one piece: as it
// is, without its control characters, escaped as JSON and the shells do it, and
// with each byte twice, as where both the host and a program on the way echo. A
// backslash before punctuation is the views' affair.
func forms(s []byte) [][]byte {
	all := [][]byte{s}
	add := func(f string) {
		known := slices.ContainsFunc(all, func(g []byte) bool { return string(g) == f })
		if !known && len(f) >= shortest {
			all = append(all, []byte(f))
		}
	}
	text := string(s)
	add(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text))
	for _, html := range []bool{false, true} {
		quoted := jsonOf(text, html)
		for _, t := range []string{quoted, unquoted(quoted)} {
			add(t)
			add(asciiOf(t, `\u%04x`))
			add(asciiOf(t, `\u%04X`))
		}
	}
	add(strings.ReplaceAll(text, "'", `'\''`)) // in single quotes
	add(strings.ReplaceAll(text, "'", `'"'"'`))
	add(octal(text)) // in $'…'
	twice := make([]byte, 0, 2*len(s))
	for _, b := range s {
		twice = append(twice, b, b)
	}
	add(string(twice))
	return all
}

// unquoted returns a JSON text without the backslashes before punctuation.
func unquoted(text string) string { return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(text) }

// jsonOf returns text as it stands within the quotes of a JSON string.
func jsonOf(text string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(text) != nil {
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// asciiOf returns text with characters beyond ASCII written as UTF-16 by format.
func asciiOf(text, format string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, format+format, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, format, r)
		}
	}
	return b.String()
}

// octal returns text with characters beyond ASCII in octal, byte by byte.
func octal(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < utf8.RuneSelf {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}
