package expect_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/modules/expect"
)

// step is the keys that are typed, how the device shows that and answers, the text that a script
// waits for, and the text before it as a person sees it.
type step struct{ typed, shows, until, before string }

// dialogues are tasks of an operator, on devices of each family.
var dialogues = map[string][]step{
	"IOS: enable, configure, save, reload": {
		{"", "\r\n###########\r\n# no entry #\r\n###########\r\n\r\ncore9>", "core9>", "\n###########\n# no entry #\n###########\n\n"},
		{"enable\r", "enable\r\nPassword: ", "Password: ", ""},
		{"secret\r", "\r\ncore9#", "core9#", "\n"},
		{"conf t\r", "conf t\r\nEnter configuration commands, one per line.  End with CNTL/Z.\r\ncore9(config)#", "core9(config)#", "Enter configuration commands, one per line.  End with CNTL/Z.\n"},
		{"int gi0/1\r", "int gi0/1\r\ncore9(config-if)#", "core9(config-if)#", ""},
		{"shutdwn\r", "shutdwn\r\n           ^\r\n% Invalid input detected at '^' marker.\r\n\r\ncore9(config-if)#", "core9(config-if)#", "           ^\n% Invalid input detected at '^' marker.\n\n"},
		{"\x1a", "^Z\r\ncore9#\r\n*Mar  1 00:01:02: %SYS-5-CONFIG_I: Configured from console\r\ncore9#", "%SYS-5-CONFIG_I", "^Z\ncore9#\n*Mar  1 00:01:02: "},
		{"", "", "core9#", ": Configured from console\n"},
		{"copy run start\r", "copy run start\r\nDestination filename [startup-config]? ", "[startup-config]? ", "Destination filename "},
		{"\r", "\r\nBuilding configuration...\r\n[OK]\r\ncore9#", "core9#", "\nBuilding configuration...\n[OK]\n"},
		{"reload\r", "reload\r\nProceed with reload? [confirm]", "[confirm]", "Proceed with reload? "},
		{"\r", "\r\n", "\n", ""},
	},
	"NX-OS: a copy that draws its progress": {
		{"", "n9k-1# ", "n9k-1# ", ""},
		{"copy run start\r", "copy run start\r\n[#               ]   1%\r[########        ]  50%\r[################] 100%\r\nCopy complete.\r\nn9k-1# ", "n9k-1# ", "[################] 100%\nCopy complete.\n"},
	},
	"EOS: a title in the prompt": {
		{"", "\x1b]0;sw1\a\x1b[5nsw1>", "sw1>", ""},
		{"enable\r", "enable\r\n\x1b]0;sw1#\asw1#", "sw1#", ""},
	},
	"Junos: configure, commit": {
		{"", "ken@mx1> ", "mx1> ", "ken@"},
		{"configure\r", "configure \r\nEntering configuration mode\r\n\r\n[edit]\r\nken@mx1# ", "ken@mx1# ", "Entering configuration mode\n\n[edit]\n"},
		{"commit\r", "commit \r\ncommit complete\r\n\r\n[edit]\r\nken@mx1# ", "commit complete", ""},
	},
	"ProCurve: any key, then logout": {
		{"", "\x1b[1;24r\x1b[1;1H\x1b[2JProCurve J4813A Switch 2524\x1b[22;1HPress any key to continue", "Press any key", "ProCurve J4813A Switch 2524\n"},
		{" ", "\x1b[24;1H\x1b[2K\x1b[24;1HHP-2524# \x1b[24;1H\x1b[?25h\x1b[24;10H", "HP-2524# ", " to continue\n"},
		{"logout\r", "\x1b[24;10Hlogout\x1b[24;10H\x1b[?25h\x1b[24;16H\x1bE\x1b[24;1HDo you want to log out [y/n]? ", "[y/n]? ", "Do you want to log out "},
		{"y", "y\x1bE\x1b[24;1HDo you want to save current configuration [y/n]? ", "[y/n]? ", "y\nDo you want to save current configuration "},
	},
	"FortiOS: yes by one key": {
		{"", "FGT60 # ", "FGT60 # ", ""},
		{"execute reboot\r", "execute reboot\r\nThis operation will reboot the system !\r\nDo you want to continue? (y/n)", "(y/n)", "This operation will reboot the system !\nDo you want to continue? "},
		{"y", "\r\n\r\nSystem is rebooting...\r\n", "rebooting", "\n\nSystem is "},
	},
	"VRP: three views, and save": {
		{"", "<HUAWEI>", "<HUAWEI>", ""},
		{"system-view\r", "system-view\r\nEnter system view, return user view with Ctrl+Z.\r\n[HUAWEI]", "[HUAWEI]", "Enter system view, return user view with Ctrl+Z.\n"},
		{"quit\r", "quit\r\n<HUAWEI>", "<HUAWEI>", ""},
		{"save\r", "save\r\nThe current configuration will be written to the device.\r\nAre you sure to continue?[Y/N]", "[Y/N]", "The current configuration will be written to the device.\nAre you sure to continue?"},
		{"y\r", "y\r\nNow saving...\r\nSave the configuration successfully.\r\n<HUAWEI>", "successfully", "y\nNow saving...\nSave the configuration "},
	},
	"RouterOS: it asks what the terminal is, and draws each line again": {
		{"", "\x1b[9999B\x1b[6n\r\x1b[K[admin@r1] > ", "[admin@r1] > ", ""},
		{"/ip address print\r", "\r\x1b[K[admin@r1] > /ip\r\x1b[K[admin@r1] > /ip address print\r\nFlags: X - disabled\r\n0   10.0.0.1/24\r\n\r\r\x1b[K[admin@r1] > ", "[admin@r1] > ", "Flags: X - disabled\n0   10.0.0.1/24\n"},
	},
	"Dell: stars for the password": {
		{"", "console>", "console>", ""},
		{"enable\r", "enable\r\nPassword:", "Password:", ""},
		{"secret\r", "******\r\nconsole#", "console#", "******\n"},
	},
	"APC: an outlet by menus": {
		{"", "\r\n 1- Device Manager\r\n 4- Logout\r\n\r\n<ESC>- Main Menu\r\n> ", "\n> ", "\n 1- Device Manager\n 4- Logout\n\n<ESC>- Main Menu"},
		{"1\r", "1\r\n\r\n 1: Outlet 1   ON\r\n> ", "\n> ", "1\n\n 1: Outlet 1   ON"},
		{"2\r", "2\r\nEnter 'YES' to continue or <ENTER> to cancel : ", "cancel : ", "2\nEnter 'YES' to continue or <ENTER> to "},
		{"YES\r", "YES\r\nCommand successfully issued.\r\nPress <ENTER> to continue...", "continue...", "Command successfully issued.\nPress <ENTER> to "},
		{"\r", "\r\n> ", "\n> ", ""},
		{"\x1b", "\r\n------- Control Console -------\r\n> ", "\n> ", "\n------- Control Console -------"},
	},
	"a console with somebody's half line": {
		{"\x15", "\r\nts9$ ", "ts9$ ", "\n"},
		{"date\r", "date\r\nTue Sep 19\r\nts9$ ", "ts9$ ", "Tue Sep 19\n"},
	},
}

