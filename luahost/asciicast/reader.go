package asciicast

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrFormat is wrapped by what a Reader returns for a file that is no
// recording, or one of another version.
var ErrFormat = errors.New("not an asciicast of version 2")

// Reader reads a recording. It belongs to one goroutine at a time.
type Reader struct {
	Header Header

	lines *bufio.Reader
	line  int
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	rd := &Reader{lines: bufio.NewReader(r)}
	line, err := rd.next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	var h header
	if json.Unmarshal(line, &h) != nil || h.Version != version {
		return nil, ErrFormat
	}
	rd.Header = Header{
		Columns: h.Width, Rows: h.Height, Title: h.Title, Env: h.Env, Idle: duration(h.Idle),
	}
	if h.Timestamp != 0 {
		rd.Header.Began = time.Unix(h.Timestamp, 0)
	}
	return rd, nil
}

// Next returns the next event. At the end it fails with io.EOF, also where the
// last line is torn, since the recorder was killed or its disk was full.
func (r *Reader) Next() (Event, error) {
	line, err := r.next()
	if err != nil && (err != io.EOF || len(line) == 0) {
		return Event{}, err
	}
	event, wrong := parse(line)
	switch {
	case wrong == nil:
		return event, nil
	case err == io.EOF: // nothing, not even a line end, follows
		return Event{}, io.EOF
	}
	return Event{}, fmt.Errorf("line %d: %w: %w", r.line, ErrFormat, wrong)
}

// next returns the next line that is not empty.
func (r *Reader) next() ([]byte, error) {
	for {
		line, err := r.lines.ReadBytes('\n')
		r.line++
		if err != nil || len(line) > 1 {
			return line, err
		}
	}
}

// parse reads the line of an event, which may have more fields than are known.
func parse(line []byte) (Event, error) {
	var fields []json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return Event{}, err
	}
	if len(fields) < 3 {
		return Event{}, errors.New("an event has three fields")
	}
	var seconds float64
	var e Event
	err := errors.Join(
		json.Unmarshal(fields[0], &seconds),
		json.Unmarshal(fields[1], &e.Kind),
		json.Unmarshal(fields[2], &e.Text))
	e.At = duration(seconds)
	return e, err
}

// duration returns seconds that may be nonsense: nobody waits for more than a
// year.
func duration(seconds float64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(max(0, min(seconds, year.Seconds())) * float64(time.Second))
}
