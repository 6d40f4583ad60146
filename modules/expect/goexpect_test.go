package expect

import (
	"net"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestTextAndRegexp has every kind of pattern find the same: texts alone,
// regular expressions alone, and both in one wait.
func TestTextAndRegexp(t *testing.T) {
	quoted := func(text string) Pattern { return Compiled(regexp.MustCompile(regexp.QuoteMeta(text))) }
	kinds := map[string][2]func(string) Pattern{
		"texts":               {Text, Text},
		"regular expressions": {quoted, quoted},
		"both":                {Text, quoted},
	}
	for _, c := range []struct {
		name     string
		said     []string
		patterns [2]string
		want     []Match
	}{
		{"what follows is for the next", []string{"a$ b$ c"}, [2]string{"$ ", "never"}, []Match{{0, "a", "$ ", nil, 0}, {0, "b", "$ ", nil, 0}}},
		{"in pieces", []string{"log", "in", ": x"}, [2]string{"never", "login: "}, []Match{{1, "", "login: ", nil, 0}}},
		{"the first pattern wins", []string{"one two"}, [2]string{"two", "one"}, []Match{{0, "one ", "two", nil, 0}}},
		{"what means something to a regular expression", []string{"(a)* [x]"}, [2]string{"[x]", "(b*)"}, []Match{{0, "(a)* ", "[x]", nil, 0}}},
		{"the empty text", []string{"x"}, [2]string{"never", ""}, []Match{{1, "", "", nil, 0}}},
		{"more than is kept", []string{"0123456789", "0123456789", "0123456789!"}, [2]string{"!", "never"}, []Match{{0, "3456789", "!", nil, 23}}},
	} {
		for name, kind := range kinds {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					here, there := net.Pipe()
					s := begin(t, here, Options{Keep: 8})
					go func() {
						for _, piece := range c.said {
							there.Write([]byte(piece))
						}
					}()
					synctest.Wait()
					var got []Match
					for range c.want {
						m, err := s.Expect(t.Context(), Wait{
							Patterns: []Pattern{kind[0](c.patterns[0]), kind[1](c.patterns[1])}, Timeout: time.Second,
						})
						if err != nil {
							t.Fatal(err)
						}
						got = append(got, m)
					}
					if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				})
			})
		}
	}
}

// TestLiteral tells the regular expressions that only match one text.
func TestLiteral(t *testing.T) {
	for expr, want := range map[string]string{
		"password: ":   "password: ",
		`got 1\.`:      "got 1.",
		`\$ `:          "$ ",
		"[$] ":         "$ ",
		"(?i)password": "", "^login": "", "login$": "", `\blogin`: "", "(login)": "", "a|b": "", "login: ?": "", "": "", "\ufffd": "", "(": "",
	} {
		got, ok := literal(expr)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", expr, got, ok)
		}
		if p, err := Regexp(expr); err == nil && p.String() != strconv.Quote(expr) {
			t.Errorf("%q is shown as %s", expr, p)
		}
	}
}
