package practice

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

func TestPort(t *testing.T) {
	p, err := newPort()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for range 3 {
		if c, err := net.Dial("tcp", p.addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("before Listen: got %v, %v", c, err)
		}
		l, err := p.listen()
		if err != nil {
			t.Fatal(err)
		}
		if second, err := p.listen(); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: got %v, %v", second, err)
		}
		c, err := net.Dial("tcp", p.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() // that a connection is open does not keep the port from being used again
		near, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close()
		inherited, err := l.(listener).Listener.(*net.TCPListener).File() // as a process has it that is being started
		if err != nil {
			t.Fatal(err)
		}
		defer inherited.Close()
		l.Close()
	}
}

func TestReport(t *testing.T) {
	for _, test := range []struct {
		name string
		r    Report
		want string
	}{
		{"nothing", Report{}, "a visitor asked 0 times in 0.0s: no request failed\nat most 0 of 0 servers were out of service at a time\n"},
		{"some", Report{
			Requests: 3, Failed: 1, Failures: []Failure{{1.5e9, "503 Service Unavailable"}}, MostOut: 1, Servers: 3, Length: 2e9,
			Releases: []Seen{{"2000-09-12", 2, 0, 1e9}},
		}, "a visitor asked 3 times in 2.0s: 1 request failed, after 1.5s: 503 Service Unavailable\n" +
			"at most 1 of 3 servers was out of service at a time\nrelease 2000-09-12: 2 pages, 0.0s to 1.0s\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.r.String(); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}
