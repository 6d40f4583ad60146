package remote

import "strings"

// SaidBy returns a host's words that the text of err may have in it: as err, and
// every error that it wraps, tells them by a method Said or Output, a line each; ""
// is none. Secrets that may be farmrun's own words are redacted in those alone.
func SaidBy(err error) string {
	var all []string
	tell := func(said string) {
		if said = strings.TrimSpace(said); said != "" {
			all = append(all, said)
		}
	}
	if s, is := err.(interface{ Said() string }); is {
		tell(s.Said())
	}
	if o, is := err.(interface{ Output() string }); is {
		tell(o.Output())
	}
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		tell(SaidBy(w.Unwrap()))
	case interface{ Unwrap() []error }:
		for _, e := range w.Unwrap() {
			tell(SaidBy(e))
		}
	}
	return strings.Join(all, "\n")
}

// Quoting returns err, whose text has said in it, which is a host's.
func Quoting(said string, err error) error { return &quoting{err, said} }

type quoting struct {
	error
	said string
}

func (q *quoting) Said() string  { return q.said }
func (q *quoting) Unwrap() error { return q.error }

// Said returns the last lines of the command's output.
func (e *ExitError) Said() string { return e.LastSaid(saidLines) }

// saidLines is how many lines of a host's output an error may have in its text.
const saidLines = 10
