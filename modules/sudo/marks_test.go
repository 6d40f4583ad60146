package sudo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listen returns what an ear hears in text, which comes in pieces.
func listen(t token, text string, size int) (said, between string) {
	e := &ear{token: t, text: func(p []byte) { between += string(p) }, said: func(what, about string) { said += what + "=" + about + " " }}
	for len(text) > 0 {
		n := min(size, len(text))
		e.Write([]byte(text[:n]))
		text = text[n:]
	}
	e.flush()
	return said, between
}

// Marks are found however they are cut, and what only looks like one is not.
func TestEar(t *testing.T) {
	const tok = token("<TOKEN:")
	for _, tc := range []struct{ text, said, between string }{
		{"", "", ""},
		{"no mark\n", "", "no mark\n"},
		{"a<TOKEN:shell 12>b<TOKEN:asks web>", "shell=12 asks=web ", "ab"},
		{"<TOKEN:runs><TOKEN:runs>", "runs= runs= ", ""},
		{"<TOK<TOKEN:runs>EN:runs>", "runs= ", "<TOKEN:runs>"},
		{"end <TOKEN:run", "", "end <TOKEN:run"},
		{"<TOKEX:runs>", "", "<TOKEX:runs>"},
		{"<TOKEN:" + strings.Repeat("x", 600) + ">", "", "<TOKEN:" + strings.Repeat("x", 600) + ">"},
	} {
		for size := 1; size < 20; size++ {
			said, between := listen(tok, tc.text, size)
			if diff := cmp.Diff([]string{tc.said, tc.between}, []string{said, between}); diff != "" {
				t.Errorf("%.40q by %d: -want +got\n%s", tc.text, size, diff)
			}
		}
	}
}

// Whatever comes, and however it is cut, nothing is lost or made up.
func FuzzEar(f *testing.F) {
	f.Add("a<T:runs>b<T:", 3)
	f.Fuzz(func(t *testing.T, text string, size int) {
		const tok = token("<T:")
		said, between := listen(tok, text, max(1, size&31))
		once, whole := listen(tok, text, len(text)+1)
		if said != once || between != whole {
			t.Errorf("%q by %d: got %q, %q; whole %q, %q", text, size, said, between, once, whole)
		}
		if len(between) > len(text) {
			t.Errorf("%q: got more than that, %q", text, between)
		}
	})
}
