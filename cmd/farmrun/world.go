package main

import (
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
	said      *sayings
	watchers  []func(journal.Record) // are told what rollouts do
	live      *console.Live          // where a rollout stands, on the terminal; nil where that is none
	json      *jsonLines             // nil unless it is wanted
	hasSite   func() bool            // whether the script's finder has a site file; nil is no
	rolledOut bool                   // a rollout has begun; package farm guards it
}

func newWorld(f flags, script string, out *console.Console) *world {
	w := &world{flags: f, out: out, operator: &terminal.Terminal{Hold: out.Hold}}
	w.keyring = &secret.Keyring{
		Ask: w.askPassword, AskNew: w.askNewPassword, AskPassphrase: w.askPassphrase, AskOnce: w.askOnce,
		Group: func(host string) string { return w.farm.PasswordGroup(host) },
	}
	out.Mask, out.MaskOwn = w.keyring.Mask, w.keyring.MaskOwn
	w.show(script)
	w.chronicle = newChronicle(f, script, w.keyring)
	w.recorder = newRecorder(w)
	w.said = &sayings{mask: w.keyring.Mask}
	if f.command == "" && !f.dryRun { // of which nothing is kept
		out.Listen(w.said.hear)
	}
	w.ssh = newDialer(w)
	w.farm = farm.New(farm.Config{
		Dial:     w.login,
		LoggedIn: w.forward,
		Here:     w.here(),
		Console:  out,
		DryRun:   f.dryRun,
		Operator: w.decider(),
		Record:   w.record,
		About:    w.chronicle.runAbout,
		Past:     w.chronicle.past,
		Over:     w.chronicle.over,
		HasSite:  func() bool { return w.hasSite != nil && w.hasSite() },
		Recall:   w.chronicle.recall,
		LockWait: f.lockPatience(),
		Idle:     f.idle(),
	})
	return w
}

// show shows what happens as the operator wants it: on a terminal with what
// stands where at its lower end, or as JSON.
func (w *world) show(script string) {
	if w.flags.plain {
		w.out.Plain, w.out.Size = true, nil
	}
	if w.out.ErrTerminal && w.out.Size != nil {
		view := &liveview.View{Title: script, Plain: w.out.Plain, Folded: nodeset.Fold}
		w.live = w.out.Live(view.Lines)
		w.watchers = append(w.watchers, func(r journal.Record) {
			view.Record(r)
			w.live.Redraw()
		})
	}
	if w.flags.json {
		w.json = &jsonLines{emit: w.out.Emit, mask: w.keyring}
		w.out.Silent = true
		w.out.Listen(w.json.said)
		w.watchers = append(w.watchers, w.json.record)
	}
}

// record is farm.Config.Record. Of a dry run nothing is to be remembered.
func (w *world) record(r journal.Record) error {
	for _, tell := range w.watchers {
		tell(r)
	}
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

// keepLog keeps what hosts say, and have said so far, in the run's directory.
func (w *world) keepLog() {
	run, err := w.chronicle.open()
	if err != nil {
		return // who goes on without it has been told
	}
	w.said.keepIn(&runs.Log{Dir: run.Dir, Clock: run.Clock, Warn: func(err error) { note(w.out, "%v", err) }})
}

// close logs out everywhere and lets go of ssh-agents.
func (w *world) close() {
	w.farm.Close()
	w.ssh.Close()
	if w.live != nil {
		w.live.Close()
	}
}
