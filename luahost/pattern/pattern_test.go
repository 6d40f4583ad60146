package pattern

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, subject string
		init             int
		want             string // start-end and the captures; "" for no match
	}{
		{"b+", "abbb", 0, "1-4"},
		{"b+", "abbb", 2, "2-4"},
		{"a", "abbb", 2, ""},
		{"^a", "xa", 0, ""},
		{"^a", "xa", 1, "1-2"}, // init is where the anchor holds, as in Lua
		{"", "abc", 9, "3-3"},
		{"", "abc", -9, "0-0"},
		{"b.", "abc", 0, "1-3"},
		{"lit", "a literal", 0, "2-5"},
		{"lit", "a literal", 3, ""},
		{"(%w+)%s*=%s*(%w+)", "  key = value", 0, `2-13 "key" "value"`},
		{"()b()", "abc", 0, "1-2 @1 @2"},
		{"((a)(b*))", "abb", 0, `0-3 "abb" "a" "bb"`},
		{"(a*)b", "aab", 0, `0-3 "aa"`},
		{"(a*(b?))c", "aabab", 0, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s in %s from %d", tt.pattern, tt.subject, tt.init), func(t *testing.T) {
			p, err := Compile(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			m, ok, err := p.Match(nil, tt.subject, tt.init)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(m, ok, tt.subject); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func describe(m Match, ok bool, subject string) string {
	if !ok {
		return ""
	}
	text := fmt.Sprintf("%d-%d", m.Start, m.End)
	for _, c := range m.Captures {
		if c.Position {
			text += fmt.Sprintf(" @%d", c.Start)
		} else {
			text += fmt.Sprintf(" %q", c.Text(subject))
		}
	}
	return text
}

// wrongPatterns has the errors of patterns that are wrong, and a subject at
// which Lua 5.1 comes to notice.
var wrongPatterns = []struct{ pattern, subject, want string }{
	{"a%", "a", "malformed pattern (ends with '%')"},
	{"[", "a", "malformed pattern (missing ']')"},
	{"[a", "a", "malformed pattern (missing ']')"},
	{"[]", "a", "malformed pattern (missing ']')"},
	{"[^]", "a", "malformed pattern (missing ']')"},
	{"[%", "a", "malformed pattern (missing ']')"},
	{"[%]", "a", "malformed pattern (missing ']')"},
	{"%b", "a", "unbalanced pattern"},
	{"%bx", "a", "unbalanced pattern"},
	{"%f", "a", "missing '[' after '%f' in pattern"},
	{"%fa", "a", "missing '[' after '%f' in pattern"},
	{"%f[a", "a", "malformed pattern (missing ']')"},
	{"(a", "a", "unfinished capture"},
	{"(()", "a", "unfinished capture"},
	{"a.)", "ab", "invalid pattern capture"},
	{"%1", "a", "invalid capture index"},
	{"%0", "a", "invalid capture index"},
	{"(%1)", "a", "invalid capture index"},
	{"(a)%2", "a", "invalid capture index"},
	{strings.Repeat("()", 33), "a", "too many captures"},
}

func TestWrongPatterns(t *testing.T) {
	var questions []question
	for _, w := range wrongPatterns {
		questions = append(questions, question{op: "find", subject: w.subject, pattern: w.pattern, init: 1})
		if _, err := Compile(w.pattern); err == nil || err.Error() != w.want {
			t.Errorf("Compile(%q): got %v, want %s", w.pattern, err, w.want)
		}
	}
	for i, answer := range askLua51(t, questions) {
		if want := "error: " + wrongPatterns[i].want; answer != want {
			t.Errorf("%v: Lua 5.1 says %s, the table %s", questions[i], answer, want)
		}
	}
}

func TestTooComplex(t *testing.T) {
	if _, err := Compile(strings.Repeat("a?", maxRepeats)); err != nil {
		t.Error(err)
	}
	if _, err := Compile(strings.Repeat("a?", maxRepeats+1)); err != errTooComplex {
		t.Errorf("got %v, want %v", err, errTooComplex)
	}
}

// manyQuestions are all that are put to more than one library.
func manyQuestions() []question {
	questions := someQuestions()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		questions = append(questions, randomQuestion(rng))
	}
	return questions
}

func TestAsLua51(t *testing.T) {
	questions := manyQuestions()
	L := goState(t, true)
	for i, want := range askLua51(t, questions) {
		q := questions[i]
		plain := q.op == "find" && !strings.ContainsAny(q.pattern, special)
		if _, err := Compile(q.pattern); err != nil && !plain {
			want = "error: " + err.Error() // Lua 5.1 says so only where it comes to the wrong place
		}
		if got := q.ask(t, L); got != want {
			t.Errorf("%v:\n got %q\nwant %q", q, got, want)
		}
	}
}

// asGopher returns the question without what gopher-lua is known to answer
// otherwise than Lua 5.1 does, or false if nothing is left then: a wrong
// pattern, %f, "^" in gmatch, %1 for a position, a set with a class beside a
// "-" or with several of those, an init past the end, and a "%" before a
// letter in a replacement.
func (q question) asGopher() (question, bool) {
	_, err := Compile(q.pattern)
	has := func(s string) bool { return strings.Contains(q.pattern, s) }
	oddSet := has("[") && has("-") && (has("%") || strings.Count(q.pattern, "-") > 1 || has("[]") || has("[^]"))
	oddBackReference := has("()") && strings.ContainsAny(q.pattern, "123456789")
	anchor := q.op == "gmatch" && strings.HasPrefix(q.pattern, "^")
	q.init = min(max(q.init, 1), len(q.subject))
	if q.pattern == "" {
		q.init = 1
	}
	q.replacement = strings.ReplaceAll(q.replacement, "%x", "x")
	return q, err == nil && !oddSet && !oddBackReference && !anchor && !has("%f")
}

// sameAsGopher compares the answers of gopher-lua's own library and ours.
func sameAsGopher(t *testing.T, ours, gopher *lua.LState, q question) bool {
	t.Helper()
	q, ok := q.asGopher()
	if !ok {
		return false
	}
	got, want := q.ask(t, ours), q.ask(t, gopher)
	if q.op == "match" && want == "ok: " {
		want = "ok: nil" // it returns nothing where Lua 5.1 returns nil
	}
	if got != want {
		t.Errorf("%v:\n  ours %q\ngopher %q", q, got, want)
	}
	return true
}

func TestAsGopherLua(t *testing.T) {
	ours, gopher := goState(t, true), goState(t, false)
	compared := 0
	for _, q := range manyQuestions() {
		if sameAsGopher(t, ours, gopher, q) {
			compared++
		}
	}
	if compared < 10_000 {
		t.Errorf("only %d questions were compared", compared)
	}
}

func FuzzAsGopherLua(f *testing.F) {
	for i, p := range somePatterns {
		f.Add(p, someSubjects[i%len(someSubjects)], uint8(i))
	}
	ours, gopher := goState(f, true), goState(f, false)
	f.Fuzz(func(t *testing.T, pattern, subject string, op uint8) {
		if len(pattern) > 12 || len(subject) > 24 || strings.ContainsRune(pattern, 0) {
			return // gopher-lua may take for ever, and ends its patterns elsewhere
		}
		q := question{operations[int(op)%len(operations)], subject, pattern, "<%0>", 1}
		sameAsGopher(t, ours, gopher, q)
	})
}

// FuzzMatch looks for patterns that crash the matcher or get round its budget.
func FuzzMatch(f *testing.F) {
	for i, p := range somePatterns {
		f.Add(p, someSubjects[i%len(someSubjects)])
	}
	f.Fuzz(func(t *testing.T, pattern, subject string) {
		p, err := Compile(pattern)
		if err != nil {
			return
		}
		b := NewBudget(t.Context(), 100_000)
		m, ok, err := p.Match(b, subject, 0)
		if err != nil && err != ErrBudget {
			t.Fatal(err)
		}
		if ok && (m.Start < 0 || m.Start > m.End || m.End > len(subject)) {
			t.Errorf("%q matches %q at %d-%d", pattern, subject, m.Start, m.End)
		}
		for _, c := range m.Captures {
			if c.Start < m.Start || c.Start > c.End || c.End > m.End {
				t.Errorf("%q in %q: the capture %+v is outside of the match %d-%d", pattern, subject, c, m.Start, m.End)
			}
		}
	})
}

// endless are patterns and subjects that a backtracking matcher would need
// minutes to ages for.
var endless = []struct{ pattern, subject string }{
	{strings.Repeat("a?", 40) + strings.Repeat("a", 40), strings.Repeat("a", 40)},
	{strings.Repeat("a*", 20) + "b", strings.Repeat("a", 60)},
	{"(.-)(.-)(.-)(.-)(.-)b", strings.Repeat("a", 2000)},
	{".-b", strings.Repeat("a", 1_000_000)},
	{".-.-b", strings.Repeat("a", 100_000)},
	{"%b()", strings.Repeat("(", 1_000_000)},
	{"(a*)%1%1b", strings.Repeat("a", 1_000_000)},
	{"^(.*).*%1x$", strings.Repeat("a", 1_000_000)},
	{"%f[%a]a-%f[%A]b", strings.Repeat("a", 1_000_000) + strings.Repeat("1a", 1_000_000)},
}

func TestTheBudgetEndsEveryMatch(t *testing.T) {
	for _, tt := range endless {
		p, err := Compile(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		b := NewBudget(t.Context(), 1_000_000)
		_, ok, err := p.Match(b, tt.subject, 0)
		if short := tt.pattern[0] == '%' && tt.pattern[1] == 'f'; !short && (ok || !errors.Is(err, ErrBudget)) {
			t.Errorf("%.20s: got %v, %v; want ErrBudget", tt.pattern, ok, err)
		}
		if _, _, again := p.Match(b, "a", 0); err != nil && again != err {
			t.Errorf("%.20s: a budget that is used up gave %v", tt.pattern, again)
		}
	}
}

func TestTheContextEndsEveryMatch(t *testing.T) {
	cause := errors.New("the turn is over")
	for _, tt := range endless[:4] {
		p, err := Compile(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
		if _, _, err = p.Match(NewBudget(ctx, 1<<60), tt.subject, 0); err != cause {
			t.Errorf("%.20s: %v, want %v", tt.pattern, err, cause)
		}
		timer.Stop()
	}
}

func TestABudgetIsForSeveralMatches(t *testing.T) {
	p, err := Compile("a+b")
	if err != nil {
		t.Fatal(err)
	}
	b := NewBudget(t.Context(), 100_000)
	n := 0
	for ; err == nil && n < 10_000; n++ {
		_, _, err = p.Match(b, strings.Repeat("a", 50), 0)
	}
	if err != ErrBudget || n < 10 || n > 1000 {
		t.Errorf("%v after %d matches", err, n)
	}
}

// inLua runs source with our library and returns what it returns.
func inLua(t *testing.T, ctx context.Context, source string) (string, error) {
	t.Helper()
	L := lua.NewState()
	defer L.Close()
	L.SetFuncs(L.GetGlobal("string").(*lua.LTable), Library())
	L.SetContext(ctx)
	fn, err := L.Load(strings.NewReader(source), "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	L.Push(fn)
	err = L.PCall(0, lua.MultRet, nil)
	var results []string
	for i := 1; err == nil && i <= L.GetTop(); i++ {
		results = append(results, L.Get(i).String())
	}
	return strings.Join(results, " "), err
}

func TestLibrary(t *testing.T) {
	tests := []struct{ source, want string }{
		{`return ("a.b"):find(".", 1, true)`, "2 2"},
		{`return ("a.b"):find(".", 2, true)`, "2 2"},
		{`return ("a.b"):find(".", 3, true)`, "nil"},
		{`return ("abc"):find("", 10, true)`, "4 3"},
		{`return ("abc"):find("b", -1)`, "nil"},
		{`return ("abc"):find("b", -1e300)`, "2 2"},
		{`return ("abc"):find("b", 1e300)`, "2 2"},
		{`return ("abc"):find("b", 0/0)`, "2 2"},
		{`return (123):rep(2)`, "error: test.lua:1: attempt to index a non-table object(number) with key 'rep'"},
		{`return string.find(1234, 23)`, "2 3"},
		{`return ("f(a)"):find("a)")`, "3 4"},
		{`return select("#", string.match("a", "b"))`, "1"},
		{`return ("k=v"):match("(%w)=(%w)")`, "k v"},
		{`local n = 0 for w in ("one two"):gmatch("%a+") do n = n + #w end return n`, "6"},
		{`for k, v in string.gfind("a=1", "(%w)=(%w)") do return k, v end`, "a 1"},
		{`local it = ("a"):gmatch("a") it() return select("#", it()), it()`, "0"},
		{`return ("abc"):gsub("b", {b = 1})`, "a1c 1"},
		{`return ("abc"):gsub("b", setmetatable({}, {__index = function(_, k) return k:upper() end}))`, "aBc 1"},
		{`return ("abc"):gsub("%w", "%0%0", 2)`, "aabbc 2"},
		{`return ("abc"):gsub("%w", "x", 0)`, "abc 0"},
		{`return ("abc"):gsub("%w", "x", -1)`, "abc 0"},
		{`return ("abc"):gsub("()b", "%1")`, "a2c 1"},
		{`return ("abc"):gsub("", "-")`, "-a-b-c- 4"},
		{`return ("a,b"):gsub(",", 7)`, "a7b 1"},
		{`return ("hello world"):gsub("(%w+) (%w+)", "%2 %1")`, "world hello 1"},
		{`return ("x"):gsub("x", function(c) return c:rep(3) end)`, "xxx 1"},
		{`return ("x"):gsub("x", function() return (("y"):gsub("y", "z")) end)`, "z 1"},
		{`return ("ab"):rep(3), ("ab"):rep(0), ("ab"):rep(-1), (""):rep(1e300)`, "ababab   "},

		{`return ("x"):gsub("x", "%")`, "error: test.lua:1: invalid use of '%' in replacement string"},
		{`return ("x"):gsub("x", "%2")`, "error: test.lua:1: invalid capture index"},
		{`return ("x"):gsub("x", true)`, "error: test.lua:1: bad argument #2 to 'gsub' (string/function/table expected)"},
		{`return ("x"):gsub("x", {x = {}})`, "error: test.lua:1: invalid replacement value (a table)"},
		{`return ("x"):gsub("x", function() return print end)`, "error: test.lua:1: invalid replacement value (a function)"},
		{`return ("x"):gsub("x", function() error("mine", 0) end)`, "error: mine"},
		{`local ok, e = pcall(string.find, "a", "[") return ok, e`, "false malformed pattern (missing ']')"},
		{`return ("a"):find("[")`, "error: test.lua:1: malformed pattern (missing ']')"},
		{`return ("a"):gmatch("(")`, "error: test.lua:1: unfinished capture"},
		{`return ("a"):find()`, "error: test.lua:1: bad argument #1 to 'find' (string expected, got no value)"},
		{`return ("a"):find("a", {})`, "error: test.lua:1: bad argument #2 to 'find' (number expected, got table)"},
		{`return ("ab"):rep(1e9)`, "error: test.lua:1: resulting string too large"},
		{`return ("ab"):rep(1e300)`, ""},
		{`local s = ("a"):rep(1e5) return ((s .. s):gsub("aaaaaaaaaa", s))`, "error: test.lua:1: resulting string too large"},
		{`local s = ("a"):rep(1e6) return ((s):gsub(".*", ("%0"):rep(100)))`, "error: test.lua:1: resulting string too large"},
		{`return (("a"):gsub("a", ("%0"):rep(1e5))):len()`, "100000"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			got, err := inLua(t, t.Context(), tt.source)
			var lerr *lua.ApiError
			if errors.As(err, &lerr) {
				got = "error: " + lerr.Object.String()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestNoCallOutlivesItsContext is a list of calls that, in gopher-lua's own
// library, never end.
func TestNoCallOutlivesItsContext(t *testing.T) {
	for _, source := range []string{
		`return (("a"):rep(60)):find(("a*"):rep(20) .. "b")`,
		`return (("a"):rep(1e6)):match(".-.-b")`,
		`for _ in (("a"):rep(1e6)):gmatch(".-b") do end`,
		`return (("a"):rep(1e6)):gsub(".-b", "")`,
		`return (("("):rep(1e6)):gsub("%b()", {})`,
		`return (("a"):rep(1e6)):gsub("a", function() for i = 1, 1e9 do end end)`,
		`while true do pcall(string.find, ("a"):rep(60), ("a*"):rep(20) .. "b") end`,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := inLua(t, ctx, source); err == nil {
			t.Errorf("%s: no error, want the deadline's", source)
		}
		cancel()
	}
}

// BenchmarkLibrary compares ordinary uses with gopher-lua's own library.
func BenchmarkLibrary(b *testing.B) {
	for _, bm := range []struct{ name, source string }{
		{"match", `local s = "  web12.example.com = 10.0.0.12 # front  " return function() return s:match("^%s*([%w.]+)%s*=%s*([%d.]+)") end`},
		{"plain", `local s = ("x"):rep(1000) .. "needle" return function() return s:find("needle") end`},
		{"gmatch", `local s = ("U www/htdocs/file.html\n"):rep(100) return function() for a, b in s:gmatch("(%u) ([^\n]*)\n") do end end`},
		{"gsub", `local s = ("hello world "):rep(100) return function() return (s:gsub("%w+", "<%0>")) end`},
	} {
		for _, ours := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/%s", bm.name, map[bool]string{true: "ours", false: "gopher"}[ours]), func(b *testing.B) {
				L := goState(b, ours)
				if err := L.DoString(bm.source); err != nil {
					b.Fatal(err)
				}
				fn := L.Get(-1)
				L.Pop(1)
				b.ReportAllocs()
				for b.Loop() {
					if err := L.CallByParam(lua.P{Fn: fn, Protect: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
