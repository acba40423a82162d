package handler_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/agents"
)

// TestEmpty seeds four stacks, asks each the same question, and checks that each empty answer says which kind it is.
func TestEmpty(t *testing.T) {
	const question = `{"view":"purchases","key":{"user":"ann","shop":"a"},"from":"2026-01-01T05:00:00Z",` +
		`"to":"2026-01-01T06:00:00Z"}`
	const purchase = `{"user":"ann","shop":"a","amount":1}`
	for _, c := range []struct {
		name  string
		seed  func(*fixture)
		want  agents.EmptyKind
		exact bool
	}{
		{"no event has the key", func(s *fixture) {
			s.buy(t, "2026-01-01T00:10:00Z", `{"user":"bob","shop":"a","amount":1}`)
			s.Wait(8 * time.Hour)
			s.tick(t)
		}, agents.NoSuchKey, true},
		{"batch has passed the range", func(s *fixture) {
			s.buy(t, "2026-01-01T00:10:00Z", purchase)
			s.Wait(8 * time.Hour)
			s.tick(t)
		}, agents.NoEvents, true},
		{"the range is not over", func(s *fixture) {
			s.buy(t, "2026-01-01T00:10:00Z", purchase)
			s.tick(t)
		}, agents.NotExactYet, false},
		{"batch has stopped", func(s *fixture) {
			s.buy(t, "2026-01-01T00:10:00Z", purchase)
			s.tick(t)
			s.Wait(4 * time.Hour)
		}, agents.BatchLate, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			c.seed(s)
			a := s.must(t, "query", question)
			if a.Empty == nil || a.Empty.Kind != c.want || a.Empty.Detail == "" || a.Exact == nil || *a.Exact != c.exact ||
				a.Horizon == nil || a.Zone != "UTC" {
				t.Errorf("%s; want %s, exact %t", a.text, c.want, c.exact)
			}
		})
	}
}

// TestEmptyKeys checks why a list of keys is empty.
func TestEmptyKeys(t *testing.T) {
	s := newFixture(t)
	if a := s.must(t, "list_keys", `{"view":"purchases","prefix":"z"}`); a.Empty == nil || a.Empty.Kind != agents.NoEvents {
		t.Errorf("a view without events: %s", a.text)
	}
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","shop":"a","amount":1}`)
	for arguments, want := range map[string]agents.EmptyKind{
		`{"view":"purchases","prefix":"z"}`: agents.NoSuchKey, `{"view":"purchases","key":{"user":"bob"}}`: agents.NoSuchKey,
		`{"view":"purchases"}`: "",
	} {
		a := s.must(t, "list_keys", arguments)
		if (a.Empty == nil) != (want == "") || a.Empty != nil && a.Empty.Kind != want {
			t.Errorf("%s: %s; want %q", arguments, a.text, want)
		}
	}
}
