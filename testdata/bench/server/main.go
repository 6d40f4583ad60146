// Command server is a farm that costs next to nothing: one ssh server in one
// process which stands for any number of hosts. It is a process of its own so
// that its processor time is not that of who is measured.
//
//	server KEY-FILE AUTHORIZED-KEY-FILE DELAY PORTS ROUND-TRIP
//
// It prints its addresses, as many as PORTS says, and serves until its standard
// input ends. A command ends well after DELAY, whatever it is; where it would
// first tell the process id of its shell, the server does, and where it is about a
// fence the answer is that all is well. ROUND-TRIP is how long the line is, there and
// back.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshserver"
)

func main() {
	hostKey := must(ssh.ParsePrivateKey(must(os.ReadFile(os.Args[1]))))
	user, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(os.Args[2])))
	must(user, err)
	host := host{delay: must(time.ParseDuration(os.Args[3]))}
	server := &sshserver.Server{
		HostKeys: []ssh.Signer{hostKey},
		Auth:     sshserver.Auth{Key: sshserver.Keys(user)},
		Exec:     host.run,
	}
	var addresses []string
	roundTrip := must(time.ParseDuration(os.Args[5]))
	for range must(strconv.Atoi(os.Args[4])) {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		if roundTrip > 0 {
			listener = longLine{listener, roundTrip}
		}
		addresses = append(addresses, listener.Addr().String())
		go func() { log.Fatal(server.Serve(listener)) }()
	}
	fmt.Println(strings.Join(addresses, ","))
	io.Copy(io.Discard, os.Stdin)
}

// host is what commands run on.
type host struct{ delay time.Duration }

// fenced finds the request of package fence, and its owner.
var fenced = regexp.MustCompile(`' sh (take|look|clear) (\w+) (\d+) `)

func (h host) run(ctx context.Context, x *sshserver.Exec) int {
	x.Begin(os.Getpid())
	if f := fenced.FindStringSubmatch(x.Command); f != nil {
		fmt.Fprintf(x.Stdout, "boot /\n")
		if f[1] == "take" {
			fmt.Fprintf(x.Stdout, "own own.%s.%s run who 2000-09-19T21:04:05Z\n", f[2], f[3])
		}
		fmt.Fprintln(x.Stdout, "done")
	}
	timer := time.NewTimer(h.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return 0
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
