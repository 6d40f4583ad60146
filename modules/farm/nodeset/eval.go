package nodeset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// hosts is a set without an order.
type hosts map[string]struct{}

// evaluation is one Parse: of a set and of the sets of all groups in it.
type evaluation struct {
	groups Groups
	left   int              // how many hosts the parts may still name
	known  map[string]hosts // the groups worked out so far
	within []string         // the groups being worked out, outermost first
}

// eval returns the hosts of a set, which may be none.
func (e *evaluation) eval(set string) (hosts, error) {
	s := &scanner{text: set}
	s.space()
	if s.end() {
		return hosts{}, nil
	}
	sum, err := e.operand(s)
	for s.space(); err == nil && !s.end(); s.space() {
		if !isOperator(s.peek()) {
			return nil, s.fail("expected an operator, found %s", s.found()).hinted("separate hosts by commas")
		}
		op := s.take()
		s.space()
		var operand hosts
		if operand, err = e.operand(s); err == nil {
			sum = combine(op, sum, operand)
		}
	}
	return sum, err
}

func isOperator(c byte) bool { return strings.IndexByte(",!&^", c) >= 0 }

// combine returns a op b, for which it may change both. A large set that others are
// taken from one after the other is not walked for each.
func combine(op byte, a, b hosts) hosts {
	switch op {
	case '!':
		for name := range b {
			delete(a, name)
		}
	case '&':
		if len(a) > len(b) {
			a, b = b, a
		}
		maps.DeleteFunc(a, func(name string, _ struct{}) bool { return !b.has(name) })
	case '^':
		for name := range b {
			if a.has(name) {
				delete(a, name)
			} else {
				a[name] = struct{}{}
			}
		}
	default:
		maps.Copy(a, b)
	}
	return a
}

func (h hosts) has(name string) bool {
	_, ok := h[name]
	return ok
}

// operand reads a group or a name with its ranges. The set is the caller's to
// change.
func (e *evaluation) operand(s *scanner) (hosts, error) {
	if s.peek() == '@' {
		return e.group(s)
	}
	start := s.at
	names, err := e.names(s)
	if err != nil {
		return nil, err
	}
	set := make(hosts, len(names))
	for _, name := range names {
		if why := invalid(name); why != "" {
			return nil, s.failAt(start, "%q cannot be the name of a host: %s", name, why)
		}
		set[name] = struct{}{}
	}
	return set, nil
}

// names reads a word with ranges in it and returns what it stands for.
func (e *evaluation) names(s *scanner) ([]string, error) {
	start := s.at
	w, err := s.word()
	if err != nil {
		return nil, err
	}
	if !e.spend(w.count()) {
		return nil, s.tooLarge(start)
	}
	return w.expand(), nil
}

// spend counts n hosts against the most that a set may name.
func (e *evaluation) spend(n int) bool {
	e.left -= min(n, e.left+1)
	return e.left >= 0
}

// group reads "@" and what follows it.
func (e *evaluation) group(s *scanner) (hosts, error) {
	start := s.at
	s.take()
	if !s.end() && s.peek() == '*' {
		s.take()
		return e.all(s, start)
	}
	names, err := e.names(s)
	if err != nil {
		return nil, err
	}
	union := hosts{}
	for _, name := range names {
		members, err := e.members(s, start, name)
		if err != nil {
			return nil, err
		}
		if !e.spend(len(members)) {
			return nil, s.tooLarge(start)
		}
		maps.Copy(union, members)
	}
	return union, nil
}

// all returns the hosts of @*, whose "@" is at start.
func (e *evaluation) all(s *scanner, start int) (hosts, error) {
	if e.groups.All == nil {
		return nil, s.failAt(start, "@* stands for all hosts of the site, and there is no site file")
	}
	names := e.groups.All()
	if !e.spend(len(names)) {
		return nil, s.tooLarge(start)
	}
	set := make(hosts, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set, nil
}

// members returns the hosts of one group, whose "@" is at start.
func (e *evaluation) members(s *scanner, start int, name string) (hosts, error) {
	if set, ok := e.known[name]; ok {
		return set, nil
	}
	if slices.Contains(e.within, name) {
		circle := append(slices.Clone(e.within), name)
		return nil, s.failAt(start, "group @%s is defined by itself: @%s", name, strings.Join(circle, " → @"))
	}
	text, ok := e.find(name)
	if !ok {
		return nil, e.unknown(s, start, name)
	}
	e.within = append(e.within, name)
	set, err := e.eval(text)
	e.within = e.within[:len(e.within)-1]
	var inner *GroupError
	if err != nil && !errors.As(err, &inner) { // the innermost is the one to mend
		err = &GroupError{Name: name, Err: err}
	}
	if err != nil {
		return nil, err
	}
	e.known[name] = set
	return set, nil
}

func (e *evaluation) find(name string) (string, bool) {
	if e.groups.Find == nil {
		return "", false
	}
	return e.groups.Find(name)
}

func (e *evaluation) unknown(s *scanner, start int, name string) error {
	err := &UnknownGroupError{Set: s.text, Column: s.column(start), Name: name}
	if e.groups.Names != nil {
		err.Known = slices.Sorted(slices.Values(e.groups.Names()))
	}
	return err
}

func (s *scanner) tooLarge(at int) error {
	err := s.failAt(at, "this makes it %v", ErrSize)
	err.err = ErrSize
	return err
}

func (e *SyntaxError) hinted(format string, args ...any) *SyntaxError {
	e.hint = fmt.Sprintf(format, args...)
	return e
}
