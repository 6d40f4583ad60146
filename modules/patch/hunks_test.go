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
		{"one", 1, "@@ -1,2 +1,2 @@ a function\n same\n--- what looks like a header\n+++ and another\n\\ No newline at end of file\n"},
		{"one", 2, "@@ -9 +9,0 @@\n-gone\n"},
		{"b/two", 1, "@@ -0,0 +1 @@\n+new\n"},
	}
	if diff := cmp.Diff(want, hunks(strings.ReplaceAll(text, `\\`, `\`), 1)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func FuzzHunks(f *testing.F) {
	f.Add("--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "checking file a\nHunk #1 FAILED at 1.\n", 0)
	f.Fuzz(func(_ *testing.T, text, said string, strip int) { rejected(text, said, strip%100) })
}
