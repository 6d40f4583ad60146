package nodeset

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads the text of one set.
type scanner struct {
	text string
	at   int // offset of the next byte
}

func (s *scanner) end() bool { return s.at >= len(s.text) }

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) take() byte {
	s.at++
	return s.text[s.at-1]
}

func (s *scanner) space() {
	for !s.end() && strings.IndexByte(" \t\r\n", s.peek()) >= 0 {
		s.at++
	}
}

// while takes the bytes for which ok holds.
func (s *scanner) while(ok func(byte) bool) string {
	start := s.at
	for !s.end() && ok(s.peek()) {
		s.at++
	}
	return s.text[start:s.at]
}

// found says in a message what stands where something else was expected.
func (s *scanner) found() string {
	if s.end() {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.at:])
	return strconv.QuoteRune(r)
}

func (s *scanner) column(at int) int { return utf8.RuneCountInString(s.text[:at]) + 1 }

func (s *scanner) fail(format string, args ...any) *SyntaxError {
	return s.failAt(s.at, format, args...)
}

func (s *scanner) failAt(at int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Set: s.text, Column: s.column(at), Msg: fmt.Sprintf(format, args...)}
}

// word is a name with ranges in it: literal, ranges, literal, ranges, …
type word []piece

// piece is a literal text, or the ranges of one pair of brackets.
type piece struct {
	literal string
	ranges  []span
}

// span is from-to/step. Numbers are written with at least width digits.
type span struct {
	from, to, step uint64
	width          int
}

// count returns how many numbers r has, or MaxHosts+1 if there are more.
func (r span) count() int { return int(min((r.to-r.from)/r.step, MaxHosts)) + 1 }

// count returns how many names w stands for, or MaxHosts+1 if there are more.
func (w word) count() int {
	n := int64(1)
	for _, p := range w {
		if p.ranges == nil {
			continue
		}
		sum := int64(0)
		for _, r := range p.ranges {
			sum = min(sum+int64(r.count()), MaxHosts+1)
		}
		n = min(n*sum, MaxHosts+1)
	}
	return int(n)
}

// expand returns the names that w stands for.
func (w word) expand() []string {
	names := []string{""}
	for _, p := range w {
		endings := []string{p.literal}
		if p.ranges != nil {
			endings = p.numbers()
		}
		longer := make([]string, 0, len(names)*len(endings))
		for _, name := range names {
			for _, ending := range endings {
				longer = append(longer, name+ending)
			}
		}
		names = longer
	}
	return names
}

func (p piece) numbers() []string {
	var numbers []string
	for _, r := range p.ranges {
		n := r.from
		for range r.count() {
			numbers = append(numbers, fmt.Sprintf("%0*d", r.width, n))
			n += r.step
		}
	}
	return numbers
}

// word reads a name or, after an "@", that of a group: at least one byte, and no
// more than maxName bytes besides the numbers in brackets.
func (s *scanner) word() (word, error) {
	start, length := s.at, 0
	var w word
	for !s.end() {
		var p piece
		switch c := s.peek(); {
		case isNameByte(c):
			p.literal = s.while(isNameByte)
			length += len(p.literal)
		case c == '[':
			ranges, err := s.brackets()
			if err != nil {
				return nil, err
			}
			p.ranges = ranges
			length++
		case isOperator(c) || isSpace(c):
			return w, s.wordEnd(start)
		default:
			return nil, s.stray()
		}
		if w = append(w, p); length > maxName {
			return nil, s.failAt(start, "a host's name has at most %d characters", maxName)
		}
	}
	return w, s.wordEnd(start)
}

// wordEnd refuses a word that has not one byte.
func (s *scanner) wordEnd(start int) error {
	if s.at > start {
		return nil
	}
	if start > 0 && s.text[start-1] == '@' {
		return s.fail("expected the name of a group, found %s", s.found())
	}
	return s.fail("expected a host, found %s", s.found())
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n", c) >= 0 }

// stray says what is wrong with a byte that cannot be in a name.
func (s *scanner) stray() error {
	err := s.fail("%s cannot be in the name of a host", s.found())
	switch s.peek() {
	case ']':
		return s.fail("']' closes nothing").hinted("ranges are written as in web[1-20]")
	case '@':
		return err.hinted("a group begins with @; who logs in is said in the site file, or in ssh's configuration")
	case '*', '?':
		return err.hinted("hosts are named by number, as in web[1-20], or by group, as in @web; @* is all of them")
	case '(', ')':
		return err.hinted("operators are read from left to right; give what would stand in parentheses a name, as a group")
	}
	if s.peek() >= utf8.RuneSelf {
		return err.hinted("write an international name in its xn-- form")
	}
	return err
}

// brackets reads "[1-3,7,9-11/2]".
func (s *scanner) brackets() ([]span, error) {
	open := s.at
	s.take()
	var ranges []span
	for {
		r, err := s.span()
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, r)
		s.space()
		switch {
		case s.end():
			return nil, s.fail("expected ']', found the end").hinted("the bracket in column %d is not closed", s.column(open))
		case s.peek() == ']':
			s.take()
			return ranges, nil
		case s.peek() != ',':
			return nil, s.fail("expected ',' or ']' after a range, found %s", s.found())
		}
		s.take()
	}
}

// span reads "7", "1-3" or "0-10/2".
func (s *scanner) span() (span, error) {
	start := s.at
	from, fromText, err := s.number("a number")
	if err != nil {
		return span{}, err
	}
	r := span{from: from, to: from, step: 1, width: len(fromText)}
	if s.space(); s.peek() != '-' {
		return r, s.noStep()
	}
	s.take()
	to, toText, err := s.number("the last number of the range")
	if err != nil {
		return span{}, err
	}
	r.to = to
	if s.space(); s.peek() == '/' {
		s.take()
		if r.step, _, err = s.number("a step"); err != nil {
			return span{}, err
		}
	}
	return r, s.checkSpan(start, r, fromText, toText)
}

func (s *scanner) checkSpan(start int, r span, from, to string) error {
	switch {
	case r.step == 0:
		return s.failAt(start, "a range cannot go in steps of 0")
	case r.to < r.from:
		return s.failAt(start, "the range %s-%s goes down", from, to).hinted("write the smaller number first: %s-%s", to, from)
	case len(from) != len(to) && (padded(from) || padded(to)):
		return s.failAt(start, "%s and %s are not padded to the same width", from, to).
			hinted("write both with as many digits: %0*d-%0*d", max(len(from), len(to)), r.from, max(len(from), len(to)), r.to)
	}
	return nil
}

// noStep refuses "1/2".
func (s *scanner) noStep() error {
	if s.peek() != '/' {
		return nil
	}
	return s.fail("a step needs a range").hinted("write it as in 0-10/2")
}

func padded(number string) bool { return len(number) > 1 && number[0] == '0' }

// maxDigits is how long a number may be: as long as fits into 64 bits and not
// a digit more.
const maxDigits = 18

func (s *scanner) number(what string) (value uint64, text string, err error) {
	s.space()
	start := s.at
	text = s.while(isDigit)
	if text == "" {
		return 0, "", s.fail("expected %s, found %s", what, s.found())
	}
	if len(text) > maxDigits {
		return 0, "", s.failAt(start, "a number has at most %d digits", maxDigits)
	}
	value, err = strconv.ParseUint(text, 10, 64)
	return value, text, err
}
