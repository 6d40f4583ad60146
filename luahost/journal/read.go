package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// longest bounds a line: 16 MiB, a thousand times more than any record takes.
const longest = 16 << 20

// Read returns the records of a journal. A last line that is torn, because the
// machine lost power over it, is passed over; a line that is wrong elsewhere is
// an error that says which.
func Read(r io.Reader) ([]Record, error) {
	records, _, err := read(r)
	return records, err
}

// read is Read, and where the last whole record ends.
func read(r io.Reader) (records []Record, end int64, err error) {
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return records, end, nil // what there is of a line has no end: torn
		}
		if err != nil {
			return records, end, fmt.Errorf("line %d: %w", number, err)
		}
		var record Record
		if err := json.Unmarshal(line, &record); err != nil || record.Kind == "" {
			if isLast(lines) {
				return records, end, nil
			}
			return records, end, fmt.Errorf("line %d is no record of a journal", number)
		}
		records, end = append(records, record), end+int64(len(line))
	}
}

// readLine returns a line with its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > longest {
			return nil, errors.New("the line is too long")
		}
	}
}

// isLast tells whether nothing follows but the zeros of a file that grew before
// what was to stand there had been written.
func isLast(r *bufio.Reader) bool {
	for {
		piece, err := r.ReadSlice('\n')
		if len(bytes.Trim(piece, "\x00\n")) > 0 {
			return false
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return true
		}
	}
}
