package farm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/gate"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/fence"
)

// fences are the marks by which a rollout owns its hosts: one on each machine on
// which commands of a host's turn run, under the name of that host. So a balancer
// that several turns talk to has one of each.
type fences struct {
	farm  *Farm
	part  part
	me    fence.Owner
	waits fence.Waits

	mu  sync.Mutex
	all map[fenceKey]*fenced
	of  map[string][]*fenced // by the host whose turn it is

	known map[string]map[string]identity // by boot and name: the machines that were met
}

// fenceKey is a host's turn and a machine on which commands of it run.
type fenceKey struct {
	of      string
	machine *Host
}

// fenced is one fence.
type fenced struct {
	fences  *fences
	machine *Host
	fence.Fence

	taking sync.Mutex // held while it is taken, or put right
	taken  bool
	left   bool // there may be something to remove

	mu     sync.Mutex
	seq    int // commands
	busy   map[string]bool
	unsure []string // the slots of commands of which it is not known how they ended
}

// Times of fences. None of them is a part of a turn's time.
const (
	fenceTime  = 15 * time.Second // to log in to a host, and remove one
	fencesTime = 2 * time.Minute  // to take over all, or remove them
	hurry      = 5 * time.Second
)

// newFences returns those of a rollout; nil if nobody could go on with it.
func (r *rollout) newFences() *fences {
	if r.farm.config.About == nil || r.farm.config.DryRun {
		return nil
	}
	about := r.about
	return &fences{
		farm: r.farm, part: r.part, all: map[fenceKey]*fenced{}, of: map[string][]*fenced{}, known: map[string]map[string]identity{},
		me: fence.Owner{
			Token: about.Token, Epoch: max(about.Epoch, 1), Run: about.ID, Who: about.User + "@" + about.Machine,
			Since: about.Began,
		},
	}
}

// get returns the fence of a host's turn on a machine, which may have to be taken.
func (f *fences) get(of string, machine *Host) *fenced {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fenceKey{of, machine}
	if f.all[key] == nil {
		name := of
		if machine.name != of {
			name += "@" + machine.name // homes may be shared
		}
		f.all[key] = &fenced{fences: f, machine: machine, busy: map[string]bool{}, Fence: fence.Fence{
			Runner: runner{machine}, Dir: f.farm.fenceDir(), Name: name,
		}}
		f.of[of] = append(f.of[of], f.all[key])
	}
	return f.all[key]
}

func (f *fences) list() []*fenced {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*fenced
	for _, one := range f.all {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *fenced) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// of is the host whose fence it is.
func (f *fenced) of() string { return strings.TrimSuffix(f.Name, "@"+f.machine.name) }

// take makes the fence ours, once. It ends the commands that an earlier owner of the
// run has left running there, and returns how the fence was then.
func (f *fenced) take(ctx context.Context) (fence.State, error) {
	f.taking.Lock()
	defer f.taking.Unlock()
	if f.taken {
		return fence.State{}, nil
	}
	ctx, f.left = withoutTurn(ctx), true
	if f.of() != f.machine.name { // TurnBegan says as much of the host's own
		if err := f.record(journal.Fenced, fence.Machine{}); err != nil {
			return fence.State{}, err
		}
	}
	s, err := f.TakeOver(ctx, f.fences.me, f.fences.waits)
	if err == nil {
		err = f.record(journal.Fenced, s.Machine)
	}
	if err != nil {
		return s, f.failed(err)
	}
	f.taken = true
	return s, nil
}

func (f *fenced) record(kind journal.Kind, m fence.Machine) error {
	return f.fences.farm.record(f.fences.part, journal.Record{
		Kind: kind, Host: f.of(), Name: f.machine.name, Value: m.Login, Boot: m.Boot,
	})
}

// FenceError is a host that the run does not own, or cannot be sure to own. The
// rollout does not go on.
type FenceError struct {
	Host string // the machine that has the fence
	Err  error
}

func (e *FenceError) Error() string {
	return e.Host + ": " + strings.TrimPrefix(e.Err.Error(), e.Host+": ")
}

// Unwrap returns the cause, and has it halt the rollout.
func (e *FenceError) Unwrap() error { return &halting{e.Err} }

// Kind is luahost's word for it.
func (e *FenceError) Kind() string { return "refused" }

// Hint returns the advice to the operator.
func (e *FenceError) Hint() string {
	if held, ok := errors.AsType[*fence.HeldError](e.Err); ok {
		run := held.Owner.Run
		return fmt.Sprintf("resume that run, or give it up with farmrun abandon %s, as %s; if that machine is gone, farmrun clean %s",
			run, held.Owner.Who, e.Host)
	}
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](e.Err); ok {
		return h.Hint()
	}
	return ""
}

