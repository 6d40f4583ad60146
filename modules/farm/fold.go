package farm

import (
	"maps"
	"slices"

	"farmrun/modules/farm/nodeset"
)

// Alike are hosts that answer the same.
type Alike struct {
	Answer string
	Hosts  string // in the short form of a set
}

// Fold puts hosts together that answer alike; answers are by host name, and a
// host may have several. Those of most hosts come first, and of as many, those
// that were given first, in the order of hosts.
func Fold(answers map[string][]string) []Alike {
	hosts := slices.Collect(maps.Keys(answers))
	nodeset.Sort(hosts)
	var order []string
	by := map[string][]string{}
	for _, host := range hosts {
		for _, answer := range answers[host] {
			if by[answer] == nil {
				order = append(order, answer)
			}
			by[answer] = append(by[answer], host)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(by[b]) - len(by[a]) })
	var groups []Alike
	for _, answer := range order {
		groups = append(groups, Alike{Answer: answer, Hosts: nodeset.Fold(by[answer])})
	}
	return groups
}
