package share_test

import (
	"testing"

	"farmrun/luahost/share"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		text string
		all  int
		want int // 0 is an error
	}{
		{"1", 20, 1},
		{"5", 3, 5},
		{"25%", 20, 5},
		{"25%", 19, 4},
		{"10%", 3, 1},
		{"0.5%", 1000, 5},
		{"100%", 7, 7},
		{"29%", 100, 29},
		{"0", 20, 0},
		{"-1", 20, 0},
		{"1.5", 20, 0},
		{"0%", 20, 0},
		{"101%", 20, 0},
		{"-5%", 20, 0},
		{"NaN%", 20, 0},
		{"Inf%", 20, 0},
		{"%", 20, 0},
		{"x%", 20, 0},
		{"25 %", 20, 0},
		{"", 20, 0},
	} {
		got, err := share.Of(c.text, c.all)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%q of %d: got %d, %v, want %d", c.text, c.all, got, err, c.want)
		}
	}
	_, err := share.Of("many", 20)
	if want := `a number of hosts, or a share of them such as "25%", expected, got "many"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
