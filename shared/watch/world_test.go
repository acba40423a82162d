package watch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/watch"
)

const (
	lambda = `views:
  - name: by_user
    key: {user: data.user}
    window: 1h
    aggregates: {visits: count()}
`
	both = lambda + `  - name: live
    architecture: kappa
    key: {user: data.user}
    window: 1h
    aggregates: {visits: count()}
`
)

// system is the simulation's world, in which each step runs every minute unless it stands still.
type system struct {
	*simulation.World
	t      *testing.T
	watch  *watch.Watch
	stands map[string]bool // the steps that stand still
	quiet  bool            // no events come
	sent   int
}

func newSystem(t *testing.T, views string) *system {
	t.Helper()
	kit, err := simulation.Prepare(views)
	if err != nil {
		t.Fatal(err)
	}
	world, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	s := &system{World: world, t: t, stands: map[string]bool{}}
	s.watch = watch.New(world.Archive, world.Catalog, simulation.Settings(), setting.Host{
		Now: func() time.Time { return world.Clock },
	})
	return s
}

// minutes lets time pass, in which an event comes each minute and every step runs. It returns what the watch sees last.
func (s *system) minutes(n int) watch.Report {
	s.t.Helper()
	for range n {
		s.Wait(time.Minute)
		if !s.quiet {
			s.sent++
			visit := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"visit","data":{"user":"ann"}}`, s.sent)
			if _, err := s.Send(s.t.Context(), visit); err != nil {
				s.t.Fatal(err)
			}
		}
		for _, step := range []struct {
			name string
			run  func(context.Context) error
		}{
			{"speed", s.DeliverAll}, {"republish", s.Republish}, {"sweep", ignore(s.Sweep.Tick)}, {"batch", ignore(s.Tick)},
			{"replay", ignore(s.Replay.Tick)}, {"audit", ignore(s.Audit.Tick)},
		} {
			if s.stands[step.name] {
				continue
			}
			if err := step.run(s.t.Context()); err != nil {
				s.t.Fatalf("%s: %v", step.name, err)
			}
		}
	}
	return s.look()
}

func ignore[T any](tick func(context.Context) (T, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := tick(ctx)
		return err
	}
}

func (s *system) look() watch.Report {
	s.t.Helper()
	seen, err := s.watch.Look(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return seen
}

// want compares reports, but for Unsettled, which a test of its own checks.
func (s *system) want(what string, got, wanted watch.Report) {
	s.t.Helper()
	got.Unsettled = false
	if diff := cmp.Diff(wanted, got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
