package secret_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
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

// TestMasker: in whichever way an echo is wrapped, nothing of it is seen.
func TestMasker(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"nothing":        {"last login: Tue\r\nweb1$ ", "last login: Tue\r\nweb1$ "},
		"whole":          {"my hunter2!\r\n", "my ********\r\n"},
		"two":            {"hunter2!hunter2!", "****************"},
		"its beginning":  {"hunt", "****"},
		"its middle":     {"<nter>", "<****>"},
		"its end":        {"ter2!", "*****"},
		"three bytes":    {"hun ter", "hun ter"},
		"line wrap":      {"hun\r\nter2!", "***\r\n*****"},
		"readline wrap":  {"hunt \rer2!", "*****\r****"},
		"readline again": {"hun \rt\rter2!", "****\r*\r*****"},
		"padded line":    {"hun\r   ter2!", "***\r********"},
		"no wrap":        {"\rhun ter", "\rhun ter"},
		"tmux wrap":      {"hun\x1b[K\x1b[2;1Hter2!", "***\x1b[K\x1b[2;1H*****"},
		"coloured":       {"h\x1b[1mu\x1b[mn\x1b[1;31mt\x1b[0mer2!", "*\x1b[1m*\x1b[m*\x1b[1;31m*\x1b[0m****"},
		"title between":  {"hun\x1b]0;web1\ater2!", "***\x1b]0;web1\a*****"},
		"in a title":     {"\x1b]0;hunter2!\a$ ", "\x1b]0;********\a$ "},
		"torn title":     {"\x1b]0;hun\r\nter2!", "\x1b]0;***\r\n*****"},
		"charset":        {"hu\x1b(Bnt", "**\x1b(B**"},
		"corrected":      {"hux\bnter2!", "***\b******"},
		"redrawn":        {"h\bhu\b\bhun\b\b\bhunt", "h\bhu\b\bhun\b\b\b****"},
		"doubled":        {"hhuunntteerr22!!", "****************"},
		"drawn twice":    {"h\bhu\bun\bnt\bt", "h\b**\b**\b**\b*"},
		"stars":          {"h*u*n*t*e*r", "h*u*n*t*e*r"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, masked(t, ring("hunter2!"), test.in, 1000)); diff != "" {
				t.Error(diff)
			}
			for n := range 6 {
				seen(t, "hunter2!", masked(t, ring("hunter2!"), test.in, n+1))
			}
		})
	}
}

