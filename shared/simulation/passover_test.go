package simulation_test

import (
	"context"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

// TestPassedOver checks that a Kappa generation lags behind the head only while replay has work. If a run holds nothing
// that the generation lacks, batch moves the generation past it; so an operator can switch or roll back without waiting
// for replay. Batch must not pass a run that holds something.
func TestPassedOver(t *testing.T) {
	ctx := context.Background()
	w := running(t)
	if err := deployKappa(1)(w.World); err != nil {
		t.Fatal(err)
	}
	// kappa returns the generation, and how many runs it is behind.
	kappa := func() (lifecycle.Generation, uint64) {
		t.Helper()
		head, err := w.Catalog.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range byUser(t, w.World).Generations {
			if g.Architecture == view.Kappa && g.IsKept() {
				return g, head.N - g.Run
			}
		}
		t.Fatal("there is no Kappa generation")
		return lifecycle.Generation{}, 0
	}
	w.goOn(t, 8, 1000) // without replay
	if g, behind := kappa(); g.State != lifecycle.Building || g.Run != 0 || behind == 0 {
		t.Fatalf("without replay, it is %+v, %d runs behind", g, behind)
	}
	w.goOnWithReplay(t, needed, 2000)
	if !isKappa(t, w.World) {
		t.Fatal("the Kappa view does not serve")
	}
	for i := range 6 {
		if err := steps(send(uint64(i), 3000+10*i, 3), w.deliver, wait(simulation.Slot), tick)(w.World); err != nil {
			t.Fatal(err)
		}
		if _, behind := kappa(); behind != 0 {
			t.Errorf("slot %d: %d runs behind, with nothing to replay", i, behind)
		}
		if err := w.Check(ctx); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Operations.Do(ctx, "by_user", "rollback", ""); err != nil {
		t.Error("after batch:", err)
	}
}
