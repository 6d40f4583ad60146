package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/secret"
)

// ring returns a Keyring that knows secrets.
func ring(secrets ...string) *secret.Keyring {
	var k secret.Keyring
	for _, s := range secrets {
		k.Hide(secret.New(s))
	}
	return &k
}

// masked returns what becomes of text that comes in portions of n bytes.
func masked(t *testing.T, k *secret.Keyring, text string, n int) string {
	t.Helper()
	var out bytes.Buffer
	m := k.Masker(&out)
	for portion := range slices.Chunk([]byte(text), n) {
		if got, err := m.Write(portion); got != len(portion) || err != nil {
			t.Fatal(got, err)
		}
	}
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestMasker: in whichever way a secret is wrapped, it is redacted, and nothing
// else is.
func TestMasker(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"nothing":        {"last login: Tue\r\nweb1$ ", "last login: Tue\r\nweb1$ "},
		"whole":          {"my hunter2!\r\n", "my ********\r\n"},
		"two":            {"hunter2!hunter2!", "****************"},
		"a part":         {"hunter2 unter2!", "hunter2 unter2!"},
		"line wrap":      {"hun\r\nter2!", "***\r\n*****"},
		"readline wrap":  {"hunt \rer2!", "**** \r****"},
		"readline again": {"hun \rt\rter2!", "hun \rt\rter2!"},
		"padded line":    {"hun\r   ter2!", "***\r   *****"},
		"spaces":         {"hun ter2!", "hun ter2!"},
		"tmux wrap":      {"hun\x1b[K\x1b[2;1Hter2!", "***\x1b[K\x1b[2;1H*****"},
		"coloured":       {"h\x1b[1mu\x1b[mn\x1b[1;31mt\x1b[0mer2!", "*\x1b[1m*\x1b[m*\x1b[1;31m*\x1b[0m****"},
		"title between":  {"hun\x1b]0;web1\ater2!", "***\x1b]0;web1\a*****"},
		"in a title":     {"\x1b]0;hunter2!\a$ ", "\x1b]0;********\a$ "},
		"charset":        {"hu\x1b(Bnter2!", "**\x1b(B******"},
		"corrected":      {"hux\bnter2!", "**x\b******"},
		"erased":         {"hux\b \bnter2!", "**x\b \b******"},
		"redrawn":        {"h\bhu\b\bhun\b\b\bhunter2!", "h\bhu\b\bhun\b\b\b********"},
		"doubled":        {"hhuunntteerr22!!", "****************"},
		"stars":          {"h*u*n*t*e*r2!", "h*u*n*t*e*r2!"},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range 6 {
				if diff := cmp.Diff(test.want, masked(t, ring("hunter2!"), test.in, n*n+1)); diff != "" {
					t.Errorf("in portions of %d: %s", n*n+1, diff)
				}
			}
		})
	}
}

