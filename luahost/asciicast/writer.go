package asciicast

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// Writer writes a recording as it happens. It belongs to one goroutine at a
// time.
type Writer struct {
	to    io.Writer
	began time.Time
	line  bytes.Buffer // reused
	// rest is, of each kind, the beginning of a character whose other bytes are
	// to come.
	rest map[Kind][]byte
}

// NewWriter writes the header to w and returns a Writer of what follows. If
// h.Began is the zero time, it begins now.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if h.Began.IsZero() {
		h.Began = time.Now()
	}
	line, err := json.Marshal(header{
		Version: version, Width: h.Columns, Height: h.Rows, Timestamp: h.Began.Unix(),
		Title: h.Title, Idle: h.Idle.Seconds(), Env: h.Env,
	})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	return &Writer{to: w, began: h.Began, rest: map[Kind][]byte{}}, nil
}

// Output writes that the terminal was sent text. A character that text ends in
// the middle of is written with the next text; bytes that are no UTF-8 are
// written as U+FFFD each, for JSON has no bytes.
func (w *Writer) Output(text []byte) error { return w.text(Output, text) }

// Input writes that text was typed, as Output does.
func (w *Writer) Input(text []byte) error { return w.text(Input, text) }

// Write is Output, for whoever wants an io.Writer.
func (w *Writer) Write(text []byte) (int, error) {
	if err := w.Output(text); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Resize writes that the terminal has another size now.
func (w *Writer) Resize(columns, rows int) error {
	return w.event(Resized, fmt.Appendf(nil, "%dx%d", columns, rows))
}

// Close writes what is left of a character whose other bytes never came. What
// w writes to stays open.
func (w *Writer) Close() error {
	for kind, rest := range w.rest {
		delete(w.rest, kind)
		if err := w.event(kind, rest); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) text(kind Kind, text []byte) error {
	if rest := w.rest[kind]; len(rest) > 0 {
		text = append(rest, text...)
		delete(w.rest, kind)
	}
	if n := torn(text); n > 0 {
		w.rest[kind] = bytes.Clone(text[len(text)-n:])
		text = text[:len(text)-n]
	}
	if len(text) == 0 {
		return nil
	}
	return w.event(kind, text)
}

// torn returns how many bytes at the end of text begin a character that they
// do not end.
func torn(text []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(text)); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// event writes the line of one event.
func (w *Writer) event(kind Kind, text []byte) error {
	w.line.Reset()
	w.line.WriteByte('[')
	seconds := strconv.AppendFloat(w.line.AvailableBuffer(), time.Since(w.began).Seconds(), 'f', 6, 64)
	w.line.Write(seconds)
	w.line.WriteString(`, "` + string(kind) + `", `)
	encoder := json.NewEncoder(&w.line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(string(text)); err != nil {
		return err
	}
	w.line.Truncate(w.line.Len() - 1) // Encode ends the line
	w.line.WriteString("]\n")
	_, err := w.to.Write(w.line.Bytes())
	return err
}
