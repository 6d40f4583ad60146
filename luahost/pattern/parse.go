package pattern

// Bounds of a pattern. Lua 5.1 has the same bound for captures, Lua 5.2 the
// same for repetitions.
const (
	maxCaptures = 32
	maxRepeats  = 200
)

const escape = '%'

// The ways in which a pattern can be wrong, in Lua's words.
const (
	errEscapeAtEnd   = SyntaxError("malformed pattern (ends with '%')")
	errNoBracket     = SyntaxError("malformed pattern (missing ']')")
	errBalance       = SyntaxError("unbalanced pattern")
	errFrontier      = SyntaxError("missing '[' after '%f' in pattern")
	errUnfinished    = SyntaxError("unfinished capture")
	errNoCapture     = SyntaxError("invalid pattern capture")
	errCaptureIndex  = SyntaxError("invalid capture index")
	errManyCaptures  = SyntaxError("too many captures")
	errTooComplex    = SyntaxError("pattern too complex")
	errEndsInReplace = SyntaxError("invalid use of '%' in replacement string")
)

// kind is what an item of a pattern matches.
type kind uint8

const (
	one      kind = iota // a character of set, as often as repeat says
	open                 // nothing; capture n begins
	shut                 // nothing; capture n ends
	position             // nothing; capture n is here
	again                // what capture n caught
	balanced             // from begin to the end that belongs to it
	frontier             // nothing, between a character outside of set and one inside
	end                  // nothing, at the end of the subject
)

type item struct {
	kind       kind
	repeat     byte // 0, '?', '*', '+' or '-'
	begin, end byte
	n          int
	set        *set
}

// parser reads a pattern from front to back.
type parser struct {
	rest     string
	items    []item
	captures int
	open     []int // the captures that have begun and not ended
	shut     [maxCaptures]bool
	repeats  int
}

func (p *parser) parse() error {
	for p.rest != "" {
		it, err := p.item()
		if err != nil {
			return err
		}
		p.items = append(p.items, it)
	}
	if len(p.open) > 0 {
		return errUnfinished
	}
	return nil
}

// item reads the next item, whose first character there is.
func (p *parser) item() (item, error) {
	switch {
	case p.skip("()"):
		n, err := p.begin()
		p.shut[n] = true
		return item{kind: position, n: n}, err
	case p.skip("("):
		n, err := p.begin()
		p.open = append(p.open, n)
		return item{kind: open, n: n}, err
	case p.skip(")"):
		return p.close()
	case p.rest == "$":
		p.rest = ""
		return item{kind: end}, nil
	case p.skip("%b"):
		return p.balanced()
	case p.skip("%f"):
		if p.rest == "" || p.rest[0] != '[' {
			return item{}, errFrontier
		}
		s, err := p.set()
		return item{kind: frontier, set: s}, err
	case len(p.rest) > 1 && p.rest[0] == escape && '0' <= p.rest[1] && p.rest[1] <= '9':
		return p.again()
	}
	return p.one()
}

// skip reads text if that is what comes next.
func (p *parser) skip(text string) bool {
	if len(p.rest) < len(text) || p.rest[:len(text)] != text {
		return false
	}
	p.rest = p.rest[len(text):]
	return true
}

// begin counts one more capture and returns its number.
func (p *parser) begin() (int, error) {
	if p.captures == maxCaptures {
		return 0, errManyCaptures
	}
	p.captures++
	return p.captures - 1, nil
}

func (p *parser) close() (item, error) {
	if len(p.open) == 0 {
		return item{}, errNoCapture
	}
	last := len(p.open) - 1
	n := p.open[last]
	p.open = p.open[:last]
	p.shut[n] = true
	return item{kind: shut, n: n}, nil
}

func (p *parser) balanced() (item, error) {
	if len(p.rest) < 2 {
		return item{}, errBalance
	}
	it := item{kind: balanced, begin: p.rest[0], end: p.rest[1]}
	p.rest = p.rest[2:]
	return it, nil
}

