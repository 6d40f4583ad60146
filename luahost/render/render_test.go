package render

import (
	"strings"
	"testing"
	"unicode/utf8"
)

var shown = map[string]struct{ output, want string }{
	"lines":                  {"a\r\nb\r\n", "a\nb\n"},
	"a line feed alone":      {"a\nb", "a\nb"},
	"trailing blanks":        {"a  \r\nb \r\r\n  ", "a  \nb \n  "},
	"an overwritten line":    {"10%\r20%\r\n", "20%\n"},
	"corrected":              {"lx\b \bs", "ls"},
	"a blank is text":        {"Password: ", "Password: "},
	"IOS erases":             {" --More-- \b\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b\b!\r\nend", "!\nend"},
	"IOS erases, prompt":     {" --More-- \b\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b\bcore9#", "core9#"},
	"FortiOS erases":         {"--More-- \r         \rnext\r\n", "next\n"},
	"Junos erases":           {"---(more 23%)---\r                \r", ""},
	"VRP erases":             {"  ---- More ----\x1b[16D                \x1b[16Dx\r\n", "x\n"},
	"ProCurve":               {"a\x1bEb\x1b[24;1Hc", "a\nb\nc"},
	"ProCurve asks and goes": {"\x1b[24;1Ha\x1bE\x1b[24;1H-- MORE --\x1b[24;1H\x1b[2Kb\x1bE\x1b[24;1Hsw# \x1b[24;1H\x1b[?25h\x1b[24;5H", "a\nb\nsw# "},
	"to the end of the line": {"--More--\r\x1b[Knext", "next"},
	"deleted and inserted":   {"abcd\x1b[3D\x1b[Px\x1b[1@y", "axyd"},
	"another row":            {"top\x1b[1;1Hmenu\x1b[2;1Hitem\x1b[2;3HX", "top\nmenu\nitXm"},
	"colours and titles":     {"\x1b]0;web1\a\x1b[1;32mweb\x1b[0m\x1b(B$ \x1b]2;x\x1b\\y", "web$ y"},
	"tabs":                   {"a\tb \t\tc\t\r\n", "a\tb \t\tc\t\n"},
	"tabs drawn over":        {"a\tb\rxyz\r\n\t\tz\b\b\by\r\n\tb\r\x1b[1Pc", "xyz     b\n\t      y z\nc      b"},
	"a tab drawn again":      {"a\tb\ra\tb", "a\tb"},
	"UTF-8 and Latin-1":      {"é\xe9 \xff", "é\xe9 \xff"},
	"bells":                  {"\aa\x00b\x7f", "ab"},
}

func TestLines(t *testing.T) {
	for name, c := range shown {
		if got := Text([]byte(c.output)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		var l Lines
		got := ""
		for i := range len(c.output) {
			got += string(l.Show([]byte{c.output[i]}))
		}
		if got += l.Line(); got != c.want {
			t.Errorf("%s, byte by byte: got %q, want %q", name, got, c.want)
		}
	}
}

// TestWidth: a shell writes a blank behind a full row and goes to the beginning of the
// next; a program that draws a full row again does not.
func TestWidth(t *testing.T) {
	l := Lines{Width: 10}
	got := string(l.Show([]byte("$ echo 345 \r6789 12345 \r6\r\n0123456789\r999\r\n")))
	if want := "$ echo 3456789 123456\n9993456789\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzLines: output without controls stays as it is, and pieces are as the whole.
func FuzzLines(f *testing.F) {
	for _, c := range shown {
		f.Add(c.output, 3)
	}
	f.Fuzz(func(t *testing.T, output string, at int) {
		whole := Text([]byte(output))
		at = min(max(0, at), len(output))
		var l Lines
		got := string(l.Show([]byte(output[:at]))) + string(l.Show([]byte(output[at:]))) + l.Line()
		if got != whole && len(output) < longest {
			t.Errorf("in one %q, in two %q", whole, got)
		}
		plain := !strings.ContainsFunc(output, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f })
		if plain && utf8.ValidString(output) && whole != output {
			t.Errorf("%q became %q", output, whole)
		}
	})
}
