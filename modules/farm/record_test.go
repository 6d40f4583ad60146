package farm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/journal"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote/local"
	"farmrun/modules/farm"
)

// recorded runs a script and returns what the farm has recorded, a line each. A
// record with fail in its line fails, if that is not "".
func recorded(t *testing.T, fail, source string) (lines []string, err error) {
	t.Helper()
	f := farm.New(farm.Config{
		Dial: func(context.Context, string, farm.Login) (farm.Conn, error) { return local.Shell{}, nil },
		Record: func(r journal.Record) error {
			if r.Time.IsZero() {
				t.Errorf("%s has no time", r.Kind)
			}
			line := fmt.Sprint(r.Rollout, "/", r.Each, " ", r.Kind)
			for _, more := range []string{r.Host, r.Step, strings.Join(r.Hosts, ","), r.Reason, r.Error} {
				if more != "" {
					line += " " + more
				}
			}
			line, _, _ = strings.Cut(line, " (x.lua")
			lines = append(lines, line)
			if fail != "" && strings.Contains(line, fail) {
				return errors.New("the disk is full")
			}
			return nil
		},
	})
	t.Cleanup(func() { f.Close() })
	_, err = luahosttest.Run(t, luahost.Config{Modules: []luahost.Module{farm.Module(f, nil, nil)}}, source, "x.lua")
	return lines, err
}

// TestRecord: what a rollout does is told before it does it, and with what came
// of it afterwards.
func TestRecord(t *testing.T) {
	got, err := recorded(t, "", `
		local farm = require "farm"
		farm.rollout("web[1-2]", { healthy = function() end }, function(host)
			host:step("switch", function()
				host:step("check", function() if host.name == "web2" then error("no link", 0) end end)
			end)
			farm.each("db1", { parallel = 1 }, function(db) db:step("look", function() end) end)
		end)`)
	if err == nil {
		t.Error("the rollout did not halt")
	}
	want := []string{
		"1/0 rollout began web1,web2",
		"1/0 turn began web1",
		"1/0 step began web1 switch", "1/0 step began web1 switch/check",
		"1/0 step ended web1 switch/check", "1/0 step ended web1 switch",
		"1/1 each began db1", "1/1 part began db1",
		"1/1 step began db1 look", "1/1 step ended db1 look",
		"1/1 part ended db1", "1/1 each ended",
		"1/0 turn ended web1", "1/0 verifying web1", "1/0 healthy web1", "1/0 host done web1",
		"1/0 turn began web2",
		"1/0 step began web2 switch", "1/0 step began web2 switch/check",
		"1/0 step ended web2 switch/check failed switch/check: no link", "1/0 step ended web2 switch failed switch/check: no link",
		"1/0 turn ended web2 failed switch/check: no link", "1/0 host failed web2 failed switch/check: no link",
		"1/0 halting web2 failed switch/check: no link",
		"1/0 rollout ended halted the rollout halted at web2: switch/check: no link",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecordOfEach(t *testing.T) {
	got, _ := recorded(t, "", `
		local farm = require "farm"
		farm.each("web[1-2]", { parallel = 1, on_failure = "stop", check = false }, function() error("no", 0) end)
		farm.each("web1", function() end)`)
	want := []string{
		"0/1 each began web1,web2", "0/1 part began web1", "0/1 part ended web1 failed no",
		"0/1 each ended failed on 1 of 2 hosts: web1; 1 not begun: web2",
		"0/2 each began web1", "0/2 part began web1", "0/2 part ended web1", "0/2 each ended",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEndIsNotRecorded: the rollout has not ended then, and can be resumed.
func TestEndIsNotRecorded(t *testing.T) {
	_, err := recorded(t, "rollout ended", `require("farm").rollout("web1", { healthy = function() end }, function() end)`)
	if halt, ok := errors.AsType[*farm.HaltError](err); !ok || !strings.Contains(halt.Error(), "the disk is full") {
		t.Errorf("got %v", err)
	}
}

// TestRecordThatFails: what cannot be recorded does not begin.
func TestRecordThatFails(t *testing.T) {
	for _, fail := range []string{"rollout began", "turn began", "step began", "sick"} {
		t.Run(fail, func(t *testing.T) {
			lines, err := recorded(t, fail, `
				require("farm").rollout("web[1-2]", { healthy = function(h) assert(h.name == "web1") end, max_offline = 2, within = "10ms" }, function(host)
					host:step("switch", function() require("farm").each("db1", function() end) end)
				end)`)
			if err == nil || !strings.Contains(err.Error(), "the disk is full") {
				t.Errorf("got %v", err)
			}
			if all := strings.Join(lines, "\n"); strings.Contains(all, "each began") {
				t.Errorf("the step was done:\n%s", all)
			}
		})
	}
}
