package farm

import (
	"testing"

	"farmrun/luahost/remote/fence"
)

func TestSameMachine(t *testing.T) {
	web1 := identity{key: "k", Machine: fence.Machine{Boot: "b/1", Name: "web1", ID: "i"}}
	for name, test := range map[string]struct {
		change func(*identity)
		same   bool
	}{
		"all alike":                 {func(*identity) {}, true},
		"another name for itself":   {func(i *identity) { i.Name = "www" }, true},
		"a clone":                   {func(i *identity) { i.Boot = "c/1" }, false},
		"a container":               {func(i *identity) { i.Boot = "b/2" }, false},
		"a container of one pid 1":  {func(i *identity) { i.key = "l" }, false},
		"no key":                    {func(i *identity) { i.key = "" }, true},
		"no key and another name":   {func(i *identity) { i.key, i.Name = "", "www" }, false},
		"no key and another system": {func(i *identity) { i.key, i.ID = "", "j" }, false},
	} {
		other := web1
		if test.change(&other); web1.same(other) != test.same || other.same(web1) != test.same {
			t.Errorf("%s: %v", name, !test.same)
		}
	}
	mac := identity{key: "k", Machine: fence.Machine{Boot: "/Tue_Sep_19_07:00:00_2000", Name: "mac1"}}
	for name, test := range map[string]struct {
		change func(*identity)
		same   bool
	}{
		"all alike":                   {func(*identity) {}, true},
		"booted in another second":    {func(i *identity) { i.Boot = "/Tue_Sep_19_07:00:01_2000" }, false},
		"another key":                 {func(i *identity) { i.key = "l" }, false},
		"a clone of another name":     {func(i *identity) { i.Name = "mac2" }, false},
		"a clone of another id":       {func(i *identity) { i.ID = "j" }, false},
		"neither a key nor an id":     {func(i *identity) { i.key = "" }, false},
		"its start is half of a mark": {func(i *identity) { i.Boot = "/" }, false},
	} {
		other := mac
		if test.change(&other); mac.same(other) != test.same || other.same(mac) != test.same {
			t.Errorf("by the clock, %s: %v", name, !test.same)
		}
	}
	mac.key, mac.ID = "", "i"
	if !mac.same(mac) {
		t.Error("by the clock, without a key, but with an id")
	}
	for _, boot := range []string{"", "/1"} {
		if i := (identity{key: "k", Machine: fence.Machine{Boot: boot, Name: "web1", ID: "i"}}); i.same(i) {
			t.Errorf("%q tells no start", boot)
		}
	}
	unknown := identity{key: "k", Machine: fence.Machine{Boot: "/", Name: "web1"}}
	if unknown.same(unknown) {
		t.Error("nothing is known of when they were booted")
	}
}
