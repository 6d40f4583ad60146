package remote_test

import (
	"errors"
	"fmt"
	"testing"

	"farmrun/luahost/remote"
)

func TestSaidBy(t *testing.T) {
	exit := &remote.ExitError{Cmd: "ls", Result: remote.Result{Code: 2, Stderr: []byte("no such file\n")}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("own"), ""},
		{fmt.Errorf("get: %w", exit), "no such file"},
		{errors.Join(exit, fmt.Errorf("asks: %w", remote.Quoting("who?", errors.New("own")))), "no such file\nwho?"},
	} {
		if got := remote.SaidBy(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
