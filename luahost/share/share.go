// Package share reads how many of some hosts an operator means who writes a
// share: a number of them, "5", or a part of all, "25%".
package share

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Of returns how many of all hosts text means. A part is rounded down, for it is
// written where more would be too many, but it is never less than 1. A number
// may be greater than all. The error says what a share looks like.
func Of(text string, all int) (int, error) {
	if percent, isPart := strings.CutSuffix(text, "%"); isPart {
		part, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(part > 0 && part <= 100) { // NaN is neither
			return 0, wrong(text)
		}
		return max(1, int(math.Floor(part*float64(all)/100))), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, wrong(text)
	}
	return n, nil
}

func wrong(text string) error {
	return fmt.Errorf(`a number of hosts, or a share of them such as "25%%", expected, got %q`, text)
}
