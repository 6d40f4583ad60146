package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/recorder"
	"farmrun/luahost/runs"
	"farmrun/modules/farm/nodeset"
)

// runsJob lists the runs.
func runsJob(_ flags, args []string) (job, error) {
	if len(args) > 0 {
		return nil, usageError("farmrun runs takes no arguments; farmrun show RUN shows one")
	}
	return jobFunc(func(_ context.Context, out *console.Console) error { return listRuns(out) }), nil
}

func listRuns(out *console.Console) error {
	store, err := runStore()
	if err != nil {
		return err
	}
	ids, err := store.List()
	if err != nil {
		return err
	}
	return table(out, func(w io.Writer) {
		for _, id := range ids {
			state, err := store.State(id)
			if err != nil {
				fmt.Fprintf(w, "%s\t%v\t\n", id, err)
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", id, outcome(state, store.InUse(id)), standing(state))
		}
	})
}

// table prints what f writes in columns that are ended by tabs.
func table(out *console.Console, f func(w io.Writer)) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	f(w)
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		out.Print("", strings.TrimRight(line, " \n")+"\n")
	}
	return nil
}

// outcome says in a word or two what became of a run.
func outcome(s *journal.State, inUse bool) string {
	switch {
	case inUse:
		return "under way"
	case s.Abandoned:
		return "was abandoned"
	case !s.Ended && s.Resumable():
		return "was killed; can be resumed"
	case !s.Ended:
		return "was killed"
	case s.Resumable():
		return "halted; can be resumed"
	case s.Error != "":
		return "failed"
	}
	return "ended well"
}

// standing says where the hosts of the last rollout of a run stand.
func standing(s *journal.State) string {
	if len(s.Rollouts) == 0 {
		return ""
	}
	return s.Rollouts[len(s.Rollouts)-1].Standing(nodeset.Fold)
}

// findRun returns the id of the run that the operator has named; see
// runs.Store.Find.
func findRun(store runs.Store, id string) (string, error) {
	found, err := store.Find(id)
	if err != nil {
		return "", &luahost.Error{Kind: luahost.Usage, Message: err.Error(), Hint: "farmrun runs lists the runs", Err: err}
	}
	return found, nil
}

// showRun shows what a run did; id is of the run, or its beginning, or "" for the
// last.
func showRun(out *console.Console, id string) error {
	store, err := runStore()
	if err != nil {
		return err
	}
	if id, err = findRun(store, id); err != nil {
		return err
	}
	records, err := store.Records(id)
	if err != nil {
		return err
	}
	state := journal.StateOf(records)
	return table(out, func(w io.Writer) {
		inUse := store.InUse(id)
		fmt.Fprintf(w, "run\t%s: %s\n", id, outcome(state, inUse))
		fmt.Fprintf(w, "command\tfarmrun %s\n", strings.Join(state.Run.Command, " "))
		fmt.Fprintf(w, "began\t%s\n", begun(state.Run))
		for _, again := range state.Resumed {
			fmt.Fprintf(w, "resumed\t%s\n", begun(again))
		}
		if state.Error != "" {
			fmt.Fprintf(w, "error\t%s\n", oneLine(state.Error))
		}
		if state.Resumable() && !inUse {
			fmt.Fprintf(w, "to go on\tfarmrun resume %s\n", id)
		}
		fmt.Fprintf(w, "kept in\t%s\n", store.Path(id))
		if kept, err := recorder.List(store.Path(id)); err == nil && len(kept.All()) > 0 {
			fmt.Fprintf(w, "sessions\t%s (farmrun show %s HOST replays them)\n", strings.Join(names(kept.All()), ", "), id)
		}
		for _, r := range state.Rollouts {
			showRollout(w, r)
		}
	})
}

func begun(r journal.Run) string {
	return fmt.Sprintf("%s by %s@%s in %s", r.Began.Local().Format(time.DateTime), r.User, r.Machine, r.Dir)
}

// showRollout shows a line for each host of a rollout. Hosts that were not
// touched share one.
func showRollout(w io.Writer, r *journal.Rollout) {
	fmt.Fprintf(w, "\nrollout %d\t%s\n", r.Number, r.Standing(nodeset.Fold))
	order := slices.Clone(r.Order)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(began(r.Hosts[a]), began(r.Hosts[b])) })
	for _, name := range order {
		if h := r.Hosts[name]; h.Progress != journal.Untried {
			fmt.Fprintf(w, "%s\t%s\n", name, hostLine(h))
		}
	}
}

// began is when a host's turn began, for sorting; those that had none come last.
func began(h *journal.Host) int64 {
	if h.Began.IsZero() {
		return 1<<63 - 1
	}
	return h.Began.UnixNano()
}

// hostLine says what became of a host.
func hostLine(h *journal.Host) string {
	text := h.Standing()
	if !h.Began.IsZero() && !h.Ended.IsZero() {
		text += " in " + h.Ended.Sub(h.Began).Round(100*time.Millisecond).String()
	}
	if h.Error != "" {
		text += ": " + oneLine(h.Error)
	}
	return text
}

// oneLine makes one printable line of a text that may have a host's in it.
func oneLine(text string) string {
	return string(console.Printable([]byte(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " "))))
}