// halting is the error of a turn after which no further one may begin, whatever number
// of turns may fail.
type halting struct{ error }

func (e *halting) Unwrap() []error { return []error{e.error, gate.ErrAbandoned} }

// notBegun is why a rollout has not begun. One that is resumed is halted.
func (r *rollout) notBegun(err error) error {
	resumed := false
	r.look(func(s *journal.Rollout) { resumed = s != nil })
	if !resumed {
		return err
	}
	halt := &gate.HaltError{Err: err}
	if e, ok := errors.AsType[*FenceError](err); ok {
		halt.Host = e.Host
	}
	return r.halted(halt)
}

func (f *fenced) failed(err error) error { return &FenceError{f.machine.name, err} }

// guard has a command leave its receipt and not begin under a newer owner, and
// returns the function that is told how it ended.
func (f *fenced) guard(ctx context.Context, step string, cmd *remote.Cmd) (ended func(remote.Result, error) error, err error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	slot, seq := f.slot()
	cmd.NeedStderr = true // that is where Guard says that it has refused
	cmd.Guard = f.Guard(f.fences.me, slot, seq, step)
	return func(res remote.Result, err error) error {
		f.free(slot, err != nil)
		if err == nil && fence.WasRefused(res, f.fences.me) {
			return f.refused(ctx, remote.LastLines(res.Stderr, 1))
		}
		return err
	}, nil
}

// ready has the fence ours, and nothing running there of which it is not known how it
// ended.
func (f *fenced) ready(ctx context.Context) error {
	if _, err := f.take(ctx); err != nil {
		return err
	}
	return f.settle(ctx, f.fences.waits)
}

// refused is why a command did not begin, of which the host has said that.
func (f *fenced) refused(ctx context.Context, said string) error {
	err := f.Check(withoutTurn(ctx), f.fences.me)
	if err == nil {
		err = errors.New(strings.TrimPrefix(said, "farmrun: "))
	}
	return f.failed(err)
}

// session has the shell of a terminal leave its receipt: a session is one command, until it
// is closed. A terminal that cannot is closed.
func (f *fenced) session(ctx context.Context, step string, t remote.Terminal) (remote.Terminal, error) {
	err := f.ready(ctx)
	if err != nil {
		t.Close()
		return nil, err
	}
	slot, seq := f.slot()
	text, err := f.Session(ctx, t, f.fences.me, slot, seq, step)
	if err == nil {
		return &session{Terminal: t, fenced: f, slot: slot, text: text}, nil
	}
	t.Close()
	refused, ok := errors.AsType[*fence.RefusedError](err)
	f.free(slot, !ok)
	if ok {
		return nil, f.refused(ctx, refused.Said)
	}
	return nil, fmt.Errorf("%s: a session of a turn: %w", f.machine.name, err)
}

// session is a terminal with a receipt.
type session struct {
	remote.Terminal
	fenced *fenced
	slot   string

	mu   sync.Mutex
	text []byte // to be read first
	lost bool   // the shell may run on

	once   sync.Once
	closed error // of Close
}

// Unwrap is for remote.TerminalAs.
func (s *session) Unwrap() remote.Terminal { return s.Terminal }

func (s *session) Read(p []byte) (int, error) {
	s.mu.Lock()
	n := copy(p, s.text)
	s.text = s.text[n:]
	s.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	n, err := s.Terminal.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.mu.Lock()
		s.lost = true
		s.mu.Unlock()
	}
	return n, err
}

