package console_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/console"
)

// TestTerminal: a person reads one stream, a program the other.
func TestTerminal(t *testing.T) {
	var out, err bytes.Buffer
	c := console.Console{Out: &out, Err: &err, OutTerminal: true}
	w := c.Host("web1", console.Stdout)
	fmt.Fprint(w, "a\x1b[2Jb\n\xff\n")
	e := c.Host("web1", console.Stderr)
	fmt.Fprint(e, "a\x1b[2Jb\n\xff\n")
	c.Print("", "a\x07\n")
	c.Note("", "a\x07")
	if got, want := out.String(), "\x1b[35mweb1:\x1b[0m a\\x1b[2Jb\n\x1b[35mweb1:\x1b[0m \\xff\na\\x07\n"; strings.ReplaceAll(got, colourOf(got), "\x1b[35m") != want {
		t.Error(cmp.Diff(want, got))
	}
	if got, want := err.String(), "web1: a\\x1b[2Jb\nweb1: \xff\na\\x07\n"; got != want {
		t.Error(cmp.Diff(want, got))
	}
	out.Reset()
	c.Plain = true
	fmt.Fprint(c.Host("web1", console.Stdout), "a\x1b[2Jb\n")
	if got, want := out.String(), "web1: a\\x1b[2Jb\n"; got != want {
		t.Errorf("plain: %s", cmp.Diff(want, got))
	}
}

func colourOf(line string) string {
	before, _, _ := strings.Cut(line, "web1")
	return before
}

// TestColours: a host keeps its colour, and not all have the same.
func TestColours(t *testing.T) {
	seen := map[string]bool{}
	for i := range 20 {
		var lines [2]bytes.Buffer
		for j := range lines {
			c := console.Console{Out: &lines[j], OutTerminal: true}
			fmt.Fprint(c.Host(fmt.Sprint("web", i), console.Stdout), "x\n")
		}
		if lines[0].String() != lines[1].String() {
			t.Errorf("%q, then %q", &lines[0], &lines[1])
		}
		before, _, _ := strings.Cut(lines[0].String(), "web")
		seen[before] = true
	}
	if len(seen) < 4 {
		t.Errorf("%d colours for 20 hosts", len(seen))
	}
}

// TestMixed has many hosts speak at once: every line is whole, and none is lost.
func TestMixed(t *testing.T) {
	var out bytes.Buffer
	c := console.Console{Out: &out}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			w := c.Host(fmt.Sprint("web", i), console.Stdout)
			defer w.Close()
			for j := range 50 {
				line := fmt.Sprintf("%d says %d\n", i, j)
				fmt.Fprint(w, line[:3])
				fmt.Fprint(w, line[3:])
			}
		})
	}
	wg.Wait()
	count := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var host string
		var i, j int
		if n, err := fmt.Sscanf(line, "%s %d says %d\n", &host, &i, &j); n != 3 || err != nil || host != fmt.Sprintf("web%d:", i) || j != count[host] {
			t.Fatalf("%q", line)
		}
		count[host]++
	}
	if len(count) != 20 || count["web7:"] != 50 {
		t.Error(count)
	}
}

// TestNobody: the zero value discards, and takes everything.
func TestNobody(t *testing.T) {
	var c console.Console
	c.Print("web1", "x")
	c.Print("", "x")
	c.Note("web1", "100%%")
	w := c.Host("web1", console.Stderr)
	if n, err := w.Write([]byte("abc")); n != 3 || err != nil || w.Close() != nil {
		t.Error(n, err)
	}
}

// TestPrint: what a script prints has a host's name before each line.
func TestPrint(t *testing.T) {
	for _, test := range []struct{ host, text, want string }{
		{"", "a\nb\n", "a\nb\n"},
		{"", "no end", "no end"},
		{"web1", "a\nb\n", "web1: a\nweb1: b\n"},
		{"web1", "no end", "web1: no end\n"},
		{"web1", "\n", "web1: \n"},
		{"", "", ""},
	} {
		var out bytes.Buffer
		c := console.Console{Out: &out}
		c.Print(test.host, test.text)
		if got := out.String(); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

// TestMaskLongLine: a secret does not slip through where an endless line is
// broken.
func TestMaskLongLine(t *testing.T) {
	var out bytes.Buffer
	c := console.Console{Out: &out, Mask: func(l []byte, _ ...string) []byte { return bytes.ReplaceAll(l, []byte("s3cret"), []byte("(secret)")) }}
	w := c.Host("web1", console.Stdout)
	text := strings.Repeat("x", 64<<10-3) + "s3cret" + strings.Repeat("y", 64<<10)
	fmt.Fprint(w, text)
	w.Close()
	joined := strings.ReplaceAll(out.String(), "\nweb1: ", "")
	if strings.Contains(joined, "s3cret") || !strings.Contains(joined, "x(secret)y") {
		t.Error("the secret is shown in two pieces")
	}
	c.Mask = func(l []byte, _ ...string) []byte { return bytes.ReplaceAll(l, []byte("s3cret"), nil) }
	fmt.Fprint(w, strings.Repeat("s3cret", 20<<10)) // nothing is left of it
}

func FuzzPrintable(f *testing.F) {
	f.Add([]byte("a\x1b[2J\u202e\xff\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, r := range string(console.Printable(text)) {
			if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == 0xfffd && !bytes.ContainsRune(text, 0xfffd)) {
				t.Errorf("%q shows %q", text, r)
			}
		}
	})
}

// TestListen: who listens is told what is said, without secrets, and without
// what makes it fit for a terminal.
func TestListen(t *testing.T) {
	c := console.Console{OutTerminal: true, Mask: func(l []byte, _ ...string) []byte { return bytes.ReplaceAll(l, []byte("s3cret"), []byte("***")) }}
	c.Note("web1", "nobody listens yet")
	var told, other []string
	c.Listen(func(_ context.Context, s console.Saying) {
		told = append(told, fmt.Sprintf("%d %s %q", s.By, s.Host, s.Text))
	})
	c.Listen(func(_ context.Context, s console.Saying) { other = append(other, s.Host) })
	w := c.Host("web1", console.Stdout)
	fmt.Fprint(w, "one s3")
	fmt.Fprint(w, "cret\r\n\x1b[2J\nthree")
	w.Close()
	fmt.Fprint(c.Host("web1", console.Stderr), "bad\n")
	c.Print("web2", "printed\n")
	c.Print("", "s3cret, no end")
	c.Note("web2", "noted")
	want := []string{
		fmt.Sprintf("%d web1 %q", console.HostOutput, "one ***\n\x1b[2J"), fmt.Sprintf("%d web1 %q", console.HostOutput, "three"),
		fmt.Sprintf("%d web1 %q", console.HostComplaint, "bad"), fmt.Sprintf("%d web2 %q", console.Script, "printed"),
		fmt.Sprintf("%d  %q", console.Script, "***, no end"), fmt.Sprintf("%d web2 %q", console.Farmrun, "noted"),
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if len(other) != len(want) {
		t.Errorf("the other one was told of %q", other)
	}
}
