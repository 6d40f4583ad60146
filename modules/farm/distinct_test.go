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
	unknown := identity{key: "k", Machine: fence.Machine{Boot: "/", Name: "web1"}}
	if unknown.same(unknown) {
		t.Error("nothing is known of when they were booted")
	}
}
