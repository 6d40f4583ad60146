package patch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHunks(t *testing.T) {
	const text = `id: a header of the ledger
--- a/one
+++ a/one	2000-09-19
@@ -1,2 +1,2 @@ a function
 same
--- what looks like a header
+++ and another
\\ No newline at end of file
@@ -9 +9,0 @@
-gone
--- /dev/null
+++ a/b/two
@@ -0,0 +1 @@
+new
`
	want := []Hunk{
		{File: "one", Number: 1, Text: "@@ -1,2 +1,2 @@ a function\n same\n--- what looks like a header\n+++ and another\n\\ No newline at end of file\n"},
		{File: "one", Number: 2, Text: "@@ -9 +9,0 @@\n-gone\n"},
		{File: "b/two", Number: 1, Text: "@@ -0,0 +1 @@\n+new\n"},
	}
	var got []Hunk
	sections, _ := read(strings.ReplaceAll(text, `\\`, `\`), 1)
	for _, s := range sections {
		got = append(got, s.hunks...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func TestFiles(t *testing.T) {
	const hunk, made = "@@ -1 +1 @@\n-1\n+2\n", "@@ -0,0 +1 @@\n+2\n"
	for _, test := range []struct{ text, want string }{
		{"--- x\n+++ x\n" + hunk, "x"},
		{"--- a/x\n+++ b/x\n" + hunk + "--- /dev/null\n+++ b/y/z\n" + made, "x y/z"},
		{"--- a/x\n+++ a/x\n" + hunk + "--- b/x\n+++ b/x\n" + hunk, "a/x b/x"}, // they are called so
		{"--- a note\n--- a/x\n+++ b/x\n" + hunk, "x"},
		{"diff --git a/x b/x\nsimilarity index 100%\nrename from a/x\nrename to b/x\n", "a/x b/x"},
		{"diff --git a/x b/y\nrename from x\nrename to y\ndiff --git a/z b/z\nold mode 100644\nnew mode 100755\n", "x y z"},
		{"diff --git i/x w/x\nindex 1234567..89abcde 100644\n--- i/x\n+++ w/x\n" + hunk, "x"},
		{"diff --git \"a/caf\\303\\251\\t\\\"\" \"b/caf\\303\\251\\t\\\"\"\nnew file mode 100644\nindex 0000000..e69de29\n", "caf\u00e9\t\""},
		{"diff --git a/with blank b/with blank\n--- a/with blank\t\n+++ b/with blank\t\n" + hunk, "with blank"},
		{"--- with blank\n+++ with blank\n" + hunk, "with"}, // no tab after it
		{"--- x.orig\t2000-09-19 10:00:00\r\n+++ x\t2000-09-19 11:00:00\r\n" + hunk, "x"},
		{"Index: d/x\n===\nRCS file: x,v\n1c1\n< 1\n---\n> 2\nIndex: y\n2a3\n> --- no header\n", "d/x y"},
		{"*** x\tnow\n--- x\tnow\n***************\n*** 1,2 ****\n! 1\n--- y\n--- 1,2 ----\n! 2\n  3\n*** y\n--- y\n***************\n*** 0 ****\n--- 1 ----\n+ 1\n", "x y"},
		{"--- ../x\n+++ x\n" + hunk, "x"},
		{"--- /x\n+++ y/../x\n" + hunk, ""},
		{"--- a note\nto nobody\n", ""},
		{"diff --git a/x b/x\n", ""},
	} {
		if got := strings.Join(Files(test.text, 0), " "); got != test.want {
			t.Errorf("%s\ngot %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzHunks(f *testing.F) {
	f.Add("--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "patching file a\nHunk #1 FAILED at 1.\n", 0)
	f.Add("*** a\n--- b\n***************\n*** 1,2 ****\n  a\n! b\n--- 1,2 ----\n  a\n! c\n", "", 0)
	f.Add("diff --git \"a/\\303\" b/x y\nrename from x\nIndex: z\n1c1\n< a\n---\n> b\n", "", 1)
	f.Add("****\n*** 1,2 ****\n  a\n! b\n--- 1,2 ----\n  a\n!", "", 0)
	f.Fuzz(func(_ *testing.T, text, said string, strip int) {
		Files(text, strip%100)
		sections, _ := read(text, strip%100)
		rejected(sections, said)
		more(sections)
	})
}
