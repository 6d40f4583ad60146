package remote_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
)

func TestOutput(t *testing.T) {
	for _, test := range []struct {
		name   string
		keep   int
		writes []string
		want   string
		cut    int64
	}{
		{"nothing", 10, nil, "", 0},
		{"less than is kept", 10, []string{"abc"}, "abc", 0},
		{"just what is kept", 10, []string{"abcde", "fghij"}, "abcdefghij", 0},
		{"one too many", 10, []string{"abcdefghijk"}, "abcde\n[farmrun: 1 bytes cut here]\nghijk", 1},
		{"one too many, by single bytes", 4, []string{"a", "b", "c", "d", "e"}, "ab\n[farmrun: 1 bytes cut here]\nde", 1},
		{"much in one write", 4, []string{strings.Repeat("x", 1000) + "yz"}, "xx\n[farmrun: 998 bytes cut here]\nyz", 998},
		{"much after the ring has turned", 4, []string{"abcde", strings.Repeat("x", 1000) + "yz"}, "ab\n[farmrun: 1003 bytes cut here]\nyz", 1003},
		{"empty writes", 4, []string{"", "a", ""}, "a", 0},
		{"the least there is", 1, []string{"abc"}, "a\n[farmrun: 1 bytes cut here]\nc", 1},
		{"not UTF-8", 4, []string{"\xff\xfe\xfd\xfc\xfb"}, "\xff\xfe\n[farmrun: 1 bytes cut here]\n\xfc\xfb", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := remote.Output{Keep: test.keep}
			for _, w := range test.writes {
				if n, err := o.Write([]byte(w)); n != len(w) || err != nil {
					t.Errorf("Write(%q) = %d, %v", w, n, err)
				}
			}
			if diff := cmp.Diff(test.want, string(o.Bytes())); diff != "" {
				t.Error(diff)
			}
			if o.Cut() != test.cut {
				t.Errorf("cut %d, want %d", o.Cut(), test.cut)
			}
		})
	}
}

// TestOutputBound writes without end into the zero value.
func TestOutputBound(t *testing.T) {
	var o remote.Output
	chunk := bytes.Repeat([]byte("y\n"), 1<<15)
	for range 100 {
		o.Write(chunk)
	}
	if got := len(o.Bytes()); got < remote.DefaultKeep || got > remote.DefaultKeep+100 {
		t.Errorf("%d bytes are kept, want %d", got, remote.DefaultKeep)
	}
	if want := int64(100*len(chunk) - remote.DefaultKeep); o.Cut() != want {
		t.Errorf("cut %d, want %d", o.Cut(), want)
	}
}

// FuzzOutput compares with keeping all of it: the head and the tail are the
// true ones, and every byte is there or counted as cut.
func FuzzOutput(f *testing.F) {
	f.Add(10, []byte("hello"), 3)
	f.Add(4, []byte("abcdefghijklmnopqrstuvwxyz"), 5)
	f.Add(2, []byte{0, 1, 2, 255}, 1)
	f.Add(64, bytes.Repeat([]byte("line\n"), 100), 17)
	f.Fuzz(func(t *testing.T, keep int, all []byte, step int) {
		if keep < 2 || keep > 1<<16 || step < 1 {
			return
		}
		o := remote.Output{Keep: keep}
		for rest := all; len(rest) > 0; {
			n := min(step, len(rest))
			o.Write(rest[:n])
			rest, step = rest[n:], step%7*step%1000+1
		}
		half := keep / 2
		want := string(all)
		if cut := len(all) - 2*half; cut > 0 {
			want = string(all[:half]) + fmt.Sprintf("\n[farmrun: %d bytes cut here]\n", cut) + string(all[len(all)-half:])
		}
		if diff := cmp.Diff(want, string(o.Bytes())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLastLines(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""},
		{"one", 3, "one"},
		{"one\n", 1, "one"},
		{"one\ntwo\nthree\n", 2, "two\nthree"},
		{"one\ntwo\nthree\n", 3, "one\ntwo\nthree"},
		{"one\ntwo\nthree\n", 9, "one\ntwo\nthree"},
		{"one\r\ntwo\r\n\n\n", 1, "two"},
		{"\n\n\n", 2, ""},
		{"\none", 2, "\none"},
		{"one\ntwo", 0, ""},
	} {
		if got := remote.LastLines([]byte(test.text), test.n); got != test.want {
			t.Errorf("LastLines(%q, %d) = %q, want %q", test.text, test.n, got, test.want)
		}
	}
}
