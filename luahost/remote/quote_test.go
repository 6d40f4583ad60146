package remote_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"farmrun/luahost/remote"
)

// awkward are words that shells like to misread.
var awkward = []string{
	"", " ", "plain", "-n", "--", "a b", "it's", `"double"`, `back\slash`, `trailing\`, "$HOME", "$(id)", "`id`", "${x}",
	"*", "?", "[a-z]", "{a,b}", "~", "~root", "=cat", "#comment", "a#b", ";", "&", "|", "<", ">", "(", ")", "%1", "a=b",
	"tab\there", "héllo", "\xff\xfe", "''", "'", "a'b'c", "é", "\u202e", "\x01\x7f", "^", "@", "!x"[1:], "*'*", "\\'", "'\\''",
}

// TestQuote has the shells of this machine read quoted words back. csh and
// tcsh are tried if they are here: logins may have them.
func TestQuote(t *testing.T) {
	for _, shell := range []string{"sh", "dash", "bash", "csh", "tcsh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		t.Run(shell, func(t *testing.T) {
			words := awkward
			if !strings.HasSuffix(shell, "csh") {
				words = append(words, "two\nlines", "\n", "!", "history!!", "!\n'!")
			}
			args := []string{"-c"}
			if strings.HasSuffix(shell, "csh") {
				args = []string{"-f", "-c"}
			}
			// The words go through printf, which ends each with a control character.
			out, err := exec.Command(path, append(args, `printf '%s\004' `+remote.QuoteAll(words))...).Output()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(string(out), "\004")
			if len(got) != len(words)+1 {
				t.Fatalf("%d words became %d: %q", len(words), len(got)-1, got)
			}
			for i, w := range words {
				if got[i] != w {
					t.Errorf("%q was read as %q", w, got[i])
				}
			}
		})
	}
}

// FuzzQuote has sh read any word back.
func FuzzQuote(f *testing.F) {
	for _, w := range awkward {
		f.Add([]byte(w))
	}
	f.Fuzz(func(t *testing.T, word []byte) {
		if bytes.IndexByte(word, 0) >= 0 || len(word) > 1<<15 {
			return // no argument of any program
		}
		out, err := exec.Command("sh", "-c", "printf '%s' "+remote.Quote(string(word))).Output()
		if err != nil || !bytes.Equal(out, word) {
			t.Errorf("%q was read as %q (%v)", word, out, err)
		}
	})
}

func TestQuoteLeavesPlainWords(t *testing.T) {
	for _, w := range []string{"www", "/home/web/www", "a-b_c.d", "user@host:22", "1,2+3%"} {
		if got := remote.Quote(w); got != w {
			t.Errorf("%q is quoted as %q", w, got)
		}
	}
}
