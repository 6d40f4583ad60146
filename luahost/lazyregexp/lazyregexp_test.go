package lazyregexp

import "testing"

func TestNew(t *testing.T) {
	word := New(`^\w+$`)
	if !word().MatchString("word") || word().MatchString("two words") {
		t.Error("the expression does not match what it should")
	}
	if first, again := word(), word(); first != again {
		t.Error("it was compiled twice")
	}
}

// TestNewWrong: an expression that is never used is never looked at.
func TestNewWrong(t *testing.T) {
	wrong := New(`(`)
	defer func() {
		if recover() == nil {
			t.Error("a wrong expression was taken")
		}
	}()
	wrong()
}
