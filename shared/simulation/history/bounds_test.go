package history

import (
	"errors"
	"testing"
)

// TestBoundOfTheFirstBuild plays histories in which no build succeeds before the faults stop. Until the first one does,
// a Lambda view answers nothing, so that what is in the stream is due when batch is, and not before.
func TestBoundOfTheFirstBuild(t *testing.T) {
	batchStopped := func(s *settings) { s.batchGone, s.batchBack = epoch, epoch.Add(s.active) }
	for _, test := range []struct {
		seed   uint64
		adjust func(*settings)
	}{{400614, nil}, {411009, nil}, {718234, batchStopped}, {509989, batchStopped}} {
		_, err := run(test.seed, options{adjust: test.adjust})
		if failure := (*Failure)(nil); errors.As(err, &failure) {
			t.Errorf("seed %d: %s: %s", test.seed, failure.Oracle, failure.Detail)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestCopiesThatWait plays the history in which a sweep that takes what waits for lost once made 2,079 copies of 170
// requests.
func TestCopiesThatWait(t *testing.T) {
	result, err := RunKappa(20581)
	if err != nil {
		t.Fatal(err)
	}
	if result.Waiting < 20 {
		t.Errorf("%d records wait when faults stop: the history misses its point", result.Waiting)
	}
}
