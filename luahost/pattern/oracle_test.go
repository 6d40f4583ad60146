package pattern

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"farmrun/testdata/need"
)

// showSource defines show(op, subject, pattern, replacement, init), which does
// to the subject what op says and returns the results as one line. It runs in
// gopher-lua and in PUC's Lua 5.1 alike.
const showSource = `
local function line(ok, ...)
  local out = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if type(v) == "string" then
      if ok then v = "'" .. v .. "'" else v = v:gsub("^[^:]*:%d+: ", "") end
    end
    out[i] = tostring(v)
  end
  return (ok and "ok: " or "error: ") .. table.concat(out, ", ")
end
local ops = {
  find = function(s, p, r, init) return string.find(s, p, init) end,
  match = function(s, p, r, init) return string.match(s, p, init) end,
  gmatch = function(s, p)
    local all = {}
    for a, b in string.gmatch(s, p) do all[#all + 1] = tostring(a) .. "/" .. tostring(b) end
    return table.concat(all, " ")
  end,
  gsub = function(s, p, r) return string.gsub(s, p, r) end,
  gsub1 = function(s, p, r) return string.gsub(s, p, r, 1) end,
  gsubf = function(s, p) return string.gsub(s, p, function(a, b) return a ~= "b" and tostring(b) end) end,
  gsubt = function(s, p) return string.gsub(s, p, {a = 1, b = "<b>", [1] = "one", c = false}) end,
}
function show(op, ...) return line(pcall(ops[op], ...)) end
`

// operations are those of showSource.
var operations = []string{"find", "match", "gmatch", "gsub", "gsub1", "gsubf", "gsubt"}

// question is one call of show.
type question struct {
	op, subject, pattern, replacement string
	init                              int
}

func (q question) String() string {
	return fmt.Sprintf("%s(%q, %q, %q, %d)", q.op, q.subject, q.pattern, q.replacement, q.init)
}

// goState returns a state of gopher-lua, with our library or its own.
func goState(tb testing.TB, ours bool) *lua.LState {
	L := lua.NewState()
	tb.Cleanup(L.Close)
	if ours {
		L.SetFuncs(L.GetGlobal("string").(*lua.LTable), Library())
	}
	if err := L.DoString(showSource); err != nil {
		tb.Fatal(err)
	}
	return L
}

func (q question) ask(tb testing.TB, L *lua.LState) string {
	L.Push(L.GetGlobal("show"))
	L.Push(lua.LString(q.op))
	for _, s := range []string{q.subject, q.pattern, q.replacement} {
		L.Push(lua.LString(s))
	}
	L.Push(lua.LNumber(q.init))
	if err := L.PCall(5, 1, nil); err != nil {
		tb.Fatalf("%v: %v", q, err)
	}
	answer := L.Get(-1).String()
	L.Pop(1)
	return answer
}

// askLua51 gets all answers from PUC's own interpreter, or skips the test
// where that is not installed.
func askLua51(t *testing.T, questions []question) []string {
	need.Program(t, "lua5.1")
	var in strings.Builder
	for _, q := range questions {
		fmt.Fprintf(&in, "%s %x. %x. %x. %d\n", q.op, q.subject, q.pattern, q.replacement, q.init)
	}
	cmd := exec.Command("lua5.1", "-e", showSource+`
local function text(hex) return (hex:gsub("..", function(h) return string.char(tonumber(h, 16)) end)) end
for l in io.lines() do
  local op, s, p, r, init = l:match("^(%w+) (%x*)%. (%x*)%. (%x*)%. (-?%d+)$")
  local answer = show(op, text(s), text(p), text(r), tonumber(init))
  print((answer:gsub(".", function(c) return string.format("%02x", c:byte()) end)))
end`)
	cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	for i, a := range answers {
		b, err := hex.DecodeString(a)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = string(b)
	}
	return answers
}