// TestMaskText: the same in a text of which all is there, with names that stay.
func TestMaskText(t *testing.T) {
	for name, test := range map[string]struct {
		secrets  []string
		in, want string
	}{
		"whole":       {[]string{"hunter2!"}, "my hunter2!hunter2!.", "my (secret)(secret)."},
		"coloured":    {[]string{"hunter2!"}, "hun\x1b[1mter2!\x1b[m", "(secret)\x1b[1m\x1b[m"},
		"overlapping": {[]string{"abcd", "cdef"}, "xabcdefx", "x(secret)x"},
		"within":      {[]string{"bcd", "abcde"}, "abcde bcd", "(secret) (secret)"},
		"a name":      {[]string{"web"}, "web1 of web, webb", "web1 of (secret), (secret)b"},
		"over a name": {[]string{"xweb1y"}, "xweb1y web1", "(secret) web1"},
		"other ends":  {[]string{"eb1"}, "web1 eb1", "web1 (secret)"},
		"short":       {[]string{"ab", ""}, "abab", "abab"},
	} {
		if got := string(ring(test.secrets...).Mask([]byte(test.in), "web1", "")); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// TestMaskerSecrets: secrets of unusual kinds.
func TestMaskerSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		secrets  []string
		in, want string
	}{
		"three letters": {[]string{"the", ""}, "the other theme: t\bthe", "*** o***r ***me: t\b***"},
		"with spaces":   {[]string{"open sesame"}, "open sesame; open \rsesame; up open", "***********; *****\r******; up open"},
		"with a tab":    {[]string{"ab\tcd"}, "ab\tcd, abcd", "*****, ****"},
		"not ASCII":     {[]string{"pässwörd"}, "pässwörd", strings.Repeat("*", len("pässwörd"))},
		"asterisks":     {[]string{"a*b*c*d"}, "a*b*c*d", "......."},
		"repetitive":    {[]string{"aabaa"}, "aabaabaa aaba", "******** aaba"},
		"the mask":      {[]string{"(secret)"}, "(secret)", "********"},
		"an escape":     {[]string{"\x1b[31m"}, "a\x1b[31mb", "a*****b"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, masked(t, ring(test.secrets...), test.in, 1000)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMaskerHolds: only what may become a secret is held back, until Flush,
// and never much.
func TestMaskerHolds(t *testing.T) {
	var out bytes.Buffer
	m := ring("hunter2!").Masker(&out)
	said := func(say, want string) {
		t.Helper()
		out.Reset()
		io.WriteString(m, say)
		if got := out.String(); got != want {
			t.Errorf("after %q: got %q, want %q", say, got, want)
		}
	}
	said("web1$ hu", "web1$ ")
	said("\r\n", "")
	said("shed of tools ", "hu\r\nshed of tools ")
	said("hu", "")
	out.Reset()
	m.Flush()
	if out.String() != "hu" {
		t.Errorf("flushed: %q", &out)
	}
	said("nter", "")
	said("2!", "******")
	said(" 12345678 ", " 12345678 ")
	noise := strings.Repeat("\x1b[m", 2<<10)
	said("hun", "")
	said(noise, "hun"+noise[:2<<10])
	said("ter2! 1234567890", noise[2<<10:]+"***** 1234567890")
}

// TestMaskerLearns: a secret that becomes known is masked from then on.
func TestMaskerLearns(t *testing.T) {
	var out bytes.Buffer
	k := ring()
	m := k.Masker(&out)
	io.WriteString(m, "hunter2! hun")
	k.Put("web", secret.New("hunter2!"))
	io.WriteString(m, "ter2! hunter2!")
	k.Put("web", secret.New("hunter2*")) // the first was mistyped
	io.WriteString(m, " hunter2! hunter2*")
	m.Flush()
	if got, want := out.String(), "hunter2! hunter2! ******** ........ ........"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left on device")

func TestMaskerFails(t *testing.T) {
	for _, k := range []*secret.Keyring{ring(), ring("hunter2!")} {
		if n, err := k.Masker(full{}).Write([]byte("x")); n != 0 || !errors.Is(err, errFull) {
			t.Error(n, err)
		}
	}
	m := ring("hunter2!").Masker(full{})
	if _, err := io.WriteString(m, "hun"); err != nil {
		t.Error(err)
	}
	if err := m.Flush(); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

// pieces are the parts of the property test's texts, besides secrets.
var pieces = []string{
	"\r\n", "\r", " \r", "\b", " \b", "\x1b[m", "\x1b[1;31m", "\x1b[2;1H", "\x1b]0;t\a", "\x1b(B", "\x00", " ", "a", "b", "é",
	"aa", "ab", "x", "*", "\n    ", "\x1b[", "\x1b", "\x7f", "\xff", `\`, `"`, "'", "%", "$", "/",
}

// TestMaskAgainstOracle has random texts of hosts, cut at random places, redacted:
// in whole texts, exactly the secrets that a plain search finds; in those that come
// in portions, nothing else, and in the output the search finds none.
func TestMaskAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		k, secrets := &secret.Keyring{}, []string(nil)
		for range 1 + rnd.IntN(3) {
			s := ""
			for range 2 + rnd.IntN(4) {
				s += []string{"a", "b", "é", " ", `"`, "'", `\`, "$", "%", "*", "x", "\t"}[rnd.IntN(12)]
			}
			if secrets = append(secrets, s); len(s) < 3 {
				continue
			}
			k.Hide(secret.New(s))
		}
		text := ""
		for range rnd.IntN(30) {
			s := secrets[rnd.IntN(len(secrets))]
			switch rnd.IntN(6) {
			case 0:
				text += s
			case 1: // its beginning
				text += s[:rnd.IntN(len(s))]
			case 2: // with something between
				i := rnd.IntN(len(s))
				text += s[:i] + pieces[rnd.IntN(len(pieces))] + s[i:]
			case 3: // escaped
				text += shellWord(s, rnd.IntN(4))
			default:
				text += pieces[rnd.IntN(len(pieces))]
			}
		}
		want := oracle(secrets, text)
		if got := string(k.Mask([]byte(text))); !sameRedaction(text, got, want) {
			t.Fatalf("secrets %q, text %q:\ngot  %q\nwant %v", secrets, text, got, want)
		}
		var out bytes.Buffer
		m := k.Masker(&out)
		for rest := []byte(text); len(rest) > 0; {
			n := 1 + rnd.IntN(len(rest))
			m.Write(rest[:n])
			rest = rest[n:]
		}
		m.Flush()
		if out.Len() != len(text) {
			t.Fatalf("secrets %q: %q became %q", secrets, text, &out)
		}
		for i, b := range out.Bytes() {
			if b != text[i] && !want[i] || b == text[i] && want[i] && !strings.Contains(text, "\b") {
				t.Fatalf("secrets %q, text %q: byte %d is %q", secrets, text, i, b)
			}
		}
		// A redacted byte that has ended an escape sequence no longer does.
		ends := false
		for i, shown := range shownBytes(text) {
			ends = ends || want[i] && !shown && text[i] >= ' '
		}
		if left := oracle(secrets, out.String()); !ends && slices.Contains(left, true) {
			t.Fatalf("secrets %q, text %q: left in %q", secrets, text, &out)
		}
	}
}

// sameRedaction tells whether got is text with each run of redacted bytes replaced,
// as often as there are secrets in it.
func sameRedaction(text, got string, redacted []bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case !redacted[i]:
			if got == "" || got[0] != text[i] {
				return false
			}
			got = got[1:]
		case strings.HasPrefix(got, "(secret)"):
			got = got[len("(secret)"):]
		}
	}
	return got == ""
}

// shellWord is s as a shell or JSON has it within quotes.
func shellWord(s string, how int) string {
	switch how {
	case 0:
		return strings.ReplaceAll(s, "'", `'\''`)
	case 1:
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(s)
	case 2:
		j, _ := json.Marshal(s)
		return string(j[1 : len(j)-1])
	}
	return regexp.MustCompile(`[ "'\\$*]`).ReplaceAllString(s, `\$0`)
}

// oracle says which bytes of text belong to a secret: it reads the text in each
// way from the beginning and compares, after each character, the text so far with
// all forms of all secrets.
func oracle(secrets []string, text string) []bool {
	found := make([]bool, len(text))
	var forms []string
	for _, s := range secrets {
		if len(s) >= 3 {
			forms = append(forms, secret.Forms(s)...)
		}
	}
	for way := range 7 {
		raw, unspaced, erased := way == 0 || way == 5, way == 2 || way == 4, way == 3 || way == 4
		unescaped := way >= 5
		var read []char
		bare, shown := false, shownBytes(text)
		for i := range len(text) {
			if !raw && !shown[i] {
				bare = true
				if text[i] == '\b' && erased && len(read) > 0 {
					read = read[:len(read)-1]
				}
				if text[i] != '\b' && unspaced {
					read = withoutSpaces(read)
				}
				continue
			}
			if unspaced && bare && text[i] != ' ' {
				read = withoutSpaces(read)
			}
			bare = bare && text[i] == ' '
			c := char{text[i], []int{i}}
			if last := len(read) - 1; unescaped && last >= 0 && read[last].is == '\\' && len(read[last].at) == 1 && strings.IndexByte(" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", text[i]) >= 0 {
				c.at = []int{read[last].at[0], i}
				read = read[:last]
			}
			read = append(read, c)
			for _, f := range forms {
				if len(read) < len(f) {
					continue
				}
				last, same := read[len(read)-len(f):], true
				for j, c := range last {
					same = same && c.is == f[j]
				}
				for _, c := range last {
					for _, at := range c.at {
						found[at] = found[at] || same
					}
				}
			}
		}
	}
	return found
}

// char is a character, and where in the text it and its backslash are.
type char struct {
	is byte
	at []int
}

func withoutSpaces(read []char) []char {
	for len(read) > 0 && read[len(read)-1].is == ' ' {
		read = read[:len(read)-1]
	}
	return read
}

// control sequences as ECMA-48 has them, each with the bytes that end it too early.
var sequence = regexp.MustCompile(strings.ReplaceAll(`^\x1b(C*[\]PX^_][^\x07\x18\x1a\x1b]*(\x07|\x1b\\)?|C*\[[^\x18\x1a\x1b@-~\x{80}-\x{ff}]*[@-~\x{80}-\x{ff}]?|([ -/]|C)*[0-~\x{80}-\x{ff}]?)`, "C", `[\x00-\x17\x19\x1c-\x1f\x7f]`))

// shownBytes says which bytes of text a terminal shows.
func shownBytes(text string) []bool {
	shown := make([]bool, len(text))
	for i := 0; i < len(text); {
		if text[i] == 0x1b {
			i += len([]rune(sequence.FindString(latin1(text[i:]))))
			continue
		}
		shown[i] = text[i] >= ' ' && text[i] != 0x7f
		i++
	}
	return shown
}

// latin1 makes each byte a character, so that regular expressions read bytes.
func latin1(text string) string {
	r := make([]rune, len(text))
	for i := range len(text) {
		r[i] = rune(text[i])
	}
	return string(r)
}

// TestForms: the forms are those of the programs that escape.
func TestForms(t *testing.T) {
	for _, s := range []string{`a"b'c\d$e f%g`, "pässwörd", "a<b&c>d/e", "!x`y*z?", "~a#b;c|d(e)[f]{g}"} {
		k := ring(s)
		j, _ := json.Marshal(s)
		texts := []string{string(j), strconv.Quote(s), strconv.QuoteToASCII(s)}
		for _, script := range []string{`printf %q "$1"`, `x=$1; set -x; : "$x"`, `declare -p x 2>/dev/null; x=$1; declare -p x`} {
			out, err := exec.Command("bash", "-c", script, "bash", s).CombinedOutput()
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(out))
		}
		for _, text := range texts {
			if got := string(k.Mask([]byte(text))); !strings.Contains(got, "(secret)") {
				t.Errorf("%q as %q became %q", s, text, got)
			}
		}
	}
}

func BenchmarkMasker(b *testing.B) {
	line := []byte("-rw-r--r-- 1 web web 12288 Sep 19 21:04 /web/releases/2000-09-19/htdocs/index.html\r\n")
	text := bytes.Repeat(line, 100)
	for name, k := range map[string]*secret.Keyring{"none": ring(), "one": ring("hunter2!"), "ten": ring("hunter2!", "wersdf23", "09-19-20", "releases", "tdocs/ind", "21:04 /w", "web web web", "root1234", "xxxxxx", "q1w2e3r4")} {
		b.Run(name, func(b *testing.B) {
			m := k.Masker(io.Discard)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Write(text)
			}
		})
	}
}
