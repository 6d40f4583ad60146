package deadline

import (
	"strings"
	"time"
)

// Text writes a time as the operator would: "10m", not the "10m0s" of
// time.Duration.
func Text(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
