package console_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/console"
)

func TestHost(t *testing.T) {
	var out, err bytes.Buffer
	c := console.Console{Out: &out, Err: &err, Mask: func(l []byte) []byte {
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
