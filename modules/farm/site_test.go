package farm_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote"
	"farmrun/modules/farm"
)

// TestPrecedence: where two sets share a host, what the smaller one says
// counts, setting by setting.
func TestPrecedence(t *testing.T) {
	f := farm.New(farm.Config{})
	login := func(user string, port int, options map[string]string) farm.Login {
		return farm.Login{User: user, Port: port, Options: options}
	}
	err := f.Define(farm.Site{
		Groups: map[string]string{"web": "web[1-3]", "all": "@web,db1"},
		Hosts: map[string]farm.Settings{
			"@all":     {Login: login("op", 2222, map[string]string{"Compression": "yes", "LogLevel": "quiet"}), Vars: map[string]any{"tier": "any", "floor": 1}},
			"@web":     {Login: login("web", 0, map[string]string{"Compression": "no"}), Vars: map[string]any{"tier": "web"}},
			"web3":     {Login: farm.Login{Address: "10.0.0.3", Port: 22}},
			"extra[1]": {Login: login("x", 0, nil)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]farm.Settings{
		"db1":    {Login: login("op", 2222, map[string]string{"Compression": "yes", "LogLevel": "quiet"}), Vars: map[string]any{"tier": "any", "floor": 1}},
		"web1":   {Login: login("web", 2222, map[string]string{"Compression": "no", "LogLevel": "quiet"}), Vars: map[string]any{"tier": "web", "floor": 1}},
		"web3":   {Login: farm.Login{User: "web", Port: 22, Address: "10.0.0.3", Options: map[string]string{"Compression": "no", "LogLevel": "quiet"}}, Vars: map[string]any{"tier": "web", "floor": 1}},
		"extra1": {Login: login("x", 0, map[string]string{}), Vars: map[string]any{}},
	} {
		if diff := cmp.Diff(want, host(t, f, name).Settings()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	hosts, err := f.Hosts("@*")
	if diff := cmp.Diff([]string{"db1", "extra1", "web1", "web2", "web3"}, farm.Names(hosts)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	var unknown *farm.UnknownError
	if _, err := f.Host("wbe1"); !errors.As(err, &unknown) || err.Error() != `the site has no host "wbe1"; did you mean "web1"?` {
		t.Errorf("got %v", err)
	}
}

// TestPasswordSettings: the site file says which hosts share passwords, and whose
// password sudo asks for.
func TestPasswordSettings(t *testing.T) {
	f := newFarm(t, new(bytes.Buffer))
	modules := []luahost.Module{farm.Module(f, nil, nil)}
	_, err := luahosttest.Run(t, luahost.Config{Modules: modules}, `require("farm").site { hosts = {
		["web[1-3]"] = { password_group = "web", sudo_account = "root" },
		web3 = { password_group = "old" }, db1 = {},
	} }`, "site.lua")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{"web1": {"web", "root"}, "web3": {"old", "root"}, "db1": {}} {
		group, account := f.PasswordGroup(name), "?"
		host(t, f, name).RunBy(t.Context(), remote.Cmd{Line: "true"}, func(_ context.Context, login remote.Runner, _ remote.Cmd) (remote.Result, error) {
			if l, ok := login.(interface{ SudoAccount() string }); ok {
				account = l.SudoAccount()
			}
			return remote.Result{}, nil
		})
		if got := [2]string{group, account}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestWrongSites: a site that makes no sense changes nothing.
func TestWrongSites(t *testing.T) {
	for name, test := range map[string]struct {
		site farm.Site
		want string
	}{
		"a set that cannot be read": {farm.Site{Groups: map[string]string{"web": "web[1-"}}, `site: group "web": `},
		"a circle":                  {farm.Site{Groups: map[string]string{"a": "@b", "b": "@a"}}, `site: group "a": `},
		"a group that is not there": {farm.Site{Hosts: map[string]farm.Settings{"@wbe": {}}}, `site: hosts "@wbe": `},
		"a forward by telnet": {farm.Site{Hosts: map[string]farm.Settings{
			"web[1-2]": {Login: farm.Login{Forwards: []farm.Forward{{Listen: 2401, To: "dev:2401"}}}},
			"web2":     {Login: farm.Login{Login: "telnet"}},
		}}, "site: forwards of web2: only a login by ssh"},
		"a forward from no port": {farm.Site{Hosts: map[string]farm.Settings{
			"web1": {Login: farm.Login{Forwards: []farm.Forward{{To: "dev:2401"}}}},
		}}, "site: forwards of web1: 0 is no port"},
		"an empty group": {farm.Site{Groups: map[string]string{"web": ""}}, `site: group "web": `},
	} {
		t.Run(name, func(t *testing.T) {
			f := farm.New(farm.Config{})
			err := f.Define(test.site)
			if !errors.Is(err, farm.ErrSite) || len(err.Error()) < len(test.want) || err.Error()[:len(test.want)] != test.want {
				t.Errorf("got %v, want %s…", err, test.want)
			}
			if _, err := f.Host("any"); err != nil {
				t.Errorf("it changed something: %v", err)
			}
		})
	}
}

// TestDefinedLate: hosts that were asked for before the site was read would
// have none of its settings.
func TestDefinedLate(t *testing.T) {
	f := farm.New(farm.Config{})
	host(t, f, "web1")
	if err := f.Define(farm.Site{Groups: map[string]string{"web": "web1"}}); !errors.Is(err, farm.ErrSite) {
		t.Errorf("got %v", err)
	}
}
