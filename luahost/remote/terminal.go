package remote

import (
	"cmp"
	"io"
	"time"
)

// Terminal is a terminal on a host, and in it what the host begins there: a
// shell, or the dialogue that leads to one. Close ends it, and with it a Read
// and a Write that are under way. One goroutine may read while another writes.
type Terminal interface {
	io.ReadWriteCloser
	// The deadlines are as those of net.Conn; a Read or Write that one ends
	// fails with os.ErrDeadlineExceeded and may be tried again.
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	// Resize tells the host how large the terminal is now.
	Resize(rows, columns int) error
	// Break presses the terminal's break key: a console is told by it to listen to
	// nobody else. It fails with errors.ErrUnsupported where the line has none.
	Break() error
}

// Ended is a terminal that can tell how its shell or program has ended, once a
// Read has failed with io.EOF, or after Close: the exit status, -1 if that is not known,
// and the signal that ended it, such as "TERM", or "". Those of ssh and of local programs
// are such.
type Ended interface {
	Code() int
	Signal() string
}

// TerminalAs returns t as a T, or the first that is one of those that t is made of, by
// their method Unwrap() Terminal. It returns false if there is none.
func TerminalAs[T any](t any) (T, bool) {
	for {
		if is, ok := t.(T); ok {
			return is, true
		}
		outer, ok := t.(interface{ Unwrap() Terminal })
		if !ok {
			var none T
			return none, false
		}
		t = outer.Unwrap()
	}
}

// TerminalOptions say which terminal a host is told it has.
type TerminalOptions struct {
	// Term is its type, as in terminfo(5); "" is "dumb", for which most
	// programs use no escapes.
	Term string
	// Rows and Columns are its size; 0 is 24 and 1000. Many programs wrap what
	// they say, and their echo, at its width.
	Rows, Columns int
}

// WithDefaults returns o with its zero values replaced by what they stand for.
func (o TerminalOptions) WithDefaults() TerminalOptions {
	return TerminalOptions{
		Term:    cmp.Or(o.Term, "dumb"),
		Rows:    cmp.Or(o.Rows, 24),
		Columns: cmp.Or(o.Columns, 1000),
	}
}