// leaveWithin is how long a host may take to note the end of a session.
const leaveWithin = 3 * time.Second

// Close notes the end of the session and hangs up. A command that its shell has in the
// foreground is ended later, as one of which it is not known how it ended.
func (s *session) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		unsure := s.lost
		s.mu.Unlock()
		if !unsure {
			ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
			idle, err := s.fenced.Leave(ctx, s.fenced.fences.me, s.slot)
			cancel()
			unsure = err != nil || !idle
		}
		s.closed = s.Terminal.Close()
		s.fenced.free(s.slot, unsure)
	})
	return s.closed
}

// slot returns one in which no command is, if possible one that is always there.
func (f *fenced) slot() (slot string, seq int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	for i := range fence.Slots { // the last receipts stay
		if slot = fence.Slots[(f.seq+i)%len(fence.Slots)]; !f.busy[slot] {
			f.busy[slot] = true
			return slot, f.seq
		}
	}
	for n := len(fence.Slots) + 1; f.busy[slot]; n++ {
		slot = fmt.Sprintf("r%d", n)
	}
	f.busy[slot] = true
	return slot, f.seq
}

// free gives a slot back, unless it is not known how its command ended.
func (f *fenced) free(slot string, unsure bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if unsure {
		f.unsure = append(f.unsure, slot)
		return
	}
	delete(f.busy, slot)
}

