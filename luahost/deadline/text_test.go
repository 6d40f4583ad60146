package deadline_test

import (
	"testing"
	"time"

	"farmrun/luahost/deadline"
)

func TestText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                            "0s",
		10 * time.Second:             "10s",
		1500 * time.Millisecond:      "1.5s",
		10 * time.Minute:             "10m",
		10*time.Minute + time.Second: "10m1s",
		20 * time.Hour:               "20h",
		time.Hour + 10*time.Minute:   "1h10m",
		time.Hour + 30*time.Second:   "1h0m30s",
		-time.Minute:                 "-1m",
	} {
		if got := deadline.Text(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
