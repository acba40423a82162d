package history

import (
	"errors"
	"testing"
)

// TestBoundOfTheFirstBuild plays histories in which no build succeeds before the faults stop. A Lambda view answers
// nothing until its first build succeeds. So events in the stream must be visible only within the bound of batch.
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
