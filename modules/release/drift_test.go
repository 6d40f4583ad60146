package release

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
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
	want := []Change{{"", "new", ""}, {"a", "changed", "11"}, {"b c", "missing", "12"}, {"l", "link", "-"}, {"m", "mode", "13"}, {"o", "owner", "14"}}
	if diff := cmp.Diff(want, compare(comm)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// TestDifferences compares the same release on two hosts.
func TestDifferences(t *testing.T) {
	make := func(line string) *remotetest.Shell {
		sh := remotetest.New(t)
		sh.Must(t, "mkdir releases")
		b, err := Begin(t.Context(), sh, "releases/1", BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		sh.Must(t, "cd "+b.Dir+"; echo a >a; mkdir d; echo b >'d/b c'; ln -s nowhere l; echo d >d/d; "+line)
		if _, err := b.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		return sh
	}
	one, other := make("chmod -R go-r ."), make("echo A >a; rm 'd/b c'; chmod +x d/d; ln -sfn else l; : >more")
	got, err := Differences(t.Context(), one, other, "releases/1")
	want := []Change{{Path: "a", How: "changed"}, {Path: "d/b c", How: "new"}, {Path: "d/d", How: "mode"},
		{Path: "l", How: "link"}, {Path: "more", How: "missing"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Change{}, "Was")); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("lrwxrwxrwx 1:1 - l -> y\n\t\n\n")
	f.Fuzz(func(_ *testing.T, comm string) { compare(comm) })
}

// TestAnEndlessAnswer is not read: short lines take many times their memory once
// they are parsed.
func TestAnEndlessAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"long":       strings.Repeat("x", mostSaid+1),
		"many lines": strings.Repeat("a\n", remote.MostLines+1),
	} {
		_, err := Changes(t.Context(), says(answer), "releases/2000-09-19")
		if !errors.Is(err, remote.ErrTooMuch) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// says is a host that answers everything so.
type says string

func (s says) Run(_ context.Context, cmd remote.Cmd) (remote.Result, error) {
	out := remote.Output{Keep: cmd.Keep}
	out.Write([]byte(s))
	return remote.Result{Stdout: out.Bytes()}, nil
}