// TestMaskerSecrets: secrets of unusual kinds.
func TestMaskerSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		secrets  []string
		in, want string
	}{
		"short":         {[]string{"abc", ""}, "abc", "abc"},
		"with spaces":   {[]string{"open sesame"}, "open sesame; open \rsesame; up open", "***********; *****\r******; up ****"},
		"with a tab":    {[]string{"ab\tcd"}, "ab\tcd, abcd", "**\t**, ****"},
		"not ASCII":     {[]string{"pässwörd"}, "pässwörd", strings.Repeat("*", len("pässwörd"))},
		"asterisks":     {[]string{"a*b*c*d"}, "a*b*c*d", "......."},
		"double letter": {[]string{"committee"}, "committee ccoommiitttteeee", "********* ****************"},
		"the mask":      {[]string{"(secret)"}, "(secret)", "********"},
		// With its beginning masked, the sequence ends later, and with it goes
		// what stood between pieces that are none yet.
		"escape": {[]string{"00001essa"}, "0\x1bessax000", "0\x1b****x00*"},
		"colour": {[]string{"31mhot"}, "\x1b[31mhot", "\x1b[******"},
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
	said("sh", "hu\r\ns")
	out.Reset()
	m.Flush()
	if out.String() != "h" {
		t.Errorf("flushed: %q", &out)
	}
	said("unter", "*****")
	said("2! hun", "** ")
	noise := strings.Repeat("\x1b[m", 2<<10)
	said(noise, "hun"+noise[:2<<10])
	said("ter2!", noise[2<<10:]+"*****")
	said("\r\nhun ", "\r\n")
	said("\rter2!", "****\r*****")
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
	if got, want := out.String(), "hunter2! hun***** ******** ........ ........"; got != want {
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

// between is what a host may say between two characters of an echo, or in
// place of one.
var between = []string{
	"\r\n", "\r", " \r", "\b", " \b", "\x1b[m", "\x1b[1;31m", "\x1b[K", "\x1b[2;1H", "\x1b]0;web1\a", "\x1b]2;x\x1b\\",
	"\x1b(B", "\x1b7", "\x00", "\x1b[?2004h", "*", "x", "(secret)", "\n    ", "\x1b[", "\x1b]", "\x1b", "\x7f", "\xff",
}

// FuzzMasker has a host echo a secret as it likes: each byte of says is
// something it says. In no reading of what comes out is there a piece of the
// secret.
func FuzzMasker(f *testing.F) {
	for _, s := range []string{"hunter2!", "aaaaaaa", "abab*bab", "open sesame", "2004h31m", "\x1b[31m[[[[", "(secret)", "héé", "ab\tcd"} {
		f.Add(s, []byte("\x00\x00\x00\x00\x00\x00\x00\x00"))
		f.Add(s, []byte("\x00\x20\x00\x21\x00\x22\x00\x23\x00\x24\x00\x25\x00\x26\x00\x2d\x00\x00\x35\x00\x35\x00"))
		f.Add(s, []byte("\x00\x00\x01\x00\x02\x00\x03\x34\x34\x10\x11\x12\x13\x10\x00\x00\x00\x00"))
	}
	f.Add("0\x00 01", []byte("\x002\x00\x00#\x00\x00")) // corrected and doubled
	f.Fuzz(func(t *testing.T, s string, says []byte) {
		if len(s) > 64 || len(says) > 64 {
			return
		}
		var in, out bytes.Buffer
		m := ring(s).Masker(&out)
		next := 0
		for _, say := range says {
			var word string
			switch {
			case say == 0x01:
				m.Flush()
			case say == 0x02:
				next = 0
			case say < 0x10 && next < len(s):
				word = s[next : next+1]
				next++
			case say < 0x20:
				word = s[int(say)%(len(s)+1):]
			case int(say-0x20) < len(between):
				word = between[say-0x20]
			default:
				word = string(say)
			}
			in.WriteString(word)
			io.WriteString(m, word)
		}
		m.Flush()
		if in.Len() != out.Len() {
			t.Errorf("%q became %q", &in, &out)
		}
		seen(t, s, out.String())
	})
}

// seen fails if there is a piece of s to be seen in out.
func seen(t *testing.T, s, out string) {
	t.Helper()
	whole := []rune(strip(controls, latin1([]byte(s))))
	for reading, text := range readings([]byte(out)) {
		for i := range len(whole) - 3 {
			if p := string(whole[i : i+4]); strings.Contains(text, p) {
				t.Errorf("%s of %q shows %q of %q", reading, out, p, s)
			}
		}
	}
}

var (
	controls = regexp.MustCompile(`[\x00-\x1f\x7f]`)
	// A control character within a sequence does what it does elsewhere.
	escapes = regexp.MustCompile(strings.ReplaceAll(`\x1b(C*[\]PX^_][^\x07\x18\x1a\x1b]*(\x07|\x1b\\)?|C*\[[^\x18\x1a\x1b@-~\x{80}-\x{ff}]*[@-~\x{80}-\x{ff}]?|([ -/]|C)*[0-~\x{80}-\x{ff}]?)`, "C", `[\x00-\x17\x19\x1c-\x1f\x7f]`))
	wraps   = regexp.MustCompile(` *[\x00-\x1f\x7f]+ *`)
	erasing = regexp.MustCompile(`[^\x00-\x1f\x7f][\x00-\x07\x09-\x1f\x7f]*\x08`)
)

// latin1 makes each byte a character, so that regular expressions read bytes.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

func strip(what *regexp.Regexp, from string) string { return what.ReplaceAllString(from, "") }

// readings are the ways a person, a terminal or grep may read what was written.
func readings(out []byte) map[string]string {
	raw := latin1(out)
	shown := escapes.ReplaceAllStringFunc(raw, func(e string) string {
		return "\x00" + strings.Repeat("\b", strings.Count(e, "\b"))
	})
	erased := shown
	for erasing.MatchString(erased) {
		erased = erasing.ReplaceAllString(erased, "\x00")
	}
	return map[string]string{
		"the bytes":      raw,
		"all characters": strip(controls, raw),
		"the text":       strip(controls, shown),
		"the unwrapped":  strip(wraps, shown),
		"the corrected":  strip(controls, erased),
		"the doubled":    string(slices.Compact([]rune(strip(controls, erased)))),
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
