package main

import (
	"context"
	"fmt"

	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/recorder"
	"farmrun/luahost/secret"
	"farmrun/luahost/terminal"
	"farmrun/modules/farm"
	"farmrun/modules/ssh"
	"farmrun/modules/tunnel"
)

// world is what one run of farmrun works with: the operator, the passwords,
// the hosts.
type world struct {
	flags    flags
	out      *console.Console
	operator *terminal.Terminal
	keyring  *secret.Keyring
	ssh      *ssh.Dialer
	farm     *farm.Farm
	tunnels  tunnel.Set
	// chronicle remembers the run: who writes something into its directory, such
	// as a recording, gets that by open.
	chronicle *chronicle
	recorder  *recorder.Recorder
}

func newWorld(f flags, script string, out *console.Console) *world {
	w := &world{flags: f, out: out, operator: &terminal.Terminal{Hold: out.Hold}}
	w.keyring = &secret.Keyring{Ask: func(ctx context.Context, account string) (secret.Secret, error) {
		return w.operator.Secret(ctx, fmt.Sprintf("Password for %s: ", account))
	}}
	out.Mask = w.keyring.Mask
	w.chronicle = newChronicle(f, script, w.keyring.Mask)
	w.recorder = newRecorder(w)
	w.ssh = newDialer(w)
	w.farm = farm.New(farm.Config{
		Dial:     w.login,
		LoggedIn: w.forward,
		Here:     w.here(),
		Console:  out,
		DryRun:   f.dryRun,
		Record:   w.record,
	})
	return w
}

// record is farm.Config.Record. Of a dry run nothing is to be remembered.
func (w *world) record(r journal.Record) error {
	if w.flags.dryRun {
		return nil
	}
	return w.chronicle.record(r)
}

// close logs out everywhere and lets go of ssh-agents.
func (w *world) close() {
	w.farm.Close()
	w.ssh.Close()
}
