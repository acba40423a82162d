//go:build emulator

package e2e_test

import "testing"

// examined checks that the doctor finds no fault in a stack that works, with the admin key, and that it refuses to call
// a stack healthy with a read key.
func examined(t *testing.T, w *world) {
	if err := w.batchByHand(t.Context()); err != nil { // the parts before may have taken long
		t.Fatal(err)
	}
	if err := w.anabranch(t.Context(), w.Keys.Admin, "doctor"); err != nil {
		t.Errorf("with the admin key: %v", err)
	}
	if err := w.anabranch(t.Context(), w.Keys.Read, "doctor"); err == nil {
		t.Error("with the read key, the doctor finds no fault")
	}
}
