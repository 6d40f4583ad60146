package ssh

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPick(t *testing.T) {
	defaults, all := []string{"a1", "a2", "b1"}, []string{"a1", "a2", "b1", "old1", "old2"}
	for spec, want := range map[string][]string{
		"":           nil,
		"a2,b1":      {"a2", "b1"},
		"b1,unknown": {"b1"},
		"+old1":      {"a1", "a2", "b1", "old1"},
		"+old*,a1":   {"a1", "a2", "b1", "old1", "old2"},
		"-a*":        {"b1"},
		"^b1,old2":   {"b1", "old2", "a1", "a2"},
	} {
		got, err := pick("X", spec, defaults, all)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
	for _, spec := range []string{"unknown", "-*"} {
		if got, err := pick("X", spec, defaults, all); err == nil {
			t.Errorf("%s picks %q", spec, got)
		}
	}
}
