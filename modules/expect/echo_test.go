package expect

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowEcho: the echo of a console is none of the answer, however slow each key is,
// as long as it keeps coming.
func TestSlowEcho(t *testing.T) {
	for _, c := range []struct {
		lag  time.Duration
		want string
	}{
		{20 * time.Millisecond, "1 item "},
		{400 * time.Millisecond, "1 item "},
		{700 * time.Millisecond, "update "}, // and then it is no echo for all that anybody knows
	} {
		synctest.Test(t, func(t *testing.T) {
			lag := c.lag
			here, there := net.Pipe()
			defer there.Close()
			s := begin(t, here, Options{})
			go func() {
				key := make([]byte, 1)
				for line := ""; ; line += string(key) {
					if _, err := there.Read(key); err != nil {
						return
					}
					if line == "update finished" {
						break
					}
				}
				for _, key := range "update finished\r\n" {
					time.Sleep(lag)
					io.WriteString(there, string(key))
				}
				io.WriteString(there, "1 item finished\r\n")
			}()
			if err := s.Send(t.Context(), "update finished\r"); err != nil {
				t.Fatal(err)
			}
			if m := want(t, s, "finished\r\n"); m.Before != c.want {
				t.Errorf("a key each %v: %q comes before, want %q", c.lag, m.Before, c.want)
			}
		})
	}
}
