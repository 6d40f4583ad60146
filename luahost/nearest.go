package luahost

import (
	"fmt"
	"slices"
)

// DidYouMean returns `; did you mean "x"?` for the name of those known that is
// nearest to what was written, or, when none is near, the list of all of them.
func DidYouMean(written string, known []string) string {
	known = slices.DeleteFunc(slices.Clone(known), func(s string) bool { return s == "" })
	if len(known) == 0 {
		return ""
	}
	nearest := slices.MinFunc(known, func(a, b string) int {
		return distance(written, a) - distance(written, b)
	})
	if d := distance(written, nearest); d <= max(1, len(written)/3) {
		return fmt.Sprintf("; did you mean %q?", nearest)
	}
	const most = 20
	if len(known) > most {
		return ""
	}
	slices.Sort(known)
	return fmt.Sprintf("; there are %s", quotedList(known))
}

func quotedList(names []string) string {
	list := ""
	for i, n := range names {
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf("%q", n)
	}
	return list
}

// distance counts the letters to insert, delete, change or swap with their
// neighbour to make a into b (optimal string alignment).
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
