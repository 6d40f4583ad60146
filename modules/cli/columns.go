package cli

import (
	"strings"
	"text/tabwriter"
)

// Columns returns lines whose cells are separated by tabs as a table with two
// spaces between columns. It has no line end behind the last line.
func Columns(lines []string) string {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		w.Write([]byte(line + "\n")) // a strings.Builder takes all
	}
	w.Flush()
	return strings.TrimSuffix(table.String(), "\n")
}
