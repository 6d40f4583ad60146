package expect

import (
	"regexp/syntax"
	"slices"
)

// isOnLastLine tells whether all that a regular expression matches ends with the text and
// has no end of a line in it: a prompt, mostly. Then only the last line is searched, and
// not again all that is kept for each piece of output.
func isOnLastLine(expr string) bool {
	re, err := syntax.Parse(expr, syntax.Perl)
	return err == nil && endsText(re) && isWithinLine(re)
}

// endsText tells whether a match ends where the text does.
func endsText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEndText:
		return true
	case syntax.OpConcat, syntax.OpCapture:
		return endsText(re.Sub[len(re.Sub)-1])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !endsText(sub) })
	}
	return false
}

// isWithinLine tells whether no match has "\n" in it, or depends on where the text begins.
func isWithinLine(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpBeginText:
		return false
	case syntax.OpLiteral:
		return !slices.Contains(re.Rune, '\n')
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i] <= '\n' && '\n' <= re.Rune[i+1] {
				return false
			}
		}
	}
	return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !isWithinLine(sub) })
}
