package console_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/console"
)

func TestHost(t *testing.T) {
	var out, err bytes.Buffer
	c := console.Console{Out: &out, Err: &err, Mask: func(l []byte, _ ...string) []byte {
		return bytes.ReplaceAll(l, []byte("s3cret"), []byte("(secret)"))
	}}
	w := c.Host("web1", console.Stdout)
	w.Write([]byte("one\r\ntw"))
	w.Write([]byte("o\nmy s3"))
	w.Write([]byte("cret"))
	if got, want := out.String(), "web1: one\nweb1: two\n"; got != want {
		t.Errorf("before the end:\n%s", cmp.Diff(want, got))
	}
	w.Close()
	c.Note("", "stopping")
	c.Note("web2", "would run: ls")
	c.Print("", "no line end")
	if got, want := out.String(), "web1: one\nweb1: two\nweb1: my (secret)\nno line end"; got != want {
		t.Error(cmp.Diff(want, got))
	}
	if got, want := err.String(), "stopping\nweb2: would run: ls\n"; got != want {
		t.Error(cmp.Diff(want, got))
	}
}

// A writer that was left at work may be closed.
func TestClosedWhileWriting(t *testing.T) {
	var out bytes.Buffer
	c := console.Console{Out: &out}
	w := c.Host("web1", console.Stdout)
	var writing sync.WaitGroup
	writing.Go(func() {
		for range 1000 {
			w.Write([]byte("y\ny"))
		}
	})
	w.Close()
	writing.Wait()
	before := out.Len()
	w.Write([]byte("late\n"))
	w.Close()
	if out.Len() != before {
		t.Errorf("it was shown after the end: %q", out.String()[before:])
	}
}

func TestLongLine(t *testing.T) {
	var out bytes.Buffer
	c := console.Console{Out: &out}
	w := c.Host("h", console.Stdout)
	for range 100 {
		w.Write([]byte(strings.Repeat("x", 1000)))
	}
	if out.Len() < 64<<10 {
		t.Errorf("only %d bytes of an endless line were shown", out.Len())
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"héllo\t1":  "héllo\t1",
		"a\x1b[2Jb": `a\x1b[2Jb`,
		"\xff\xfe":  `\xff\xfe`,
		"a\u202eb":  `a\u{202e}b`,
		"bell\a":    `bell\x07`,
	} {
		if got := string(console.Printable([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestForged: whatever a host prints, no line of it can be taken for farmrun's, and
// none moves the cursor, on a terminal, in a pipe or in an error.
func TestForged(t *testing.T) {
	const forged = "x\nfarmrun: 3 done\rfarmrun: 4 done\x1b]52;c;eA==\a\x1b[2J\u2028farmrun: 5 done\x9bA"
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		c := console.Console{Out: &out, Err: &out, OutTerminal: terminal, ErrTerminal: terminal, Plain: true}
		for _, s := range []console.Stream{console.Stdout, console.Stderr} {
			w := c.Host("web1", s)
			w.Write([]byte(forged))
			w.Close()
		}
		c.Note("", "farmrun: error: %s", forged)
		c.Note("web1", "%v", errors.New(forged))
		for line := range strings.Lines(out.String()) {
			if line != "farmrun: error: x\n" && !strings.HasPrefix(line, "web1: ") && !strings.HasPrefix(line, "    | ") || strings.ContainsAny(line, "\r\x1b\a\u2028") || strings.Contains(line, "\x9b") {
				t.Errorf("terminal %t: %q", terminal, line)
			}
		}
	}
	if got, want := console.Quoted("\r\n"+forged+"\n"), "    | x\n    | farmrun: 3 done"; !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 {
		t.Errorf("%q", got)
	}
}

// TestPipe: letters of other character sets pass, bytes that a terminal obeys do
// not; the text of a script is left as it is.
func TestPipe(t *testing.T) {
	var out bytes.Buffer
	c := console.Console{Out: &out}
	w := c.Host("h", console.Stdout)
	w.Write([]byte("caf\xe9 \x9b\x1b[m\tend\r\n"))
	c.Print("", "\x1b[1mown\x1b[m\n")
	if got, want := out.String(), "h: caf\xe9 \\x9b\\x1b[m\tend\n\x1b[1mown\x1b[m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRaw: one host's standard output as it is, and nothing else of it.
func TestRaw(t *testing.T) {
	var out, err bytes.Buffer
	c := console.Console{Out: &out, Err: &err, Raw: true, Mask: func([]byte, ...string) []byte { return nil }}
	for _, s := range []console.Stream{console.Stdout, console.Stderr} {
		w := c.Host("h", s)
		w.Write([]byte("a\x00\xff\r\nno end"))
		w.Close()
	}
	if out.String() != "a\x00\xff\r\nno end" || err.String() != "h: \nh: \n" {
		t.Errorf("%q, %q", &out, &err)
	}
}

// TestOwnWords: farmrun's own text is not redacted, but for the errors in it.
func TestOwnWords(t *testing.T) {
	var err bytes.Buffer
	c := console.Console{Err: &err, MaskOwn: func(text []byte, _ string, names ...string) []byte {
		if len(names) != 1 || names[0] != "web1" {
			t.Errorf("names: %q", names)
		}
		return bytes.ReplaceAll(text, []byte("step"), []byte("(secret)"))
	}}
	c.Note("web1", "step %s failed: %v", "step 1", errors.New("it says step"))
	if got := err.String(); got != "web1: step step 1 failed: it says (secret)\n" {
		t.Errorf("%q", got)
	}
}
