package tunnel

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What hosts say of themselves: two logins of web (1000), one of which, 30, is
// that through which the script looks (self 41, shell 40).
const processes = `
process: 1 0 0 init
process: 10 1 0 sshd
process: 20 10 0 sshd
process: 21 20 1000 sshd
process: 30 10 0 sshd
process: 31 30 1000 sshd
process: 40 31 1000 sh
process: 41 40 1000 sh
process: 50 1 1001 nc
process: 60 1 1000 nc
open: 777 60
open: 777 61
user: 1000 web
user: 1001 deploy
user: 0 root
`

func TestParseSockets(t *testing.T) {
	type want struct {
		Holders, Stale []Holder
	}
	for _, tc := range []struct {
		name, text, ip string
		want           want
	}{
		{"nobody", "self: 41 1000" + processes, "127.0.0.1", want{}},
		{
			"another session", "self: 41 1000" + processes + "socket: 0100007F:0961 1000 555", "127.0.0.1",
			want{
				Holders: []Holder{{Addr: "127.0.0.1:2401", User: "web"}},
				Stale:   []Holder{{PID: 21, Command: "sshd", User: "web"}},
			},
		},
		{
			"a stranger", "self: 41 1000" + processes + "socket: 0100007F:0961 1001 555", "127.0.0.1",
			want{Holders: []Holder{{Addr: "127.0.0.1:2401", User: "deploy"}}},
		},
		{
			"our own nc", "self: 41 1000" + processes + "socket: 0100007F:0961 1000 777", "127.0.0.1",
			want{Holders: []Holder{{Addr: "127.0.0.1:2401", User: "web", PID: 60, Command: "nc"}}},
		},
		{
			"on all addresses", "self: 41 1000" + processes + "socket: 00000000:0961 0 555", "127.0.0.1",
			want{Holders: []Holder{{Addr: "0.0.0.0:2401", User: "root"}}},
		},
		{
			"on all of IPv6", "self: 41 1000" + processes + "socket: 00000000000000000000000000000000:0961 0 555", "127.0.0.1",
			want{Holders: []Holder{{Addr: "[::]:2401", User: "root"}}},
		},
		{"on another address", "self: 41 1000" + processes + "socket: 0100000A:0961 0 555", "127.0.0.1", want{}},
		{
			"IPv6", "self: 41 1000" + processes + "socket: 00000000000000000000000001000000:0961 1001 555", "::1",
			want{Holders: []Holder{{Addr: "[::1]:2401", User: "deploy"}}},
		},
		{
			"root sees whose it is", "self: 41 0" + processes + "open: 555 20\nopen: 555 21\nsocket: 0100007F:0961 0 555", "127.0.0.1",
			want{
				Holders: []Holder{{Addr: "127.0.0.1:2401", User: "root", PID: 20, Command: "sshd"}},
				Stale:   []Holder{{PID: 20, Command: "sshd", User: "root"}},
			},
		},
		{
			"our own login", "self: 41 0" + processes + "open: 555 30\nsocket: 0100007F:0961 0 555", "127.0.0.1",
			want{Holders: []Holder{{Addr: "127.0.0.1:2401", User: "root", PID: 30, Command: "sshd"}}},
		},
		{"nonsense", "self: x\nprocess: 1\nsocket: zz:zz 1 2\nsocket: 0100007F: 1 2\n: \nsocket: 0100007:0961 0 1", "127.0.0.1", want{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := parseSockets(tc.text, net.ParseIP(tc.ip))
			if diff := cmp.Diff(tc.want, want{s.holders, s.stale()}); diff != "" {
				t.Error("-want +got\n" + diff)
			}
		})
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add("self: 41 1000" + processes + "socket: 0100007F:0961 1000 555")
	f.Fuzz(func(t *testing.T, text string) {
		parseSockets(text, net.IPv4(127, 0, 0, 1)).stale()
	})
}
