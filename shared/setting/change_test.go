package setting_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/setting"
)

// TestCheckChange checks that a deployment changes no two settings at once when a mix of their old and new values
// breaks a rule, and that it may change one after the other.
func TestCheckChange(t *testing.T) {
	same := func(setting string) string { return setting }
	commit := func(s *setting.All) { s.CommitWithin = 15 * time.Second }
	seal := func(s *setting.All) { s.SealDelay = 2 * time.Minute }
	tight := func(s *setting.All) { s.SealDelay = 41 * time.Second }
	retention := func(s *setting.All) { s.StreamRetention = 80 * time.Hour }
	age := func(s *setting.All) { s.MaxStreamAge = 80 * time.Hour }
	for _, c := range []struct {
		name          string
		before, after []func(*setting.All)
		want          []string // lines of the error
	}{
		{"nothing", nil, nil, nil},
		{"one that others bound", nil, []func(*setting.All){seal}, nil},
		{"a put may take longer than an old batch waits", []func(*setting.All){tight}, []func(*setting.All){commit, seal},
			[]string{"SealDelay and CommitWithin: must not change in one deployment"}},
		{"the same in two steps, the first", []func(*setting.All){tight}, []func(*setting.All){seal}, nil},
		{"the same in two steps, the second", []func(*setting.All){seal}, []func(*setting.All){seal, commit}, nil},
		{"and back", []func(*setting.All){seal, commit}, []func(*setting.All){tight},
			[]string{"SealDelay and CommitWithin: must not change in one deployment"}},
		{"an old sweep gives up what a new stream keeps", nil, []func(*setting.All){retention, age},
			[]string{"MaxStreamAge and StreamRetention: must not change in one deployment"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := setting.Default(), setting.Default()
			for _, change := range c.before {
				change(&before)
			}
			for _, change := range c.after {
				change(&after)
			}
			for _, s := range []setting.All{before, after} {
				if err := s.Check(); err != nil {
					t.Fatal(err)
				}
			}
			var lines []string
			if err := setting.CheckChange(before, after, same); err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if len(lines) != len(c.want) {
				t.Fatalf("%d lines, want %d: %q", len(lines), len(c.want), lines)
			}
			for i, part := range c.want {
				if !strings.HasPrefix(lines[i], part) {
					t.Errorf("line %d is %q, want %q", i, lines[i], part)
				}
			}
		})
	}
}
