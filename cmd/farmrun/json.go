package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
)

// jsonHelp is what "farmrun help json" says.
const jsonHelp = `With --json farmrun writes to standard output what happens, as it happens, one
JSON object (RFC 8259) a line. What it tells the operator remains on standard
error. A field that would be empty or zero is left out, and there may be more
kinds and fields than those named here: pass over what you do not know.

  farmrun --json -c uptime @web | jq -r 'select(.kind == "part ended") | [.host, .code // 0] | @tsv'

  time         when it happened (RFC 3339)
  kind         what happened, see below
  host         the host that it is about
  step         the step of the host's turn; "switch/check" is one within another
  hosts        the hosts of the rollout or the farm.each, in order
  done         those of them that were done before the run was resumed
  rollout      which of the run's rollouts it belongs to, from 1
  each         which farm.each it belongs to, from 1; -c is one
  max_offline  how many hosts may be out of service at once
  wait         how many seconds the wait that begins may last
  seconds      how long what ended took
  error        what went wrong, in a line; without it all went well
  reason       what sort of failure that is, as in Lua: "timeout", "exit", "unreachable"
  code         the exit status of a command that failed
  boot         with fenced: tells one start of the machine from others
  output       the last lines that the host said before it failed
  name, value  of a fact
  by           who said the text: "stdout" or "stderr" of the host, or "script"
  text         a line that was said, without its end
  hint         what to do next
  run          what the run is: id, script, command, dir, user, machine, pid, began
  status       the exit status of farmrun

The kinds, in order:

  each began, part began, part ended, each ended
               hosts do their parts side by side (farm.each, -c)
  rollout began, turn began, step began, step ended, turn ended, verifying,
  healthy, settling, host done, host failed, host undone, halting, rollout ended
               hosts are taken off the air, one after the other
  sick, well   a host is out of service for another reason, or no longer
  waiting      for hosts that are sick and use the offline budget up
  lock taken, lock released
               the rollout holds the farm's lock; name is its path on the host
  going back, undo began, undo ended, host back, host unknown
               hosts are put back; or what ran on one was ended, and nobody has looked since
  fenced, unfencing, unfenced
               commands of a host's turn run on the machine name, by the login value;
               nothing of the run is left there
  fact         something is remembered of a host
  said         a host or the script said something
  run began, run resumed, run ended, run abandoned
               the run as a whole, and at its end the exit status
`

// jsonLine is one line of --json.
type jsonLine struct {
	journal.Record
	By     string  `json:"by,omitempty"`
	Text   *string `json:"text,omitempty"`
	Hint   string  `json:"hint,omitempty"`
	Status *int    `json:"status,omitempty"`
}

// The kinds of lines that no journal has.
const jsonSaid journal.Kind = "said"

// jsonLines writes what happens as JSON. A nil one has no end to write.
type jsonLines struct {
	mask journal.Mask

	emit func(ctx context.Context, line []byte) // see console.Console.Emit
}

// write writes a line. It waits for whoever reads it until ctx is done, with nil
// not at all.
func (j *jsonLines) write(ctx context.Context, l jsonLine) {
	if l.Time.IsZero() {
		l.Time = time.Now()
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return // there is nothing in it that cannot be written as JSON
	}
	j.emit(ctx, line.Bytes())
}

// record writes what a rollout or an each does.
func (j *jsonLines) record(r journal.Record) {
	r.Error = withoutPosition(r.Error)
	j.write(console.AtOnce, jsonLine{Record: r.Masked(j.mask)})
}

// said writes what was said, but for what farmrun tells the operator.
func (j *jsonLines) said(ctx context.Context, s console.Saying) {
	if s.By == console.Farmrun {
		return
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(string(s.Text), "\n"), "\n") {
		j.write(ctx, jsonLine{Record: journal.Record{Kind: jsonSaid, Host: s.Host}, By: speakers[s.By], Text: &text})
	}
}

// withoutPosition takes out of an error where in the Lua of -c it was, which is
// not the operator's.
func withoutPosition(text string) string {
	before, after, found := strings.Cut(text, " ("+commandPath+":")
	_, rest, _ := strings.Cut(after, ")")
	if !found {
		return text
	}
	return before + rest
}

// ended writes how the run ended.
func (j *jsonLines) ended(err error) {
	if j == nil {
		return
	}
	code := status(err)
	l := jsonLine{Record: journal.Record{Kind: journal.RunEnded}, Status: &code}
	if err != nil {
		e := shown(err)
		l.Host, l.Step, l.Error = e.Host, e.Step, strings.TrimPrefix(e.Error(), e.Host+": ")
		l.Reason, l.Code, l.Output, l.Hint = string(e.Kind), e.Code, e.Output, e.Hint
		l.Said = remote.SaidBy(e)
	}
	_, l.Hint, _ = strings.Cut(string(j.mask.MaskOwn([]byte(l.Error+"\x00"+l.Hint), l.Said, l.Host, l.Step)), "\x00")
	l.Record = l.Masked(j.mask)
	j.write(console.AtOnce, l)
}

// speakers are the words for who said something, in --json and in the files
// that a run keeps.
var speakers = map[console.Speaker]string{
	console.HostOutput: "stdout", console.HostComplaint: "stderr", console.Script: "script", console.Farmrun: "farmrun",
}
