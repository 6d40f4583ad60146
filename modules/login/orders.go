package login

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// mostText is how much a line of an order carries. Terminals in between may
// have a bound of their own: POSIX lets it be as small as 255.
const mostText = 200

// scriptOrders are those by which the driver gets a script.
func scriptOrders(script string) []byte {
	var b bytes.Buffer
	for {
		line, rest, more := strings.Cut(script, "\n")
		scriptLine(&b, line, more)
		if !more {
			return b.Bytes()
		}
		script = rest
	}
}

// scriptLine writes the orders for a line, or for the end that has no line end.
func scriptLine(b *bytes.Buffer, line string, whole bool) {
	plain := isPlain(line)
	for len(line) > mostText {
		piece := line[:mostText]
		line = line[mostText:]
		scriptPiece(b, piece, plain)
	}
	switch {
	case plain && whole:
		b.WriteString("s" + line + "\n")
	default:
		scriptPiece(b, line, plain)
		if whole {
			b.WriteString("s\n")
		}
	}
}

func scriptPiece(b *bytes.Buffer, piece string, plain bool) {
	if plain {
		b.WriteString("t" + piece + "\n")
		return
	}
	b.WriteByte('e')
	writeFormat(b, []byte(piece))
	b.WriteByte('\n')
}

// isPlain tells whether line has only bytes that every terminal passes on.
func isPlain(line string) bool {
	for i := range len(line) {
		if line[i] < ' ' && line[i] != '\t' || line[i] > '~' {
			return false
		}
	}
	return true
}

// writeFormat writes text as a format of printf(1): its line ends and controls
// as octal escapes, and so the "-" that an option begins with.
func writeFormat(b *bytes.Buffer, text []byte) {
	for i, c := range text {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c > '~' || c == '\\' || i == 0 && c == '-':
			fmt.Fprintf(b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
}

// fewBytes is up to where input goes by printf, which costs the host no
// process, although base64 was to be had.
const fewBytes = 512

// inputOrders are those by which a command gets a piece of its input.
func inputOrders(piece []byte, base64s bool) []byte {
	var b bytes.Buffer
	if base64s && len(piece) > fewBytes {
		return []byte("b" + base64.StdEncoding.EncodeToString(piece) + "\n")
	}
	for len(piece) > 0 {
		n := min(mostText/4, len(piece))
		b.WriteByte('p')
		writeFormat(&b, piece[:n])
		b.WriteByte('\n')
		piece = piece[n:]
	}
	return b.Bytes()
}
