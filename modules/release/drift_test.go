package release

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	const comm = "" +
		"\t-rw-r--r-- 1:1 - \n" +
		"-rw-r--r-- 1:1 11 a\n" +
		"-rw-r--r-- 1:1 12 b c\n" +
		"-rw-r--r-- 1:1 13 m\n" +
		"-rw-r--r-- 1:1 14 o\n" +
		"\t-rw-r--r-- 1:1 21 a\n" +
		"\t-rw-r--r-- 2:1 14 o\n" +
		"\t-rwxr-xr-x 1:1 13 m\n" +
		"\tlrwxrwxrwx 1:1 - l -> x\n" +
		"lrwxrwxrwx 1:1 - l -> y\n"
	want := []Change{{"", "new"}, {"a", "changed"}, {"b c", "missing"}, {"l", "link"}, {"m", "mode"}, {"o", "owner"}}
	if diff := cmp.Diff(want, compare(comm)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("lrwxrwxrwx 1:1 - l -> y\n\t\n\n")
	f.Fuzz(func(_ *testing.T, comm string) { compare(comm) })
}
