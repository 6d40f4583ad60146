package remotetest

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
)

// Cases are the random cases of a test, each by a seed of its own.
type Cases struct {
	Count *int
	seed  *uint64
}

// NewCases returns those that flags are for: -NAME is how many there are, and -NAME.seed
// the seed of the first. By default these are the same each time; 0 is another one.
func NewCases(name string, count int, usage string) Cases {
	return Cases{
		Count: flag.Int(name, count, usage),
		seed:  flag.Uint64(name+".seed", 1, "the seed of the first of them; 0 is a random one"),
	}
}

// Run has part try the cases of seeds, four parts side by side, and returns when all
// are over. A part that fails gets no more.
func (c Cases) Run(t *testing.T, part func(t *testing.T, n int, seeds iter.Seq[uint64])) {
	t.Helper()
	first := *c.seed
	if first == 0 {
		first = rand.Uint64() >> 1
	}
	t.Logf("the first seed is %d", first)
	t.Run("cases", func(t *testing.T) {
		const parts = 4
		for n := range parts {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				part(t, n, func(yield func(uint64) bool) {
					for i := n; i < *c.Count && !t.Failed() && yield(first+uint64(i)); i += parts {
					}
				})
			})
		}
	})
}
