package expect

import (
	"regexp"
	"testing"
)

// TestLastLine: patterns of which only the last line is searched match as in all text.
func TestLastLine(t *testing.T) {
	texts := []string{"", "\n", "a#", "x\r\nsw# ", "x# \n", "--more--\nsw1(config)# ", "a\n\nb> x\n ", "é#\n\xe9 #", "# \n# "}
	for expr, want := range map[string]bool{
		`[#>] ?$`: true, `(?m)^sw\d*(\(\w+\))?# *\z`: true, `(?:# ?|> ?)$`: true, `# ?$|> $`: true, `\bsw.*$`: true, ` *$`: true, `([^\n#]*)# $`: true,
		`#`: false, `^sw# $`: false, `[^#]*# $`: false, `(?s)a.*$`: false, `(?m)#$`: false, `# ?$|x`: false, `\s$`: false, `(\A|x)# $`: false, `(a\n)?$`: false,
	} {
		p, err := Regexp(expr)
		if err != nil {
			t.Fatal(err)
		}
		if p.lastLine != want {
			t.Errorf("%s: got %v, want %v", expr, p.lastLine, want)
		}
		for _, text := range texts {
			got, ok := "", false
			if at := p.place([]byte(text)); at != nil {
				got, ok = text[at[0]:at[1]], true
			}
			if at := regexp.MustCompile(expr).FindStringIndex(text); want && (ok != (at != nil) || ok && got != text[at[0]:]) {
				t.Errorf("%s in %q: got %q, %v, want %v", expr, text, got, ok, at)
			}
		}
	}
}
