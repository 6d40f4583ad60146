// Package asciicast writes, reads and replays recordings of terminals in the
// asciicast format, version 2, as asciinema does:
// https://docs.asciinema.org/manual/asciicast/v2/.
//
//	w, err := asciicast.NewWriter(file, asciicast.Header{Columns: 80, Rows: 24})
//	w.Output([]byte("login: "))
//	err = w.Close()
//
// A recording is a file of lines of JSON. The first is the [Header], each
// further one an [Event]: how many seconds after the beginning, what happened,
// and a text that belongs to it. The line of an event is written in one piece
// and at once, so a recording that was broken off lacks at most its last event,
// and a [Reader] reads it nevertheless. A [Player] replays what was shown.
//
// The package writes what it is given: keeping secrets out of it is the
// caller's affair, before the bytes get here.
package asciicast

import "time"

// Header says of what a recording is.
type Header struct {
	Columns, Rows int       // of the terminal, when the recording began
	Began         time.Time // the zero time is unknown
	Title         string    // "" is none
	// Idle is the longest pause in a replay; 0 replays every pause as it was.
	Idle time.Duration
	// Env is what of the program's environment explains how the terminal
	// looks, such as TERM.
	Env map[string]string
}

// Event is one thing that happened in a terminal.
type Event struct {
	At   time.Duration // since the beginning
	Kind Kind
	Text string // what was shown or typed; of Resized, such as "80x24"
}

// Kind says what happened. There may be others than those named here, which a
// reader is to pass over.
type Kind string

// The kinds.
const (
	Output  Kind = "o" // the terminal was sent text to show
	Input   Kind = "i" // text was typed
	Resized Kind = "r" // the terminal got another size: columns, "x", rows
	Marked  Kind = "m" // somebody set a mark; the text names it
)

// version is that of the format.
const version = 2

// header is a Header as it is written.
type header struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Title     string            `json:"title,omitempty"`
	Idle      float64           `json:"idle_time_limit,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
}