// The patterns and subjects that every operation is tried on.
var (
	somePatterns = []string{
		"", "a", "abc", "b", "^a", "^", "$", "^$", "a$", "$a", "a^", ".", "..", "a.c", ".*", ".-", ".+", ".?", "a*", "a+", "a-", "a?",
		"a-b", "a*b", "(a*)(b*)", "(a)(b)", "((a)b)", "()", "()a()", "(a*(.)%w(%s*))", "%a", "%A", "%d+", "%D+", "%s", "%S+", "%w+", "%W",
		"%l", "%u", "%L", "%U", "%p", "%P", "%c", "%C", "%x+", "%X", "%z", "%Z", "%.", "%%", "%-", "%(", "[abc]", "[^abc]", "[a-c]+", "[^a-c]+",
		"[a-]", "[-a]", "[]]", "[^]]", "[%a_][%w_]*", "[%a-z]", "[a-%z]", "[+-%]]", "[a-%%]", "[%]]", "[%-]", "[.]", "[*]", "[$]", "[%d.]+",
		"%b()", "%bxx", "%b''", "%bab", "%f[%w]", "%f[%w]%w+%f[%W]", "%f[%z]", "(.)%1", "(a)(b)%2%1", "()%1", "(%w+)=(%w+)", "^%s*(.-)%s*$",
		"[^\n]+", "(.-)\n", "*a", "+", "?", "**", "a**", "-", "--", "^*", "a|b", "]", "a]", "%1", "%0", "(%1)", "(", ")", "(a", "a)", "(()", "())",
		"%", "a%", "[", "[a", "[^", "[]", "[^]", "[%", "[%]", "[a-", "%b", "%bx", "%f", "%fa", "%g", "%q", "\xff", "[\x80-\xff]+", "a.-b.-c", "(a?)(a?)",
		strings.Repeat("()", 32), strings.Repeat("()", 33), strings.Repeat("a?", 60), "(.*)(.*)(.*)", "%a+ %a+", "^(a)", "(^a)", "(a$)",
	}
	someSubjects = []string{
		"", "a", "b", "abc", "aaa", "abab", "xaab", "a.c", "hello world", " key = value ", "x=1, y=22", "(a(b)c)(d", "xaxbx", "'q' 'r'",
		"THE (quick) fox", "1.5e10", "a\nb\n", "a-b]c^d$e%f", "\x00z\x00", "\xc3\xa9t\xe9", "a|b", "*a**", "%", "_id9",
	}
	someReplacements = []string{"", "x", "<%0>", "%1", "[%1%2]", "%%", "%x", "%9"}
)

func someQuestions() []question {
	rng := rand.New(rand.NewPCG(3, 4))
	var questions []question
	for _, p := range somePatterns {
		for _, s := range someSubjects {
			for _, op := range operations {
				r := someReplacements[rng.IntN(len(someReplacements))]
				questions = append(questions, question{op, s, p, r, rng.IntN(8) - 3})
			}
		}
	}
	return questions
}

// randomQuestion makes a pattern of pieces that is mostly right.
func randomQuestion(rng *rand.Rand) question {
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	text := func(n int, from ...string) string {
		var b strings.Builder
		for range rng.IntN(n) {
			b.WriteString(pick(from))
		}
		return b.String()
	}
	return question{
		op:      pick(operations),
		subject: text(16, "a", "a", "b", "b", "c", " ", "1", "(", ")", "]", "-", "^", "%", "A"),
		pattern: text(7, "a", "b", "ab", ".", "%a", "%d", "%s", "%W", "[ab]", "[^a]", "[%a1]", "[a-c]", "*", "+", "-", "?", "*", "-",
			"(", ")", "(a)", "(.-)", "()", "$", "^", "%1", "%2", "%b()", "%f[a]", "%f[^a]", "]", "[]", "[^]", "%%", "[%]]", "%"),
		replacement: pick(someReplacements),
		init:        rng.IntN(12) - 4,
	}
}
