package farm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/luahosttest"
	"farmrun/modules/farm"
)

// decider is an operator who has made up his mind.
type decider struct {
	choices []farm.Choice // in turn; then there is no terminal any more
	asked   []string
}

func (d *decider) Choose(_ context.Context, f farm.Failed) (farm.Choice, error) {
	var e *luahost.Error
	errors.As(f.Err, &e)
	d.asked = append(d.asked, fmt.Sprintf("%s, step %q: %s? %v", f.Host, f.Step, e.Message, f.Choices))
	if len(d.choices) == 0 {
		return farm.Stop, errors.New("no terminal")
	}
	choice := d.choices[0]
	d.choices = d.choices[1:]
	return choice, nil
}

func (d *decider) TakeOver(_ context.Context, h *farm.Host) error {
	d.asked = append(d.asked, "has a session on "+h.Name())
	if h.Name() == "web2" {
		return errors.New("no way in")
	}
	return nil
}

const (
	all  = "[1 2 3 4 0]" // Retry, TakeOver, Undo, Skip, Stop
	none = "[1 2 4 0]"   // nothing to undo
)

func TestOperator(t *testing.T) {
	const (
		retry, take, undo, skip, stop = farm.Retry, farm.TakeOver, farm.Undo, farm.Skip, farm.Stop

		// broken fails twice on web1 and web2, in its second step.
		broken = `
			local tries = {}
			local function restart(h)
				tries[h.name] = (tries[h.name] or 0) + 1
				if h.name ~= "web3" and tries[h.name] <= 2 then error("no restart " .. tries[h.name], 0) end
			end
			require("farm").rollout("web[1-3]", { healthy = function() end }, function(h)
				h:step("drain", function() end, function() print "undrain" end)
				h:step("restart", restart)
				print "done"
			end)`
		// outside fails on web1, once, in no step.
		outside = `
			local failed
			require("farm").rollout("web[1-2]", { healthy = function() end }, function(h)
				print "begins"
				if not failed then failed = true error("oh", 0) end
			end)`
		nested = `
			require("farm").rollout("web[1-2]", { healthy = function() end }, function(h)
				h:step("outer", function() h:step("inner", function() error("oh", 0) end) end)
			end)`
		back = `
			require("farm").rollout("web[1-2]", { healthy = function() end, on_failure = "rollback", back = function(h)
				error("no way back", 0)
			end }, function(h) h:step("go", function() error("oh", 0) end, function() end) end)`
	)
	for _, test := range []struct {
		name    string
		source  string
		choices []farm.Choice
		asked   []string
		said    string
		err     string
	}{
		{"nobody is there", broken, nil,
			[]string{`web1, step "restart": no restart 1? ` + all},
			"", "web1: restart: the rollout halted: no restart 1"},
		{"stop", broken, []farm.Choice{stop},
			[]string{`web1, step "restart": no restart 1? ` + all},
			"", "web1: restart: the rollout halted: no restart 1"},
		{"retry", broken, []farm.Choice{retry, retry, retry, retry},
			[]string{
				`web1, step "restart": no restart 1? ` + all, `web1, step "restart": no restart 2? ` + all,
				`web2, step "restart": no restart 1? ` + all, `web2, step "restart": no restart 2? ` + all,
			},
			"web1: done\nweb2: done\nweb3: done\n", ""},
		{"take over", broken, []farm.Choice{take, take, retry, stop},
			[]string{
				`web1, step "restart": no restart 1? ` + all, "has a session on web1",
				`web1, step "restart": no restart 1? ` + all, "has a session on web1",
				`web1, step "restart": no restart 1? ` + all, `web1, step "restart": no restart 2? ` + all,
			},
			"", "web1: restart: the rollout halted: no restart 2"},
		{"skip", broken, []farm.Choice{skip, take, skip},
			[]string{
				`web1, step "restart": no restart 1? ` + all,
				`web2, step "restart": no restart 1? ` + all, "has a session on web2",
				`web2, step "restart": no restart 1? ` + all,
			},
			"web3: done\n", "2 failed"},
		{"undo", broken, []farm.Choice{undo, stop},
			[]string{
				`web1, step "restart": no restart 1? ` + all, `web1, step "": no restart 1? [4 0]`,
			},
			"web1: undrain\n", "web1: restart: the rollout halted: no restart 1"},
		{"undo, and go on", broken, []farm.Choice{undo, skip, retry, retry},
			[]string{
				`web1, step "restart": no restart 1? ` + all, `web1, step "": no restart 1? [4 0]`,
				`web2, step "restart": no restart 1? ` + all, `web2, step "restart": no restart 2? ` + all,
			},
			"web1: undrain\nweb2: done\nweb3: done\n", "1 failed"},
		{"outside of a step", outside, []farm.Choice{retry},
			[]string{`web1, step "": oh? ` + none},
			"web1: begins\nweb1: begins\nweb2: begins\n", ""},
		{"a step in a step is asked about once", nested, []farm.Choice{stop, retry},
			[]string{`web1, step "outer/inner": oh? ` + none},
			"", "web1: outer/inner: the rollout halted: oh"},
		{"on the way back", back, []farm.Choice{stop, stop},
			[]string{`web1, step "go": oh? ` + all, `web1, step "": no way back? [1 2 0]`},
			"", "web1: go: the rollout halted: oh"},
		{"a script that ends", `
			require("farm").rollout("web[1-2]", { healthy = function() end }, function(h) h:step("go", function() os.exit(7) end) end)`,
			[]farm.Choice{retry}, nil, "", "the script ends with status 7"},
		{"no rollout", `require("farm").each("web1", function(h) h:step("go", function() error("oh", 0) end) end)`,
			[]farm.Choice{retry}, nil, "", "web1: go: oh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &decider{choices: test.choices}
			var log bytes.Buffer
			f := farm.New(farm.Config{Operator: d, Console: &console.Console{Err: &log}})
			said, err := luahosttest.Run(t, luahost.Config{Modules: []luahost.Module{farm.Module(f, nil, nil)}}, test.source, "x.lua")
			if diff := cmp.Diff(test.asked, d.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if said != test.said {
				t.Errorf("said:\n%swant:\n%s", said, test.said)
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, test.err) || test.err == "" && err != nil {
				t.Errorf("got %q, want %q", got, test.err)
			}
		})
	}
}

