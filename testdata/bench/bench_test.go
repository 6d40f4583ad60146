package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestTiny runs everything with three hosts, so that the benchmark does not
// rot. What it measures is not looked at.
func TestTiny(t *testing.T) {
	var out bytes.Buffer
	if _, err := bench(t.Context(), options{tiny: true}, &out); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	var grown []string
	for _, g := range growings() {
		grown = append(grown, growthName+g.name)
	}
	for _, name := range append(grown, "plain: 3 hosts of in-process", "plain: 3 hosts of sshd", "clush: 3", "parallel-ssh: 3", "ansible: 3", "start: clush", rolloutName) {
		if !strings.Contains(out.String(), "\n"+name) {
			t.Errorf("there is no line of %q", name)
		}
	}
}

func TestExponent(t *testing.T) {
	for want, of := range map[float64][3]float64{1: {1, 2, 5}, 2: {0, 1, 16}, 0: {3, 3.001, 3.004}} {
		if got := exponent(of[0], of[1], of[2], 0.005); got != want {
			t.Errorf("of %v: got %v, want %v", of, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[int][]int{3: {9, 3, 1}, 2: {4, 2}, 7: {7}} {
		if got := median(values); got != want {
			t.Errorf("of %v: got %d, want %d", values, got, want)
		}
	}
}
