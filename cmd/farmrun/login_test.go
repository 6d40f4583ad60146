package main

import (
	"context"
	"testing"

	"farmrun/modules/farm"
	"farmrun/modules/ssh"
)

// TestAddressWithZone has a host whose address in the site file has an IPv6 zone.
func TestAddressWithZone(t *testing.T) {
	d := &ssh.Dialer{ConfigFile: "none"}
	opts := (&world{}).sshOptions(farm.Login{Address: "fe80::1%Lo"})
	s, err := d.Settings(context.Background(), "six", opts)
	if err != nil || s.HostName != "fe80::1%Lo" {
		t.Errorf("it is at %q, %v", s.HostName, err)
	}
}
