// Package lazyregexp has regular expressions that cost nothing until they are
// used. farmrun is started for one command far more often than it reads what
// cvs or sudo has to complain about.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns what compiles expr when it is first called, and gives that same
// expression ever after. It may be called by several goroutines at once, and
// panics when it is called if expr is wrong, as regexp.MustCompile does.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
