package main

import (
	"context"
	"fmt"

	"farmrun/cmd/internal/liveview"
	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/recorder"
	"farmrun/luahost/runs"
	"farmrun/luahost/secret"
	"farmrun/luahost/terminal"
	"farmrun/modules/expect"
	"farmrun/modules/farm"
	"farmrun/modules/farm/nodeset"
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
	sessions expect.Sessions
	// chronicle remembers the run: who writes something into its directory, such
	// as a recording, gets that by open.
	chronicle *chronicle
	recorder  *recorder.Recorder
	view      *liveview.View
	live      *console.Live // view on the terminal
	json      *jsonLines    // nil unless it is wanted
	rolledOut bool          // a rollout has begun; package farm guards it
}

func newWorld(f flags, script string, out *console.Console) *world {
	w := &world{flags: f, out: out, operator: &terminal.Terminal{Hold: out.Hold}}
	w.keyring = &secret.Keyring{Ask: func(ctx context.Context, account string) (secret.Secret, error) {
		return w.operator.Secret(ctx, fmt.Sprintf("Password for %s: ", account))
	}}
	out.Mask = w.keyring.Mask
	if f.plain {
		out.Plain, out.Size = true, nil
	}
	if f.json {
		w.json = &jsonLines{to: out.Out, mask: journal.Mask{Said: w.keyring.Mask, Name: w.keyring.Mask}}
		out.Out = nil
		out.Listen(w.json.said)
	}
	w.chronicle = newChronicle(f, script, journal.Mask{Said: w.keyring.MaskPieces, Name: w.keyring.Mask})
	w.recorder = newRecorder(w)
	w.view = &liveview.View{Title: script, Plain: out.Plain, Folded: nodeset.Fold}
	w.live = out.Live(w.view.Lines)
	w.ssh = newDialer(w)
	w.farm = farm.New(farm.Config{
		Dial:     w.login,
		LoggedIn: w.forward,
		Here:     w.here(),
		Console:  out,
		DryRun:   f.dryRun,
		Operator: w.decider(),
		Record:   w.record,
		About:    func() (farm.About, error) { return w.chronicle.runAbout(f.practice) },
		Past:     w.chronicle.past,
		Recall:   w.chronicle.recall,
		LockWait: f.lockPatience(),
	})
	return w
}

// record is farm.Config.Record. Of a dry run nothing is to be remembered.
func (w *world) record(r journal.Record) error {
	w.view.Record(r)
	w.live.Redraw()
	w.json.record(r)
	if w.flags.dryRun {
		return nil
	}
	err := w.chronicle.record(r)
	if err == nil && r.Kind == journal.RolloutBegan && !w.rolledOut {
		w.rolledOut = true
		w.keepLog()
	}
	return err
}

// keepLog keeps what hosts say from now on in the run's directory.
func (w *world) keepLog() {
	run, err := w.chronicle.open()
	if err != nil {
		return // who goes on without it has been told
	}
	log := &runs.Log{Dir: run.Dir, Warn: func(err error) { note(w.out, "%v", err) }}
	w.out.Listen(func(s console.Saying) {
		if s.Host != "" {
			log.Add(s.Host, speakers[s.By], string(w.keyring.MaskPieces(s.Text)))
		}
	})
}

// close logs out everywhere and lets go of ssh-agents.
func (w *world) close() {
	w.farm.Close()
	w.ssh.Close()
	w.live.Close()
}
