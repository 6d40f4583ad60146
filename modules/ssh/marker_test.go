package ssh

import (
	"strings"
	"testing"
)

// pour writes text to a marker in pieces of n bytes.
func pour(text string, n int) (said string, pid int64) {
	s := &stream{turn: make(chan struct{}, 1)}
	m := &marker{to: s, text: markText}
	for len(text) > 0 {
		n := min(n, len(text))
		m.Write([]byte(text[:n]))
		text = text[n:]
	}
	m.flush()
	return string(s.bytes()), m.pid.Load()
}

func TestMarker(t *testing.T) {
	for _, x := range []struct {
		text, said string
		pid        int64
	}{
		{"", "", 0},
		{markText + "123\n", "", 123},
		{markText + "123\nerror\n", "error\n", 123},
		{"noise\n" + markText + "123\nerror", "noise\nerror", 123},
		{"noise " + markText + "123\n", "noise " + markText + "123\n", 0},
		{markText + "x\n" + markText + "7\n", markText + "x\n", 7},
		{markText + "5\n" + markText + "7\n", markText + "7\n", 5},
		{markText, markText, 0},
		{"far", "far", 0},
		{markText + "1\n", markText + "1\n", 0},
		{markText + "-5\n", markText + "-5\n", 0},
		{markText + strings.Repeat("9", 100) + "\n", markText + strings.Repeat("9", 100) + "\n", 0},
		{strings.Repeat("x\n", mostNoise) + markText + "5\n", strings.Repeat("x\n", mostNoise) + markText + "5\n", 0},
	} {
		for _, n := range []int{1, 7, 1 << 20} {
			if said, pid := pour(x.text, n); said != x.said || pid != x.pid {
				t.Errorf("%.40q by %d: got %.40q and %d, want %.40q and %d", x.text, n, said, pid, x.said, x.pid)
			}
		}
	}
}

// FuzzMarker has the marker take out at most its own line, however the text
// is cut into pieces.
func FuzzMarker(f *testing.F) {
	f.Add("noise\n"+markText+"12\nrest", 3)
	f.Add(markText+"12", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		said, pid := pour(text, max(n, 1))
		whole, _ := pour(text, len(text)+1)
		if said != whole {
			t.Errorf("in pieces %q, at once %q", said, whole)
		}
		if pid == 0 && said != text {
			t.Errorf("%q became %q", text, said)
		}
	})
}
