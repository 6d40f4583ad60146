package nodeset

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"farmrun/testdata/need"
)

// python is the one that Debian's packages are for; another may come first in PATH.
const python = "/usr/bin/python3"

// clusterShell answers each line of its input, a set, with a line: the hosts
// in order, a tab, and the folded set; or "error".
const clusterShell = `
import sys
from ClusterShell.NodeSet import NodeSet, RESOLVER_NOGROUP
for line in sys.stdin:
    try:
        s = NodeSet(line.rstrip("\n"), resolver=RESOLVER_NOGROUP)
        print(" ".join(s) + "\t" + str(s))
    except Exception:
        print("error")
`

type answer struct {
	hosts  []string
	folded string
	failed bool
}

func askClusterShell(t *testing.T, sets []string) []answer {
	cmd := exec.Command(python, "-c", clusterShell)
	cmd.Stdin = strings.NewReader(strings.Join(sets, "\n") + "\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		hosts, folded, ok := strings.Cut(lines.Text(), "\t")
		answers = append(answers, answer{strings.Fields(hosts), folded, !ok})
	}
	if len(answers) != len(sets) {
		t.Fatalf("%d answers to %d sets", len(answers), len(sets))
	}
	return answers
}

// randomSet writes a set with names that meet often.
func randomSet(rng *rand.Rand) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	number := func() string { return fmt.Sprintf("%0*d", pick("1", "1", "1", "2", "3")[0]-'0', rng.IntN(13)) }
	span := func() string {
		switch from, n := rng.IntN(12), rng.IntN(5); rng.IntN(6) {
		case 0:
			return number() + "-" + number() // often wrong
		case 1:
			return fmt.Sprintf("%d-%d/%d", from, from+n, 1+rng.IntN(3))
		case 2:
			return fmt.Sprintf("%02d-%02d", from, from+n)
		case 3:
			return number()
		default:
			return fmt.Sprintf("%d-%d", from, from+n)
		}
	}
	ranges := func() string {
		s := span()
		for rng.IntN(3) == 0 {
			s += "," + span()
		}
		return "[" + s + "]"
	}
	name := func() string {
		switch rng.IntN(8) {
		case 0:
			return pick("a", "b", "a-x")
		case 1:
			return pick("a", "b") + number()
		case 2:
			return pick("a", "b") + ranges() + "n" + ranges()
		case 3:
			return "a" + number() + "-b" + ranges()
		default:
			return pick("a", "b") + ranges()
		}
	}
	set := name()
	for rng.IntN(3) > 0 {
		set += pick(",", ",", "!", "&", "^") + name()
	}
	return set
}

// oddRange is what ClusterShell takes for 0, and we refuse as we do 0-01.
var oddRange = regexp.MustCompile(`\b0-00+\b`)

func TestAsClusterShell(t *testing.T) {
	there := exec.Command(python, "-c", "import ClusterShell.NodeSet").Run() == nil
	need.That(t, there, "python3-clustershell is not installed, so sets are not compared with its own")
	rng := rand.New(rand.NewPCG(1, 2))
	sets := []string{
		"a[1-2]1", "a1[1-2]", "a01[1-2]", "a[9-010]", "a[01-9]", "[00-10]", "[0-0]", "[10-100/45]", "a[1/2]", "a[3-1]", "a[]", "a[1",
		"a]", ",a", "a,,b", "a!", "!a", "a , b", "a[1, 3]", "a!b!c", "a10,a9,b,a", "1,2,10", "::1", "10.0.0.[1-3]", "a[1,01,001,10,010]",
	}
	for len(sets) < 3000 {
		sets = append(sets, randomSet(rng))
	}
	agreed, failed := 0, 0
	for i, want := range askClusterShell(t, sets) {
		got, err := Parse(sets[i], Groups{})
		switch {
		case oddRange.MatchString(sets[i]):
		case want.failed || len(want.hosts) == 0:
			failed++
			if err == nil {
				t.Errorf("%s: got %v, want an error", sets[i], got)
			}
		case err != nil:
			t.Errorf("%s: %v; want %v", sets[i], err, want.hosts)
		default:
			agreed++
			checkAnswer(t, sets[i], got, want)
		}
	}
	if agreed < 1000 || failed < 100 {
		t.Errorf("only %d sets were good and %d bad: too few to tell", agreed, failed)
	}
}

// checkAnswer compares hosts and order, or hosts alone where a name has
// several numbers, for there ClusterShell's order and folding are its own.
func checkAnswer(t *testing.T, set string, got []string, want answer) {
	t.Helper()
	several := slices.ContainsFunc(got, func(name string) bool { return len(shapeOf(name).numbers) > 1 })
	if several {
		slices.Sort(got)
		slices.Sort(want.hosts)
	}
	if !slices.Equal(got, want.hosts) {
		t.Errorf("%s:\n got %v\nwant %v", set, got, want.hosts)
	}
	if folded := Fold(got); !several && folded != want.folded {
		t.Errorf("%s folded: got %s, want %s", set, folded, want.folded)
	}
	Sort(got)
	checkRoundTrip(t, got)
}
