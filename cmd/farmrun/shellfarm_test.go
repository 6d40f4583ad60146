package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/fence"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/farm"
	"farmrun/scripts"
)

// shellFarm is a farm for the scripts whose hosts are shells of this machine, each in a
// home of its own. It has no servers: nothing is restarted, and every host is healthy.
type shellFarm struct {
	dir   string            // the homes are there, by the names of the hosts
	env   map[string]string // a setting of a host's environment, by its name
	files map[string]string // Lua files that the scripts that come with farmrun do not have, by name
	wrap  []string          // of remotetest.Shell, for all hosts
}

// newShellFarm makes one. site is Lua for the end of its site file.
func newShellFarm(t testing.TB, dir, site string, hosts ...string) *shellFarm {
	t.Helper()
	text, err := scripts.Files.ReadFile("site.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range append(hosts, "lb1") {
		if err := os.MkdirAll(filepath.Join(dir, host, "releases"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const none = `
for _, name in ipairs { "drain", "enable", "on_air", "restart", "may_restart" } do site[name] = function() end end
function site.healthy() return true end
`
	body := strings.Replace(string(text), `web = "webserv[1-3]"`, fmt.Sprintf("web = %q", strings.Join(hosts, ",")), 1)
	body = strings.Replace(body, "\nreturn site", none+site+"\nreturn site", 1)
	return &shellFarm{dir: dir, files: map[string]string{"site": body}}
}

// home returns the home of a host.
func (f *shellFarm) home(host string) string { return filepath.Join(f.dir, host) }

// find is luahost.Config.Find.
func (f *shellFarm) find(name string) ([]byte, string, error) {
	if text, ok := f.files[name]; ok {
		return []byte(text), filepath.Join(f.dir, name+".lua"), nil
	}
	return finder{}.find(name)
}

// shellOperator works on a shellFarm, and remembers the runs.
type shellOperator struct {
	farm *shellFarm
	runs []*shellRun
}

// shellRun is a run of a script: one that was killed can be resumed.
type shellRun struct {
	words   []string
	about   farm.About
	records []journal.Record
	life    *life // of the farmrun that was at it last
}

func (r *shellRun) state() *journal.State { return journal.StateOf(r.records) }

var errKilled = errors.New("farmrun was killed")

// run runs a script, and returns the operator's output and how it ended. After so many
// commands farmrun is killed, and for 0 it is not.
func (o *shellOperator) run(t testing.TB, commands int, words ...string) (string, error) {
	r := &shellRun{words: words, about: farm.About{Run: journal.Run{ID: rand.Text(), Token: rand.Text(), Began: time.Now()}, Epoch: 1}}
	r.records = []journal.Record{{Kind: journal.RunBegan, Run: &r.about.Run}}
	o.runs = append(o.runs, r)
	return o.start(t, r, nil, commands)
}

// resume goes on with a run that was killed, and may be killed again.
func (o *shellOperator) resume(t testing.TB, commands int, r *shellRun) (string, error) {
	past := r.state()
	r.about.Epoch++
	return o.start(t, r, past, commands)
}

// abandon gives up a run that was killed, by the journal of its own operator.
func (o *shellOperator) abandon(t testing.TB, r *shellRun) error {
	w, _ := o.world(&shellRun{}, nil, 0)
	state := r.state()
	owner := fence.Owner{Token: r.about.Token, Epoch: r.about.Epoch + 1, Run: r.about.ID, Since: time.Now()}
	abandon := func(c *luahost.Call) {
		c.Wait(c.Name(), 10*time.Minute, func(ctx context.Context) error { return w.farm.Abandon(ctx, state, owner) })
	}
	return o.lua(t, w, "abandon", abandonSource, nil, luahost.Module{
		Name: "abandoned", Values: map[string]any{"standing": "", "site": true}, Funcs: map[string]luahost.Func{"abandon": abandon},
	})
}

// clean removes the remains of another operator's run, which was killed.
func (o *shellOperator) clean(t testing.TB) error {
	w, _ := o.world(&shellRun{}, nil, 0)
	if err := o.lua(t, w, "clean", cleanSource, nil, cleanModule(w, []string{"@web"}, true)); err != nil {
		return err
	}
	w, _ = o.world(&shellRun{}, nil, 0)
	return o.lua(t, w, "unlock", unlockSource, nil)
}

// start runs the run r, which has done past before.
func (o *shellOperator) start(t testing.TB, r *shellRun, past *journal.State, commands int) (string, error) {
	w, said := o.world(r, past, commands)
	source, _, err := o.farm.find(r.words[0])
	if err == nil {
		err = o.lua(t, w, r.words[0], string(source), r.words[1:])
	}
	return said.String(), err
}

// world returns the farm of a run, and the operator's output.
func (o *shellOperator) world(r *shellRun, past *journal.State, commands int) (*world, *bytes.Buffer) {
	said := new(bytes.Buffer)
	w := newWorld(flags{yes: true}, "", &console.Console{Out: said, Err: said})
	w.chronicle.store.Dir = filepath.Join(o.farm.dir, "runs") // there is none: the operator remembers
	life := &life{left: commands, endless: commands == 0}
	r.life = life
	w.farm = farm.New(farm.Config{
		Dial: func(_ context.Context, host string, _ farm.Login) (farm.Conn, error) {
			sh := &remotetest.Shell{Dir: o.farm.home(host), Wrap: o.farm.wrap}
			if set, ok := o.farm.env[host]; ok {
				sh.Env = []string{set}
			}
			return shellConn{sh, life}, nil
		},
		Here:    shellConn{&remotetest.Shell{Dir: o.farm.dir, Wrap: o.farm.wrap}, life},
		Console: w.out,
		Past:    past,
		About:   func() (farm.About, error) { return r.about, nil },
		Recall:  o.recall,
		HasSite: func() bool { return true },
		Record: func(rec journal.Record) error {
			if life.over() {
				return errKilled
			}
			r.records = append(r.records, rec)
			return nil
		},
	})
	return w, said
}

// lua runs a script in a world, which it closes.
func (o *shellOperator) lua(t testing.TB, w *world, name, source string, args []string, more ...luahost.Module) error {
	defer w.close()
	all := slices.DeleteFunc(modules(w, name), func(m luahost.Module) bool { return m.Name == "tunnel" })
	all = append(all, luahost.Module{Name: "tunnel", Funcs: map[string]luahost.Func{"reverse": func(*luahost.Call) {}}})
	rt := luahost.New(t.Context(), luahost.Config{
		Timeout: 10 * time.Minute, Stretch: 10 * time.Minute, // how busy the machine is does not matter
		Modules: append(all, more...), Find: o.farm.find, Args: args,
		Print: w.out.PrintUntil, Log: func(text string) { t.Log(text) },
	})
	defer rt.Close()
	return rt.Run(source, name+".lua")
}

// recall is farm.Config.Recall.
func (o *shellOperator) recall(host, name string) (string, bool) {
	for _, r := range slices.Backward(o.runs) {
		if value, ok := r.state().Facts[host][name]; ok {
			return value, true
		}
	}
	return "", false
}

// life is how many commands a farmrun has left before it is killed.
type life struct {
	mu      sync.Mutex
	left    int
	endless bool
}

// take takes one of them, and tells whether there was one.
func (l *life) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	return l.endless || l.left >= 0
}

func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.endless && l.left <= 0
}

// shellConn is a login on a host that is a shell.
type shellConn struct {
	*remotetest.Shell
	life *life
}

func (c shellConn) Close() error { return nil }

func (c shellConn) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if !c.life.take() {
		return remote.Result{}, errKilled
	}
	return c.Shell.Run(ctx, cmd)
}

// TestRoom: a host whose df answers something else has no room that is known.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	farm := newShellFarm(t, dir, "", "web1")
	farm.files["room"] = `require("lib.pull").check_room(require("farm").hosts("web1")[1])`
	farm.env = map[string]string{"web1": "PATH=" + dir + ":" + os.Getenv("PATH")}
	for answer, want := range map[string]string{
		"what":                            "df does not say how much room there is: what",
		"x\n/dev/sda1 100 100 1024 50% /": "releases: 1 MB free, 10 wanted",
		"x\nan odd name:/d 100 100 9216000 50% /a b": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, "df"), []byte("#!/bin/sh\ncat <<'end'\n"+answer+"\nend\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		said, err := (&shellOperator{farm: farm}).run(t, 0, "room")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q\n%s", answer, err, want, said)
		}
	}
}