func (p *parser) again() (item, error) {
	n := int(p.rest[1]) - '1'
	if n < 0 || !p.shut[n] {
		return item{}, errCaptureIndex
	}
	p.rest = p.rest[2:]
	return item{kind: again, n: n}, nil
}

// one reads a character, class or set and how often it may come.
func (p *parser) one() (item, error) {
	s, err := p.set()
	it := item{kind: one, set: s}
	if err != nil || p.rest == "" {
		return it, err
	}
	switch c := p.rest[0]; c {
	case '?', '*', '+', '-':
		p.rest = p.rest[1:]
		it.repeat = c
		if p.repeats++; p.repeats > maxRepeats {
			return it, errTooComplex
		}
	}
	return it, nil
}

// set reads what stands for one character of the subject.
func (p *parser) set() (*set, error) {
	c := p.rest[0]
	p.rest = p.rest[1:]
	s := &set{}
	switch c {
	case '.':
		s.negate()
	case '[':
		return s, p.brackets(s)
	case escape:
		if p.rest == "" {
			return nil, errEscapeAtEnd
		}
		s.addClass(p.rest[0])
		p.rest = p.rest[1:]
	default:
		s.addRange(c, c)
	}
	return s, nil
}

// brackets reads the rest of a "[…]". As in Lua, a "]" that comes first stands
// for itself, and so does a "-" that has nothing or a class before it, or
// nothing after it; a "%" that ends a range stands for itself, too.
func (p *parser) brackets(s *set) error {
	negated := p.skip("^")
	length := bracketsLength(p.rest)
	if length < 0 {
		return errNoBracket
	}
	in := p.rest[:length]
	for i := 0; i < length; i++ {
		switch {
		case in[i] == escape:
			i++
			s.addClass(p.rest[i]) // the "]" after in, where a range has eaten a "%" before a "%"
		case i+2 < length && in[i+1] == '-':
			s.addRange(in[i], in[i+2])
			i += 2
		default:
			s.addRange(in[i], in[i])
		}
	}
	p.rest = p.rest[length+1:]
	if negated {
		s.negate()
	}
	return nil
}

// bracketsLength returns how much of rest stands before the "]" that ends a
// set, or -1 if none does.
func bracketsLength(rest string) int {
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] == ']' && i > 0:
			return i
		case rest[i] == escape:
			i++
		}
	}
	return -1
}

// set is a set of bytes.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *set) addRange(from, to byte) {
	for c := int(from); c <= int(to); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
}

// addAll adds the bytes for which in holds.
func (s *set) addAll(in func(byte) bool) {
	for c := range 256 {
		if in(byte(c)) {
			s[c>>6] |= 1 << (c & 63)
		}
	}
}

func (s *set) negate() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// addClass adds what %c stands for: a class, all but a class where c is its
// capital letter, or c itself.
func (s *set) addClass(c byte) {
	const toLower = 'a' - 'A'
	if in := classOf(c); in != nil {
		s.addAll(in)
	} else if in := classOf(c + toLower); 'A' <= c && c <= 'Z' && in != nil {
		s.addAll(func(c byte) bool { return !in(c) })
	} else {
		s.addRange(c, c)
	}
}

// classOf returns the class of a letter as the C locale has it, or nil.
func classOf(letter byte) func(byte) bool {
	switch letter {
	case 'a':
		return isLetter
	case 'c':
		return func(c byte) bool { return c < ' ' || c == 0x7f }
	case 'd':
		return isDigit
	case 'l':
		return isLower
	case 'p':
		return func(c byte) bool { return '!' <= c && c <= '~' && !isLetter(c) && !isDigit(c) }
	case 's':
		return func(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
	case 'u':
		return isUpper
	case 'w':
		return func(c byte) bool { return isLetter(c) || isDigit(c) }
	case 'x':
		return func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
	case 'z':
		return func(c byte) bool { return c == 0 }
	}
	return nil
}

func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool { return isLower(c) || isUpper(c) }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