// TestDialogues has them over slow lines, in pieces of each size.
func TestDialogues(t *testing.T) {
	for name, steps := range dialogues {
		for _, size := range []int{1, 7, 1 << 10} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { play(t, steps, size) })
			})
		}
	}
}

func play(t *testing.T, steps []step, size int) {
	here, there := net.Pipe()
	var other sync.WaitGroup
	defer other.Wait()
	defer there.Close()
	s := expect.New(here, expect.Options{Strip: expect.StripScreen})
	defer s.Close()
	other.Go(func() {
		d := device{ReadWriter: there, piece: func() int { return size }, pause: func(string) { time.Sleep(time.Millisecond) }}
		for _, is := range steps {
			typed := make([]byte, len(is.typed))
			if _, err := io.ReadFull(there, typed); err != nil || string(typed) != is.typed {
				t.Errorf("typed: %q, want %q", typed, is.typed)
				return
			}
			d.print(is.shows)
		}
	})
	for _, is := range steps {
		if is.typed != "" {
			send := s.Send
			if strings.HasPrefix(is.typed, "secret") {
				is.typed = strings.TrimSuffix(is.typed, "\r")
				send = s.SendSecret
			}
			check(t, send(t.Context(), is.typed))
		}
		m, err := s.Expect(t.Context(), expect.Wait{Patterns: []expect.Pattern{expect.Text(is.until)}, Timeout: time.Minute})
		if err != nil || m.Before != is.before {
			t.Fatalf("in pieces of %d, after %q: %v: before %q is %q, want %q", size, is.typed, err, is.until, m.Before, is.before)
		}
	}
}
