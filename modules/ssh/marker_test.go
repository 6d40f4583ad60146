package ssh

import (
	"strings"
	"testing"

	"farmrun/luahost/remote"
)

const testMark = "farmrun:A:1:"

// pour writes text to a marker in pieces of n bytes.
func pour(text string, n int) (said, noise string, pid int) {
	s := remote.NewStream(nil, 0)
	m := &marker{to: s, mark: testMark, found: func(id int) { pid = id }}
	for len(text) > 0 {
		n := min(n, len(text))
		m.Write([]byte(text[:n]))
		text = text[n:]
	}
	return string(s.Bytes()), string(m.noise.Bytes()), pid
}

func TestMarker(t *testing.T) {
	for _, x := range []struct {
		text, said string
		pid        int
	}{
		{"", "", 0},
		{testMark + "123\n", "", 123},
		{testMark + "123\noutput\n", "output\n", 123},
		{"noise\n" + testMark + "123\noutput", "output", 123},
		{"noise" + testMark + "123\noutput", "output", 123},
		{"not allowed: " + testMark + "$$;\n", "", 0},
		{"+ echo " + testMark + "$$\n" + testMark + "7\n", "", 7},
		{testMark + "5\n" + testMark + "7\n", testMark + "7\n", 5},
		{"farmrun:A:farmrun:A:1:5\nx", "x", 5},
		{testMark, "", 0},
		{testMark + "1\n", "", 0},
		{testMark + "-5\n", "", 0},
		{testMark + strings.Repeat("9", 100) + "\n", "", 0},
		{strings.Repeat("x\n", mostNoise) + testMark + "5\nx", "x", 5},
	} {
		for _, n := range []int{1, 7, 1 << 20} {
			said, noise, pid := pour(x.text, n)
			if said != x.said || pid != x.pid {
				t.Errorf("%.40q by %d: got %.40q and %d, want %.40q and %d", x.text, n, said, pid, x.said, x.pid)
			}
			if pid == 0 && noise != x.text {
				t.Errorf("%.40q by %d: the noise is %.40q", x.text, n, noise)
			}
		}
	}
}

// FuzzMarker has the marker find the same however the text is cut into pieces.
func FuzzMarker(f *testing.F) {
	f.Add("noise\n"+testMark+"12\nrest", 3)
	f.Add(testMark+"12", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		said, _, pid := pour(text, max(n, 1))
		whole, _, id := pour(text, len(text)+1)
		if said != whole || pid != id {
			t.Errorf("in pieces %q and %d, at once %q and %d", said, pid, whole, id)
		}
		if !strings.HasSuffix(text, said) || pid == 0 && said != "" {
			t.Errorf("%q became %q", text, said)
		}
	})
}