// ponderer is an operator who takes his time.
type ponderer struct{ decider }

func (p *ponderer) Choose(ctx context.Context, f farm.Failed) (farm.Choice, error) {
	select {
	case <-ctx.Done():
	case <-time.After(1600 * time.Millisecond): // his time
	}
	return p.decider.Choose(ctx, f)
}

// TestOperatorTakesHisTime: it is not the turn's, nor the run's.
func TestOperatorTakesHisTime(t *testing.T) {
	synctest.Test(t, testOperatorTakesHisTime)
}

func testOperatorTakesHisTime(t *testing.T) {
	p := &ponderer{decider{choices: []farm.Choice{farm.TakeOver, farm.Retry}}}
	f := farm.New(farm.Config{Operator: p})
	said, err := luahosttest.Run(t, luahost.Config{
		Modules: []luahost.Module{farm.Module(f, nil, nil)}, Timeout: 3 * time.Second,
	}, `
		local failed
		require("farm").rollout("web1", { healthy = function() end, turn = "1500ms" }, function(h)
			h:step("go", function() if not failed then failed = true error("oh", 0) end end)
			print "done"
		end)`, "x.lua")
	if said != "web1: done\n" || err != nil {
		t.Errorf("said %q, %v", said, err)
	}
}

// TestOneDecisionAtATime: an operator who has taken a host over is asked about that
// host again before he is asked about another.
func TestOneDecisionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &ponderer{decider{choices: []farm.Choice{farm.TakeOver, farm.Skip, farm.TakeOver, farm.Skip}}}
		f := farm.New(farm.Config{Operator: p})
		luahosttest.Run(t, luahost.Config{Modules: []luahost.Module{farm.Module(f, nil, nil)}}, `
			require("farm").rollout("web[1,3]", { healthy = function() end, max_offline = 2 }, function(h)
				h:step("go", function() error("oh", 0) end)
			end)`, "x.lua")
		var hosts []string
		for _, asked := range p.asked {
			hosts = append(hosts, regexp.MustCompile(`web\d`).FindString(asked))
		}
		if len(hosts) != 6 || hosts[0] != hosts[1] || hosts[1] != hosts[2] || hosts[2] == hosts[3] || hosts[3] != hosts[4] || hosts[4] != hosts[5] {
			t.Errorf("asked in this order: %q", p.asked)
		}
	})
}
