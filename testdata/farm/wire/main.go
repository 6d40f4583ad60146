// Wire is a cable that takes its time, for kernels that have no netem: it
// carries every packet between two network interfaces, each a given time after
// it came.
//
//	wire DELAY INTERFACE INTERFACE
package main

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// From linux/if_packet.h.
const (
	packetVnetHdr        = 15 // frames carry what is still to be done to them: checksums, segments
	packetIgnoreOutgoing = 23 // what we write is not read back
)

// inFlight is how many packets one direction holds before it loses some.
const inFlight = 4096

type frame struct {
	due  time.Time
	data []byte
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: wire DELAY INTERFACE INTERFACE")
	}
	delay, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	a, err := open(args[1])
	if err != nil {
		return err
	}
	b, err := open(args[2])
	if err != nil {
		return err
	}
	broken := make(chan error)
	go func() { broken <- carry(a, b, delay) }()
	go func() { broken <- carry(b, a, delay) }()
	return <-broken
}

// open returns a socket that reads what comes to an interface and writes what
// leaves by it.
func open(name string) (int, error) {
	end, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	const everything = syscall.ETH_P_ALL<<8&0xff00 | syscall.ETH_P_ALL>>8 // in network order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, everything)
	if err != nil {
		return 0, err
	}
	for _, option := range []int{packetVnetHdr, packetIgnoreOutgoing} {
		if err := syscall.SetsockoptInt(fd, syscall.SOL_PACKET, option, 1); err != nil {
			return 0, err
		}
	}
	return fd, syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: everything, Ifindex: end.Index})
}

// carry takes packets from one end to the other until one of them is gone.
func carry(from, to int, delay time.Duration) error {
	frames := make(chan frame, inFlight)
	defer close(frames)
	go func() {
		for f := range frames {
			time.Sleep(time.Until(f.due))
			syscall.Write(to, f.data) // an end that is down loses it, as a cable would
		}
	}()
	buffer := make([]byte, 1<<17)
	for {
		n, err := syscall.Read(from, buffer)
		if err == syscall.EINTR || err == syscall.ENETDOWN {
			continue
		}
		if err != nil {
			return err
		}
		select {
		case frames <- frame{time.Now().Add(delay), append([]byte(nil), buffer[:n]...)}:
		default:
		}
	}
}
