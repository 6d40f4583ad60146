package nodeset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testGroups are the groups of the tests.
var testGroups = map[string]string{
	"web":    "webserv[1-3]",
	"db":     "db[01-02]",
	"front":  "@web!webserv3",
	"rack1":  "n1",
	"rack2":  "n2,n3",
	"none":   "",
	"nobody": "a!a",
	"broken": "a[1-",
	"a":      "@b",
	"b":      "c,@a",
	"gone":   "@wbe",
	"double": "@web,@web",
}

func groups() Groups {
	return Groups{
		Find:  func(name string) (string, bool) { set, ok := testGroups[name]; return set, ok },
		Names: func() []string { return slices.Collect(maps.Keys(testGroups)) },
		All:   func() []string { return []string{"x2", "x1"} },
	}
}

func TestParse(t *testing.T) {
	tests := []struct{ set, want string }{
		{"web1", "web1"},
		{"webserv[1-3]", "webserv1 webserv2 webserv3"},
		{"[001-010/3]", "001 004 007 010"},
		{"[0-10/4]", "0 4 8"},
		{"a[0-1/18]", "a0"},
		{"a[1-3,7,9-11]", "a1 a2 a3 a7 a9 a10 a11"},
		{"a[ 1 - 3 / 2 , 7 ]", "a1 a3 a7"},
		{"rack[1-2]n[1-3]", "rack1n1 rack1n2 rack1n3 rack2n1 rack2n2 rack2n3"},
		{"a[1-2]1", "a11 a21"},
		{"a[1-2][3-4]", "a13 a14 a23 a24"},
		{"a[1-2]-[3-4].x.com", "a1-3.x.com a1-4.x.com a2-3.x.com a2-4.x.com"},
		{"a[009-011]", "a009 a010 a011"},
		{"a[1-2,01]", "a1 a2 a01"},
		{"b1,a1,b[10,9],b2", "a1 b1 b2 b9 b10"},
		{"a,a", "a"},
		{" a ,\tb ", "a b"},
		{"a[1-5]!a[2-3]&a[3-4]", "a4"},
		{"a[1-3],b!a[1-2]", "a3 b"},
		{"a[1-3]!a3,a3", "a1 a2 a3"},
		{"a[1-5]^a[4-7]", "a1 a2 a3 a6 a7"},
		{"a&b,c", "c"},
		{"@web", "webserv1 webserv2 webserv3"},
		{"@front", "webserv1 webserv2"},
		{"@web!@front", "webserv3"},
		{"@rack[1-2]", "n1 n2 n3"},
		{"@none,a", "a"},
		{"@nobody,a", "a"},
		{"@double^@web,a", "a"},
		{"@*", "x1 x2"},
		{"@*!x1,y", "x2 y"},
		{"10.0.0.[1-3]", "10.0.0.1 10.0.0.2 10.0.0.3"},
		{"::1", "::1"},
		{"fe80::[1-2]%lo,fe80::1%eth0.7", "fe80::1%eth0.7 fe80::1%lo fe80::2%lo"},
		{"2001:db8::[9-10]", "2001:db8::9 2001:db8::10"},
		{"web1.", "web1."},
		{"_a-b_", "_a-b_"},
		{"x10y1,x2y1,x1y2", "x1y2 x2y1 x10y1"},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			got, err := Parse(tt.set, groups())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Fields(tt.want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	syntax := func(column int, msg string) string { return fmt.Sprintf("column %d: %s", column, msg) }
	tests := []struct{ set, want, hint string }{
		{"", "no host is in the set", ""},
		{"   ", "no host is in the set", ""},
		{"a!a", "no host is in the set", ""},
		{"@nobody", "no host is in the set", ""},
		{"a[1-2]&b", "no host is in the set", ""},
		{"a[", syntax(3, "expected a number, found the end"), ""},
		{"a[]", syntax(3, "expected a number, found ']'"), ""},
		{"a[x]", syntax(3, "expected a number, found 'x'"), ""},
		{"a[1,]", syntax(5, "expected a number, found ']'"), ""},
		{"a[-1-3]", syntax(3, "expected a number, found '-'"), ""},
		{"a[1-", syntax(5, "expected the last number of the range, found the end"), ""},
		{"a[1-3", syntax(6, "expected ']', found the end"), "the bracket in column 2 is not closed"},
		{"a[1-3-5]", syntax(6, "expected ',' or ']' after a range, found '-'"), ""},
		{"a[1 2]", syntax(5, "expected ',' or ']' after a range, found '2'"), ""},
		{"a[3-1]", syntax(3, "the range 3-1 goes down"), "write the smaller number first: 1-3"},
		{"a[1-9/0]", syntax(3, "a range cannot go in steps of 0"), ""},
		{"a[1-9/]", syntax(7, "expected a step, found ']'"), ""},
		{"a[1/2]", syntax(4, "a step needs a range"), "write it as in 0-10/2"},
		{"a[01-9]", syntax(3, "01 and 9 are not padded to the same width"), "write both with as many digits: 01-09"},
		{"a[9-010]", syntax(3, "9 and 010 are not padded to the same width"), "write both with as many digits: 009-010"},
		{"a[1-9999999999999999999]", syntax(5, "a number has at most 18 digits"), ""},
		{"a]", syntax(2, "']' closes nothing"), "ranges are written as in web[1-20]"},
		{",a", syntax(1, "expected a host, found ','"), ""},
		{"a,,b", syntax(3, "expected a host, found ','"), ""},
		{"a!", syntax(3, "expected a host, found the end"), ""},
		{"a&", syntax(3, "expected a host, found the end"), ""},
		{"a b", syntax(3, "expected an operator, found 'b'"), "separate hosts by commas"},
		{"a [1-2]", syntax(3, "expected an operator, found '['"), "separate hosts by commas"},
		{"web*", syntax(4, "'*' cannot be in the name of a host"), "hosts are named by number, as in web[1-20], or by group, as in @web; @* is all of them"},
		{"(a,b)!a", syntax(1, "'(' cannot be in the name of a host"),
			"operators are read from left to right; give what would stand in parentheses a name, as a group"},
		{"root@web1", syntax(5, "'@' cannot be in the name of a host"),
			"a group begins with @; who logs in is said in the site file, or in ssh's configuration"},
		{"-oProxyCommand=x", syntax(15, "'=' cannot be in the name of a host"), ""},
		{"a,-v", syntax(3, `"-v" cannot be the name of a host: a part of it begins with '-'`), ""},
		{"a..b", syntax(1, `"a..b" cannot be the name of a host: there is nothing before, after or between its dots`), ""},
		{"..", syntax(1, `".." cannot be the name of a host: there is nothing before, after or between its dots`), ""},
		{"web1:22", syntax(1, `"web1:22" cannot be the name of a host: a ':' is only in IPv6 addresses; the port is said in the site file, or in ssh's configuration`), ""},
		{"a;reboot", syntax(2, "';' cannot be in the name of a host"), ""},
		{"a$(x)", syntax(2, "'$' cannot be in the name of a host"), ""},
		{"a\x1b[31m", syntax(2, `'\x1b' cannot be in the name of a host`), ""},
		{"a\x00", syntax(2, `'\x00' cannot be in the name of a host`), ""},
		{"b,é1", syntax(3, "'é' cannot be in the name of a host"), "write an international name in its xn-- form"},
		{"é,x", syntax(1, "'é' cannot be in the name of a host"), "write an international name in its xn-- form"},
		{"a\xff", syntax(2, "'\ufffd' cannot be in the name of a host"), "write an international name in its xn-- form"},
		{strings.Repeat("a", 300), syntax(1, "a host's name has at most 253 characters"), ""},
		{strings.Repeat("a", 64), "a part of it is longer than 63 characters", ""},
		{"@", syntax(2, "expected the name of a group, found the end"), ""},
		{"@!a", syntax(2, "expected the name of a group, found '!'"), ""},
		{"a,@wbe", syntax(3, `there is no group "wbe"; did you mean "web"?`), ""},
		{"@broken", `group @broken: host set "a[1-": ` + syntax(5, "expected the last number of the range, found the end"), ""},
		{"@a", `group @b: host set "c,@a": ` + syntax(3, "group @a is defined by itself: @a → @b → @a"), ""},
		{"@gone", `group @gone: host set "@wbe": ` + syntax(1, `there is no group "wbe"; did you mean "web"?`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			got, err := Parse(tt.set, groups())
			if err == nil {
				t.Fatalf("got %v, want an error", got)
			}
			if !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("error:\n got %v\nwant …%s", err, tt.want)
			}
			var hinter interface{ Hint() string }
			hint := ""
			if errors.As(err, &hinter) {
				hint = hinter.Hint()
			}
			if hint != tt.hint {
				t.Errorf("hint:\n got %s\nwant %s", hint, tt.hint)
			}
		})
	}
}

func TestParseWithoutGroups(t *testing.T) {
	for set, want := range map[string]string{
		"@web": `host set "@web": column 1: there is no group "web"`,
		"a,@*": `host set "a,@*": column 3: @* stands for all hosts of the site, and there is no site file`,
	} {
		if _, err := Parse(set, Groups{}); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", set, err, want)
		}
	}
}

