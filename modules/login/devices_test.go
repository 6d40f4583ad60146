package login_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"farmrun/luahost/remote"
	"farmrun/modules/expect"
	"farmrun/modules/login"
	"farmrun/modules/telnet"
)

// devices are routers, switches and the like, with all that they ask at login.
var devices = map[string]host{
	"IOS":        {"\nUser Access Verification\n\nUsername: ", "< web", "Password: ", "* s3cret pw", "\n\ncore9#", "silence"},
	"IOS, new":   {"\n% Please answer 'yes' or 'no'.\nWould you like to enter the initial configuration dialog? [yes/no]: ", "< no", "\n\nRouter>", "< ", "\nRouter>", "silence"},
	"NX-OS":      {"\nUser Access Verification\nn9k-1 login: ", "< web", "Password: ", "* s3cret pw", "\nCisco Nexus Operating System (NX-OS) Software\nn9k-1# ", "silence"},
	"EOS":        {"\nsw1 login: ", "< web", "Password: ", "* s3cret pw", "\nLast login: Mon Sep 18 09:14:01 on pts/0\nsw1>", "silence"},
	"Junos":      {"\nmx1 (ttyp0)\n\nlogin: ", "< web", "Password:", "* s3cret pw", "\n--- JUNOS 12.1R1.9 built\nweb@mx1> ", "silence"},
	"MikroTik":   {"Login: ", "< web", "Password: ", "* s3cret pw", "\nDo you want to see the software license? [Y/n]: ", ". n", "\nChange your password\n\nnew password> ", ". \x03", "\n[web@r1] > ", "silence"},
	"ProCurve":   {"\x1b[2J\x1b[1;1HHP 2524\x1bE\x1b[24;1HPress any key to continue", ".  ", "\x1b[2J\x1b[1;1HUsername: ", "< web", "Password: ", "* s3cret pw", "\x1b[24;1HHP-2524# \x1b[24;1H\x1b[?25h\x1b[24;10H", "silence"},
	"FortiOS":    {"FGT60 login: ", "< web", "Password: ", "* s3cret pw", "\nWARNING: for staff only\n(Press 'a' to accept): ", ". a", "\nWelcome !\n\nFGT60 # ", "silence"},
	"VRP":        {"\n\nLogin authentication\n\n\nUsername:", "< web", "Password:", "* s3cret pw", "\nWarning: The initial password poses security risks.\nThe password needs to be changed. Change now? [Y/N]:", "< n", "\nInfo: The max number of VTY users is 10.\n<HUAWEI>", "silence"},
	"VRP, blank": {"\nUsername:", "< web", "Password:", "* s3cret pw", "\nThe password needs to be changed. Change now? [Y/N]: ", "< n", "\n[HUAWEI]\n<HUAWEI>", "silence"},
	"Dell":       {"\nUser:", "< web", "Password:", "* s3cret pw", "\nconsole#", "silence"},
	"APC":        {"\nUser Name : ", "< web", "Password  : ", "* s3cret pw", "\n\nAmerican Power Conversion\n\n> ", "silence"},
	"Nortel":     {"\x1b[2J\x1b[10;1HEnter Ctrl-Y to begin.", ". \x19", "\x1b[2J\x1b[1;1HUsername: ", "< web", "Password: ", "* s3cret pw", "\x1b[1;1Hers1#", "silence"},
}

// TestDevices logs in over telnet to devices that need no dialogue of the site's, and finds
// their prompt as it was printed.
func TestDevices(t *testing.T) {
	for name, events := range devices {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				over := make(chan struct{})
				go func() {
					defer close(over)
					f := &far{t, there}
					f.telnet()
					f.play(events)
				}()
				defer func() { there.Close(); <-over }()
				c, err := login.Dial(t.Context(), login.Options{
					Host: "here", User: "web", Passwords: &passwords{word: "s3cret pw"},
					Open: func(_ context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
						return telnet.New(here, o), nil
					},
					Converse: func(t remote.Terminal) login.Session {
						return expect.New(t, expect.Options{Strip: expect.StripEscapes, Echo: expect.EchoOff})
					},
				})
				check(t, err)
				defer c.Close()
				terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{})
				check(t, err)
				defer terminal.Close()
				last := events[len(events)-2]
				buf := make([]byte, 1<<10)
				n, err := terminal.Read(buf)
				if got := string(buf[:n]); err != nil || got == "" || !strings.HasSuffix(last, got) {
					t.Errorf("got %q, %v, want the end of %q", got, err, last)
				}
			})
		})
	}
}
