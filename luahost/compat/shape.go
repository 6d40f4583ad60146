package compat

import "fmt"

// mostLevels is how many brackets and blocks may stand in each other, as in Lua 5.1.
const mostLevels = 200

// shape has the facts about a source that its syntax tree lacks.
type shape struct {
	// functions tells of each local statement, in the source's order, whether
	// it is a local function, whose name its own body sees.
	functions []bool
	// calls are the lines of the arguments' beginnings of all calls, in the
	// source's order: those that Lua 5.1 names in errors.
	calls []int
}

// outline reads the tokens of a source. Its error is a *problem: source that
// lua5.1 refuses and gopher-lua takes.
func outline(source string) (*shape, error) {
	o := outliner{scanner: scanner{source: source, line: 1}}
	for {
		t, err := o.scanner.next()
		if err != nil {
			return nil, err
		}
		if err := o.take(t); err != nil {
			return nil, err
		}
		if t.kind == end {
			return &o.shape, nil
		}
		o.last = t
	}
}

// outliner follows brackets and blocks from token to token.
type outliner struct {
	scanner scanner
	shape   shape
	last    token
	open    []opening
	// callable tells that an expression ends here which "(" would call.
	callable bool
	// naming tells that the tokens name something new: behind function up to
	// its parameters' end, behind local up to the first token that is no name.
	naming naming
}

type naming byte

const (
	nothing naming = iota
	locals
	function
)

// opening is a bracket or a block that is open.
type opening struct {
	token
	callable bool // before it
	waits    bool // for the do that belongs to it
}

var closers = map[string]string{
	"(": ")", "{": "}", "[": "]", "repeat": "until",
	"function": "end", "if": "end", "do": "end", "while": "end", "for": "end",
}

func (o *outliner) take(t token) error {
	before := o.callable
	o.callable = false
	switch t.kind {
	case end:
		return o.unclosed()
	case name:
		if o.naming == locals && o.last.kind == name { // of the next statement
			o.naming = nothing
		}
		o.callable = o.naming == nothing
	case text:
		o.callable = before
		o.call(before, o.scanner.line)
	case symbol:
		if len(o.open) > mostLevels {
			return &problem{t.line, fmt.Sprintf("more than %d brackets and blocks within each other: make functions of some", mostLevels)}
		}
		return o.symbol(t, before)
	}
	if t.kind != name && o.naming == locals {
		o.naming = nothing
	}
	return nil
}

func (o *outliner) symbol(t token, before bool) error {
	if o.naming == locals && t.text != "," {
		o.naming = nothing
	}
	switch t.text {
	case "goto", "::":
		return &problem{t.line, "goto and labels are not in Lua 5.1: use a loop with break, or a function with return"}
	case ";", ",":
		if o.atStart() {
			return &problem{t.line, fmt.Sprintf("unexpected symbol near %q: remove it", t.text)}
		}
	case "local":
		o.shape.functions = append(o.shape.functions, false)
		o.naming = locals
	case "function":
		if o.last.text == "local" {
			o.shape.functions[len(o.shape.functions)-1] = true
		}
		o.naming = function
		o.push(t, before)
	case "(":
		if t.fresh && before && o.naming == nothing {
			return &problem{t.line, "ambiguous syntax (function call x new statement): begin the statement with a name, or end the line before it with \";\""}
		}
		o.call(before && o.naming == nothing, t.line)
		o.push(t, before)
	case "{":
		o.call(before, t.line)
		o.push(t, before)
	case "if", "repeat", "[":
		o.push(t, before)
	case "while", "for":
		o.push(t, before)
		o.open[len(o.open)-1].waits = true
	case "do":
		if n := len(o.open); n > 0 && o.open[n-1].waits {
			o.open[n-1].waits = false
		} else {
			o.push(t, before)
		}
	case ")", "}", "]", "end", "until":
		o.pop(t)
	}
	return nil
}

// call notes a call, if is, whose arguments begin on a line.
func (o *outliner) call(is bool, line int) {
	if is {
		o.shape.calls = append(o.shape.calls, line)
	}
}

func (o *outliner) push(t token, callable bool) {
	o.open = append(o.open, opening{token: t, callable: callable})
}

// pop closes the innermost bracket or block. A wrong closer is left to the
// parser.
func (o *outliner) pop(t token) {
	if len(o.open) == 0 {
		return
	}
	o.callable = t.text == ")" || t.text == "]" || t.text == "}" && o.open[len(o.open)-1].callable
	o.open = o.open[:len(o.open)-1]
	if o.naming == function && t.text == ")" {
		o.naming, o.callable = nothing, false
	}
}

// atStart tells whether a statement or an item must begin here, so that ";" or
// "," ends none.
func (o *outliner) atStart() bool {
	switch o.last.text {
	case "", ";", ",", "do", "then", "else", "repeat":
		return o.last.kind != text
	}
	return false
}

// unclosed says at the end of the source which bracket or block is still open.
func (o *outliner) unclosed() error {
	if len(o.open) == 0 {
		return nil
	}
	innermost := o.open[len(o.open)-1]
	return &problem{innermost.line, fmt.Sprintf("no %q closes the %q of this line", closers[innermost.text], innermost.text)}
}
