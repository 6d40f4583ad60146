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

func FuzzHunks(f *testing.F) {
	f.Add("--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "patching file a\nHunk #1 FAILED at 1.\n", 0)
	f.Add("*** a\n--- b\n***************\n*** 1,2 ****\n  a\n! b\n--- 1,2 ----\n  a\n! c\n", "", 0)
	f.Add("diff --git \"a/\\303\" b/x y\nrename from x\nIndex: z\n1c1\n< a\n---\n> b\n", "", 1)
	f.Fuzz(func(_ *testing.T, text, said string, strip int) {
		Files(text, strip%100)
		sections, _ := read(text, strip%100)
		rejected(sections, said)
		more(sections)
	})
}
