package handler_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/api"
)

// TestKeysAreAsFreshAsTheHorizon runs batch between the requests of list_keys. A key whose first event arrived before
// the horizon of the answer must be in the answer.
func TestKeysAreAsFreshAsTheHorizon(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","shop":"a","amount":1}`)
	before := s.must(t, "status", `{"view":"purchases"}`)
	s.after = func(api.Key) {
		s.after = nil
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"bob","shop":"a","amount":1}`)
		s.Wait(time.Hour)
		s.tick(t)
	}
	a := s.must(t, "list_keys", `{"view":"purchases"}`)
	if len(a.Keys) != 2 && *a.Horizon != *before.Horizon {
		t.Errorf("the horizon moved from %s, and bob is not among the keys: %s", *before.Horizon, a.text)
	}
	if after := s.must(t, "status", `{"view":"purchases"}`); *after.Horizon == *before.Horizon {
		t.Errorf("batch did not run: the horizon is still %s", *after.Horizon)
	}
}
