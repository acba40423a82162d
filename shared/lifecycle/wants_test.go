package lifecycle

import (
	"slices"
	"testing"
)

// TestWants checks that every case of WithDesired is in exactly one line of its truth table.
func TestWants(t *testing.T) {
	for _, state := range []State{None, Announced, Building, Serving, Retained} {
		for _, held := range []bool{false, true} {
			for _, rebuild := range []bool{false, true} {
				n := 0
				for _, w := range wants() {
					if w.held == held && w.rebuild == rebuild && slices.Contains(w.furthest, state) {
						n++
					}
				}
				if n != 1 {
					t.Errorf("furthest %q, held %t, rebuild %t: %d lines", state, held, rebuild, n)
				}
			}
		}
	}
}