func TestASetIsBounded(t *testing.T) {
	wide := Groups{Find: func(name string) (string, bool) { // each names twice as many as the next
		n, err := strconv.Atoi(strings.TrimPrefix(name, "g"))
		if n == 100 {
			return "z", true
		}
		return fmt.Sprintf("@g%d,y%d,@g%[1]d", n+1, n), err == nil
	}}
	for _, set := range []string{
		"[1-9999999999]",
		"[1-999999999999999999]",
		"a[1-1000]b[1-1000]c[1-1000]",
		"a[1-999999999999999999]b[1-999999999999999999]",
		"a[1-60000],a[1-60000]",
		strings.Repeat("a[1-9],", 20_000) + "b",
		"@g1" + strings.Repeat(",@g1", 2_000),
		"@g[1-9999999999]",
	} {
		_, err := Parse(set, wide)
		if !errors.Is(err, ErrSize) {
			t.Errorf("%.30s: %v, want ErrSize", set, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("the error is %d bytes long", len(err.Error()))
		}
	}
	got, err := Parse("a[1-100]b[1-10]!a[1-99]b[1-10]", Groups{})
	if err != nil || len(got) != 10 {
		t.Errorf("%v, %v", got, err)
	}
	got, err = Parse("a[1-999999999999999999/999999999999999998]", Groups{})
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFold(t *testing.T) {
	tests := []struct{ names, want string }{
		{"", ""},
		{"a", "a"},
		{"b a", "a,b"},
		{"web1 web1", "web1"},
		{"webserv1 webserv3 webserv2 webserv5", "webserv[1-3,5]"},
		{"a9 a10 a8", "a[8-10]"},
		{"a09 a10 a08", "a[08-10]"},
		{"a98 a99 a100", "a[98-100]"},
		{"a098 a099 a100", "a[098-100]"},
		{"a09 a10 a98 a99 a100", "a[09-10,98-100]"},
		{"a1 a01 a02", "a[1,01-02]"},
		{"a0 a1", "a[0-1]"},
		{"a00 a01 a1", "a[1,00-01]"},
		{"a a1 a-1 a-2", "a,a1,a-[1-2]"},
		{"rack1n1 rack1n2 rack2n1 rack2n2", "rack[1-2]n[1-2]"},
		{"rack1n1 rack1n2 rack2n1", "rack1n[1-2],rack2n1"},
		{"10.0.0.1 10.0.0.2 10.0.1.1 10.0.1.2", "10.0.[0-1].[1-2]"},
		{"a000000000000000001 a000000000000000002", "a[000000000000000001-000000000000000002]"},
		{"a0000000000000000001 a0000000000000000002", "a0000000000000000001,a0000000000000000002"},
		{"a999999999999999999 a999999999999999998", "a[999999999999999998-999999999999999999]"},
	}
	for _, tt := range tests {
		if got := Fold(strings.Fields(tt.names)); got != tt.want {
			t.Errorf("Fold(%s): got %s, want %s", tt.names, got, tt.want)
		}
	}
	var padded []string
	for i := 9; i < 101; i++ {
		padded = append(padded, fmt.Sprintf("a%02d", i))
	}
	if got, want := Fold(padded), "a[09-99,100]"; got != want {
		t.Errorf("a width that is outgrown: got %s, want %s", got, want)
	}
}

func TestFoldDoesNotChangeItsArgument(t *testing.T) {
	names := []string{"b2", "b1", "a"}
	Fold(names)
	if d := cmp.Diff([]string{"b2", "b1", "a"}, names); d != "" {
		t.Error(d)
	}
}

// checkRoundTrip checks that Parse undoes Fold.
func checkRoundTrip(t *testing.T, names []string) {
	t.Helper()
	folded := Fold(names)
	again, err := Parse(folded, Groups{})
	if err != nil {
		t.Fatalf("Fold(%q) = %s: %v", names, folded, err)
	}
	if d := cmp.Diff(names, again); d != "" {
		t.Errorf("Fold = %s (-want +got):\n%s", folded, d)
	}
}

func FuzzParse(f *testing.F) {
	for _, set := range []string{
		"webserv[1-20]", "[001-010]", "[0-10/2]", "[1-3,7,9-11]", "rack[1-2]n[1-4]", "@web!@front,@rack[1-2]", "@*^a&b",
		"a[1-2][01-02]", "::1,fe80::[1-9]", "a[9-10,09-10,99]", "-x", "a[1-2]0000000000000000000", "a!a", "é", "a[1- 2]b", "fe80::[1-2]%eth[0-1]",
	} {
		f.Add(set)
	}
	f.Fuzz(func(t *testing.T, set string) {
		names, err := Parse(set, groups())
		if err != nil {
			if names != nil {
				t.Errorf("both %v and %v", names, err)
			}
			return
		}
		if len(names) > 2000 {
			return // sound, and slow
		}
		for _, name := range names {
			if why := invalid(name); why != "" {
				t.Errorf("%q cannot be the name of a host: %s", name, why)
			}
		}
		checkRoundTrip(t, names)
	})
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Parse(fmt.Sprintf("web[1-%d]", n), Groups{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
