package compat

import (
	"fmt"
	"strings"

	"farmrun/luahost/lualib/arg"
)

// kind is the sort of a token. Reserved words and operators are tokens of their
// own kind, told apart by their text.
type kind byte

const (
	end kind = iota
	name
	number
	text
	symbol // operators and reserved words
)

// token is one token of Lua's source.
type token struct {
	kind kind
	text string // empty for strings
	line int
	// fresh tells that a line ends between this token and the one before it.
	fresh bool
}

// isReserved tells whether a word cannot name a variable. goto is one for
// gopher-lua, though not for Lua 5.1.
func isReserved(word string) bool {
	switch word {
	case "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
		"local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while":
		return true
	}
	return false
}

// scanner cuts source into tokens, by the rules of Lua 5.1's reference manual,
// section 2.1. gopher-lua's own scanner loses the ends of lines and takes
// numbers and escapes that Lua 5.1 refuses.
type scanner struct {
	source string
	at     int
	line   int
}

// problem is a refusal, with its place in the source.
type problem struct {
	line    int
	message string
}

func (p *problem) Error() string { return p.message }

// next returns the next token; after the last it returns one of kind end.
func (s *scanner) next() (token, error) {
	before := s.line
	if err := s.skip(); err != nil {
		return token{}, err
	}
	t := token{line: s.line, fresh: s.line != before}
	if s.at == len(s.source) {
		return t, nil
	}
	start := s.at
	var err error
	switch c := s.source[s.at]; {
	case isLetter(c):
		t.kind = s.word(start)
	case isDigit(c), c == '.' && isDigit(s.peek(1)):
		t.kind = number
		err = s.number(start)
	case c == '"' || c == '\'':
		t.kind = text
		err = s.quoted(c)
	case c == '[' && s.level() >= 0:
		t.kind = text
		err = s.long("string")
	default:
		t.kind = symbol
		s.at += operator(s.source[s.at:])
	}
	if t.kind != text {
		t.text = s.source[start:s.at]
	}
	return t, err
}

// peek returns the byte n behind the present one, or 0.
func (s *scanner) peek(n int) byte {
	if s.at+n >= len(s.source) {
		return 0
	}
	return s.source[s.at+n]
}

// skip passes over white space and comments.
func (s *scanner) skip() error {
	for s.at < len(s.source) {
		switch c := s.source[s.at]; {
		case c == '\n':
			s.line++
			s.at++
		case c == ' ' || c >= '\t' && c <= '\r':
			s.at++
		case c == '-' && s.peek(1) == '-':
			if err := s.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (s *scanner) comment() error {
	s.at += 2
	if s.level() >= 0 {
		return s.long("comment")
	}
	for s.at < len(s.source) && s.source[s.at] != '\n' {
		s.at++
	}
	return nil
}

func (s *scanner) word(start int) kind {
	for isLetter(s.peek(0)) || isDigit(s.peek(0)) {
		s.at++
	}
	if isReserved(s.source[start:s.at]) {
		return symbol
	}
	return name
}

// number reads as lua5.1 does: all letters, digits and points in a row, of
// which it then asks whether they are a number.
func (s *scanner) number(start int) error {
	for c := s.peek(0); isLetter(c) || isDigit(c) || c == '.'; c = s.peek(0) {
		s.at++
		if (c == 'e' || c == 'E') && (s.peek(0) == '+' || s.peek(0) == '-') {
			s.at++
		}
	}
	if _, ok := arg.ParseNumber(s.source[start:s.at]); !ok {
		return &problem{s.line, fmt.Sprintf("malformed number near %q", s.source[start:s.at])}
	}
	return nil
}

// quoted passes over a string in quotes.
func (s *scanner) quoted(quote byte) error {
	first := s.line
	for s.at++; s.peek(0) != quote; s.at++ {
		if s.at >= len(s.source) || s.source[s.at] == '\n' {
			return &problem{first, "unfinished string"}
		}
		if s.source[s.at] != '\\' {
			continue
		}
		if err := s.escape(); err != nil {
			return err
		}
	}
	s.at++
	return nil
}

// escape passes over a backslash and all but the last byte of the sequence that
// it begins.
func (s *scanner) escape() error {
	s.at++
	if s.peek(0) == '\r' && s.peek(1) == '\n' {
		s.at++
	}
	if s.peek(0) == '\n' {
		s.line++
	}
	value, digits := 0, 0
	for ; digits < 3 && isDigit(s.peek(digits)); digits++ {
		value = value*10 + int(s.peek(digits)-'0')
	}
	if value > 255 {
		return &problem{s.line, fmt.Sprintf("escape sequence too large near \"\\%d\"", value)}
	}
	s.at += max(0, digits-1)
	return nil
}

// level returns the number of equals signs in a long bracket that opens here,
// or -1 if none does.
func (s *scanner) level() int {
	if s.peek(0) != '[' {
		return -1
	}
	n := 1
	for s.peek(n) == '=' {
		n++
	}
	if s.peek(n) != '[' {
		return -1
	}
	return n - 1
}

// long passes over a long string or comment.
func (s *scanner) long(what string) error {
	closing := "]" + strings.Repeat("=", s.level()) + "]"
	length := strings.Index(s.source[s.at:], closing)
	if length < 0 {
		return &problem{s.line, fmt.Sprintf("unfinished long %s", what)}
	}
	s.line += strings.Count(s.source[s.at:s.at+length], "\n")
	s.at += length + len(closing)
	return nil
}

// operator returns the length of the operator that source begins with.
func operator(source string) int {
	if strings.HasPrefix(source, "...") {
		return 3
	}
	switch source[:min(2, len(source))] {
	case "..", "==", "~=", "<=", ">=", "::":
		return 2
	}
	return 1
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