// settle ends the commands of which it is not known how they ended: the line was
// cut, or the time was over. Nothing else of the turn runs beside them.
func (f *fenced) settle(ctx context.Context, w fence.Waits) error {
	f.taking.Lock()
	defer f.taking.Unlock()
	f.mu.Lock()
	slots := slices.Clone(f.unsure)
	f.mu.Unlock()
	if len(slots) == 0 {
		return nil
	}
	if err := f.Settle(withoutTurn(ctx), f.fences.me, slots, w); err != nil {
		return f.failed(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsure = f.unsure[len(slots):]
	for _, slot := range slots {
		delete(f.busy, slot)
	}
	return nil
}

// turn is the turn of a host that is under way, on a rollout with fences.
type turn struct {
	fences *fences
	host   *Host

	mu   sync.Mutex
	step string
}

type turnKey struct{}

// turnOf returns the turn to which a context belongs, nil for none.
func turnOf(ctx context.Context) *turn {
	t, _ := ctx.Value(turnKey{}).(*turn)
	return t
}

// withoutTurn is for commands that have to do with fences, and not with the turn.
func withoutTurn(ctx context.Context) context.Context {
	return context.WithValue(ctx, turnKey{}, (*turn)(nil))
}

// begin makes a step the one that commands are of, until the function is called
// that it returns.
func (t *turn) begin(step string) (end func()) {
	if t == nil {
		return func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.step
	t.step = step
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.step = before
	}
}

// guard is fenced.guard for a command of the turn on a machine. One that only looks
// needs no fence on a machine other than the host.
func (t *turn) guard(ctx context.Context, machine *Host, cmd *remote.Cmd) (ended func(remote.Result, error) error, err error) {
	if t.sparesOn(machine) || cmd.Query && machine != t.host {
		return func(_ remote.Result, err error) error { return err }, nil
	}
	t.mu.Lock()
	step := t.step
	t.mu.Unlock()
	return t.fences.get(t.host.name, machine).guard(ctx, step, cmd)
}

// sparesOn tells whether commands on a machine leave no receipts: there is no turn, or
// the machine takes none but the operator's own.
func (t *turn) sparesOn(machine *Host) bool { return t == nil || machine.IsBare() }

// session is fenced.session for a terminal of the turn on a machine.
func (t *turn) session(ctx context.Context, machine *Host, opened remote.Terminal) (remote.Terminal, error) {
	if t.sparesOn(machine) {
		return opened, nil
	}
	t.mu.Lock()
	step := t.step
	t.mu.Unlock()
	return t.fences.get(t.host.name, machine).session(ctx, step, opened)
}

// mustOwn fails unless the turn's fence on a machine is ours still. It is for changes there
// that no command makes, which would see to that by itself.
func (t *turn) mustOwn(ctx context.Context, machine *Host) error {
	if t.sparesOn(machine) {
		return nil
	}
	f := t.fences.get(t.host.name, machine)
	err := f.ready(ctx)
	if err == nil {
		if err = f.Check(withoutTurn(ctx), f.fences.me); err != nil {
			err = f.failed(err)
		}
	}
	return err
}

// owned takes a host through work as a turn of it: the fence is taken before.
func (r *rollout) owned(ctx context.Context, h *Host, work func(ctx context.Context) error) error {
	if r.fences == nil {
		return work(ctx)
	}
	own := r.fences.get(h.name, h)
	s, err := own.take(ctx)
	if err == nil && s.Login != "" { // it was taken now
		err = own.meet(ctx, s.Machine)
	}
	if err != nil {
		return err
	}
	t := &turn{fences: r.fences, host: h}
	ctx = remote.Owned(ctx, func(ctx context.Context) error { return t.mustOwn(ctx, h) })
	return work(context.WithValue(ctx, turnKey{}, t))
}

// settled ends commands of a host's turn of which it is not known how they ended. As
// long as that fails the host is not healthy, whatever it says: they may yet take it
// out of service.
func (r *rollout) settled(ctx context.Context, host string) error {
	if r.fences == nil {
		return nil
	}
	r.fences.mu.Lock()
	its := slices.Clone(r.fences.of[host])
	r.fences.mu.Unlock()
	for _, f := range its {
		if err := f.settle(ctx, fence.Waits{Patience: time.Second}); err != nil {
			return err
		}
	}
	return nil
}

// takeOver takes the fences of the hosts on which the run was at work when it was
// killed, and ends the commands that it has left running there, before anybody looks at
// them.
func (r *rollout) takeOver(ctx context.Context) error {
	if r.fences == nil {
		return nil
	}
	var open []*fenced
	noted := map[*fenced]journal.Record{}
	var err error
	r.look(func(s *journal.Rollout) {
		if s != nil {
			open, err = r.leftOpen(s, noted)
		}
	})
	if err != nil || len(open) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fencesTime)
	defer cancel()
	return r.fences.each(open, func(f *fenced) error {
		before, err := f.mustSee(ctx, noted[f])
		if err != nil {
			return err
		}
		lost := r.lost(f, noted[f], before)
		if lost && before.MayBeSince(noted[f].Boot) {
			return f.failed(&lostError{f.Check(withoutTurn(ctx), f.fences.me), r.about.ID})
		}
		s, err := f.take(ctx)
		switch {
		case err != nil:
		case lost:
			r.tell(f.machine.name, "it was started anew, and nothing of the run is left there, its fence included")
		default:
			r.tellReceipt(f, s)
		}
		return err
	})
}

// lost tells whether the fence of a turn in progress, which was noted, is gone. One of
// a turn, or a rollout, that has come to an end may have been removed.
func (r *rollout) lost(f *fenced, noted journal.Record, now fence.State) (is bool) {
	r.look(func(s *journal.Rollout) { is = !s.Unfencing && s.Hosts[f.of()].Progress == journal.Middle })
	return is && noted.Boot != "" && now.Owner == nil
}

// lostError is a fence that is gone from a machine that was not started anew: the
// run may have left anything there.
type lostError struct {
	error
	run string
}

func (e *lostError) Unwrap() error { return e.error }

func (e *lostError) Hint() string {
	return "see that no command of the run is left there, and then give the run up: farmrun abandon " + e.run
}

// leftOpen returns the fences that the run may have left, and their entries in the journal.
// Those of hosts that are done with only have to be removed.
func (r *rollout) leftOpen(s *journal.Rollout, noted map[*fenced]journal.Record) (open []*fenced, err error) {
	for _, name := range s.Order {
		machines := map[string]journal.Record{}
		maps.Copy(machines, s.Fences[name])
		begun := s.Hosts[name].Progress.Begun()
		if _, is := machines[name]; begun && !s.Ended && !is {
			machines[name] = journal.Record{} // it was killed before it could note it
		}
		for machine, was := range machines {
			h, err := r.farm.machine(machine)
			if err != nil {
				return nil, err
			}
			f := r.fences.get(name, h)
			f.left = true
			if noted[f] = was; begun {
				open = append(open, f)
			}
		}
	}
	return open, nil
}

// machine is Host, for farm.here as well.
func (f *Farm) machine(name string) (*Host, error) {
	if name == hereName && !f.knows(name) {
		return f.Here()
	}
	return f.Host(name)
}

// knows tells whether the site has a host of that name.
func (f *Farm) knows(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.site == nil {
		return false
	}
	_, is := f.site.known[name]
	return is
}

// each calls work for fences, many at once, and returns the first error.
func (f *fences) each(all []*fenced, work func(*fenced) error) error {
	const parallel = 32
	errs := make([]error, len(all))
	places := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, one := range all {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			errs[i] = work(one)
		})
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// mustSee returns how a fence is that was noted, and fails where the run was begun under
// another login, whose home has it.
func (f *fenced) mustSee(ctx context.Context, noted journal.Record) (fence.State, error) {
	if noted.Value == "" {
		return fence.State{}, nil
	}
	s, err := f.Look(withoutTurn(ctx))
	if err == nil && s.Login != noted.Value && f.Dir == "" {
		err = &otherLoginError{was: noted.Value, is: s.Login}
	}
	if err != nil {
		return s, f.failed(err)
	}
	return s, nil
}

// otherLoginError is a fence that this login does not see.
type otherLoginError struct{ was, is string }

func (e *otherLoginError) Error() string {
	return fmt.Sprintf("the run was begun there as %s, and %s does not see the commands that it has left running", e.was, e.is)
}

func (e *otherLoginError) Hint() string {
	return fmt.Sprintf(`resume it as %s; a directory that all operators' logins may write lets each go on: farm.site { fence = "/var/lib/farmrun", … }`, e.was)
}

// tellReceipt tells the operator how the step ended that was announced last.
func (r *rollout) tellReceipt(f *fenced, s fence.State) {
	var h journal.Host
	r.look(func(s *journal.Rollout) { h = *s.Hosts[f.of()] })
	if h.Step == "" || h.StepDone {
		return
	}
	last, ok := s.Last(h.Step)
	switch {
	case ok:
		r.tell(f.machine.name, "the last command of step %s: %s", h.Step, last)
	case f.of() == f.machine.name:
		r.tell(f.machine.name, "no command of step %s has begun", h.Step)
	}
}

// clear removes the fences of the rollout from all hosts, once the journal says so: resume
// would take one for lost that is gone without that. One that cannot be removed is named,
// and left for farmrun clean. Where the operator has ended the rollout, it takes little
// time.
func (f *fences) clear(ctx context.Context) {
	if f == nil {
		return
	}
	within := fencesTime
	if ctx.Err() != nil {
		within = hurry
	}
	ctx, cancel := context.WithTimeout(withoutTurn(context.WithoutCancel(ctx)), within)
	defer cancel()
	unsure := f.farm.record(f.part, journal.Record{Kind: journal.Unfencing})
	all := f.list()
	slices.SortStableFunc(all, func(a, b *fenced) int { return a.machine.away() - b.machine.away() })
	f.each(all, func(one *fenced) error {
		if !one.left {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, fenceTime)
		defer cancel()
		err := unsure
		if err == nil {
			err = one.settle(ctx, fence.Waits{Patience: time.Second})
		}
		if err == nil {
			err = one.Clear(ctx, f.me)
		}
		if err != nil {
			f.farm.config.Console.Note(one.machine.name, "the fence of this run is left there: %v; farmrun clean %s removes it later", err, one.machine.name)
			return nil
		}
		return one.record(journal.Unfenced, fence.Machine{})
	})
}

// fenceDir is where the site wants fences; "" is the login's home.
func (f *Farm) fenceDir() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.site == nil {
		return ""
	}
	return f.site.fence
}
