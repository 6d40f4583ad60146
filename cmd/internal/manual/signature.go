package manual

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// Signature is the line that shows how a function is called and what comes
// back.
type Signature struct {
	Line    string // as it is written
	Owner   string // the module, or the type of a method
	Name    string
	Method  bool
	Params  []Param
	Results []Param
}

// Param is an argument or a result.
type Param struct {
	Name     string // or "..."
	Optional bool   // an argument that may be missing, a result that may be nil
}

// FullName is how the manual calls the function: "farm.each", "host:run".
func (s Signature) FullName() string {
	if s.Method {
		return s.Owner + ":" + s.Name
	}
	return s.Owner + "." + s.Name
}

// takes tells whether an argument has the name.
func (s Signature) takes(name string) bool {
	return slices.ContainsFunc(s.Params, func(p Param) bool { return p.Name == name })
}

var (
	signature = lazyregexp.New(`^([a-z]\w*)([.:])([a-z]\w*)(\(.*?\)|\{.*\})( -> (.+))?$`)
	likely    = lazyregexp.New(`^[a-z]\w*[.:][a-z]\w*[({]`)
	word      = lazyregexp.New(`^([a-z]\w*|\.\.\.)$`)
)

// parseSignature reads a signature.
func parseSignature(line string) (Signature, error) {
	m := signature().FindStringSubmatch(line)
	if m == nil {
		return Signature{}, fmt.Errorf("%q is no signature: want MODULE.NAME(ARGUMENTS) -> RESULTS", line)
	}
	s := Signature{Line: line, Owner: m[1], Method: m[2] == ":", Name: m[3]}
	if strings.HasPrefix(m[4], "{") {
		s.Params = []Param{{Name: "options"}}
	} else if err := parseParams(m[4][1:len(m[4])-1], &s.Params); err != nil {
		return Signature{}, fmt.Errorf("%q: %w", line, err)
	}
	for result := range strings.SplitSeq(m[6], ",") {
		result, optional := strings.CutSuffix(strings.Trim(result, " []"), " or nil")
		if result != "" {
			s.Results = append(s.Results, Param{result, optional})
		}
	}
	return s, nil
}

// parseParams reads "hosts [, options], work": what stands in brackets may be
// missing.
func parseParams(list string, params *[]Param) error {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	depth := 0
	for item := range strings.SplitSeq(list, ",") {
		at := strings.IndexFunc(item, func(r rune) bool { return !strings.ContainsRune(" []", r) })
		before, name := item[:max(at, 0)], strings.Trim(item, " []")
		if !word().MatchString(name) {
			return fmt.Errorf("%q cannot be the name of an argument", name)
		}
		*params = append(*params, Param{name, depth+nested(before) > 0})
		depth += nested(item)
	}
	if depth != 0 {
		return errors.New("brackets do not match")
	}
	return nil
}

// nested is how many more brackets are opened than closed.
func nested(s string) int { return strings.Count(s, "[") - strings.Count(s, "]") }
