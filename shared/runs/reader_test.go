package runs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// stores are a catalog and an archive in memory that record their calls.
type stores struct {
	archive memory.Archive
	catalog memory.Catalog
	calls   []string // "archive.Get <key>", "catalog.Runs"
}

func newStores() *stores {
	s := &stores{}
	hook := func(call memory.Call) memory.Fault {
		s.calls = append(s.calls, strings.TrimSpace(call.Name+" "+call.Key))
		return memory.Fault{}
	}
	s.archive.Hook, s.catalog.Hook = hook, hook
	return s
}

func (s *stores) reader() runs.Reader {
	return runs.Reader{Archive: &s.archive, Catalog: &s.catalog, Parallel: backwards}
}

// failer holds the methods that testing.T and rapid.T share.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// put stores an object.
func (s *stores) put(t failer, key string, body []byte) {
	t.Helper()
	if _, err := s.archive.Put(ctx, archive.Key(key), body); err != nil {
		t.Fatal(err)
	}
}

// append commits a run with the events.
func (s *stores) append(t failer, run lifecycle.Run, seen []runs.Seen) {
	t.Helper()
	run.Events = int64(len(seen))
	for i, e := range seen {
		if i == 0 || e.Arrival < run.FirstArrival {
			run.FirstArrival = e.Arrival
		}
		run.LastArrival = max(run.LastArrival, e.Arrival)
	}
	if len(seen) > 0 {
		run.Identities = identitiesOf(run.N)
		s.put(t, run.Identities, runs.EncodeIdentities(seen))
	}
	if err := s.catalog.Append(ctx, run); err != nil {
		t.Fatal(err)
	}
	s.calls = nil
}

func identitiesOf(run uint64) string { return fmt.Sprintf("identities of run %d", run) }

func numbers(all []lifecycle.Run) []uint64 {
	var n []uint64
	for _, run := range all {
		n = append(n, run.N)
	}
	return n
}

// TestDown checks that runs come in order and without gaps, down to the first one that is not wanted, wherever the
// steps end, and that no further step is read.
func TestDown(t *testing.T) {
	for _, c := range []struct {
		head, from, above uint64 // the runs after above are wanted
		first             uint64 // the first run returned; the last is the lower of head and from; 0: none
		steps             int
	}{
		{head: 0, from: 0},
		{head: 5, from: 0},
		{head: 0, from: 1, steps: 1},
		{head: 1, from: 1, first: 1, steps: 1},
		{head: 1, from: 1, above: 1, steps: 1},
		{head: 3, from: 2, first: 1, steps: 1},
		{head: 16, from: 16, first: 1, steps: 1},
		{head: 17, from: 17, first: 1, steps: 2},
		{head: 48, from: 48, first: 1, steps: 2},
		{head: 49, from: 49, above: 1, first: 2, steps: 3},
		{head: 49, from: 49, above: 2, first: 3, steps: 2},
		{head: 257, from: 257, above: 257, steps: 1},
		{head: 512, from: 512, above: 256, first: 257, steps: 5},
		{head: 800, from: 753, first: 1, steps: 7},
		{head: 300, from: 700, above: 100, first: 101, steps: 6},
	} {
		t.Run(fmt.Sprintf("%d of %d beyond %d", c.from, c.head, c.above), func(t *testing.T) {
			s := newStores()
			for n := uint64(1); n <= c.head; n++ {
				s.append(t, lifecycle.Run{N: n, Horizon: slot.Slot(n)}, nil)
			}
			got, err := s.reader().RunsDownTo(ctx, c.from, func(run lifecycle.Run) bool { return run.N > c.above })
			if err != nil {
				t.Fatal(err)
			}
			var want []uint64
			for n := c.first; c.first > 0 && n <= min(c.head, c.from); n++ {
				want = append(want, n)
			}
			if diff := cmp.Diff(want, numbers(got)); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
			if len(s.calls) != c.steps {
				t.Errorf("%d requests, want %d", len(s.calls), c.steps)
			}
		})
	}
}

// TestDownFails checks that the error names the step that failed, and that no later runs come.
func TestDownFails(t *testing.T) {
	s := newStores()
	for n := uint64(1); n <= 257; n++ {
		s.append(t, lifecycle.Run{N: n}, nil)
	}
	broken, asked := errors.New("broken"), 0
	s.catalog.Hook = func(memory.Call) memory.Fault {
		if asked++; asked == 2 {
			return memory.Fault{Err: broken}
		}
		return memory.Fault{}
	}
	got, err := s.reader().RunsDownTo(ctx, 257, func(lifecycle.Run) bool { return true })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "runs 210 to 241:") || got != nil {
		t.Errorf("%d runs, error %v", len(got), err)
	}
}

func TestGet(t *testing.T) {
	s := newStores()
	s.append(t, lifecycle.Run{N: 1, Horizon: 100}, nil)
	s.append(t, lifecycle.Run{N: 2, Horizon: 200}, nil)
	if run, err := s.reader().Get(ctx, 2); err != nil || run.Horizon != 200 {
		t.Errorf("run 2: %+v, error %v", run, err)
	}
	for _, n := range []uint64{0, 3} {
		if run, err := s.reader().Get(ctx, n); !errors.Is(err, catalog.ErrNotFound) ||
			!strings.Contains(err.Error(), fmt.Sprintf("run %d:", n)) {
			t.Errorf("run %d: %+v, error %v", n, run, err)
		}
	}
	broken := errors.New("broken")
	s.catalog.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: broken} }
	if _, err := s.reader().Get(ctx, 2); !errors.Is(err, broken) || errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("a catalog that fails: error %v", err)
	}
}

func TestManifest(t *testing.T) {
	s := newStores()
	run := lifecycle.Run{N: 7, Horizon: 1000, Manifest: "manifest"}
	want := runs.Manifest{
		Version: 2, Run: 7, From: 500, To: 1000, LateObjects: 1,
		Objects: []runs.ManifestObject{
			{Object: archive.Object{Key: "object", Size: 9}, Lanes: []runs.LaneEvents{{Lane: 2, Events: 3}}},
		},
	}
	s.put(t, run.Manifest, runs.EncodeManifest(want))
	s.calls = nil
	got, err := s.reader().Manifest(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(s.calls) != 1 {
		t.Errorf("asked for %q, want the manifest once", s.calls)
	}
}

// TestRunWithoutObjects checks that such a run has neither manifest nor identities, and that nothing is read.
func TestRunWithoutObjects(t *testing.T) {
	s := newStores()
	m, err := s.reader().Manifest(ctx, lifecycle.Run{N: 7, Horizon: 1000})
	if diff := cmp.Diff(runs.Manifest{Run: 7, To: 1000}, m); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	empty := lifecycle.Run{N: 7, Horizon: 1000}
	if err := s.reader().Identities(ctx, empty, func(runs.Seen) { t.Error("an event") }); err != nil {
		t.Error(err)
	}
	if len(s.calls) > 0 {
		t.Errorf("asked for %q", s.calls)
	}
}

// TestManifestRefused checks that a wrong manifest is an error that names the run and the object.
func TestManifestRefused(t *testing.T) {
	of := func(m runs.Manifest) []byte { return runs.EncodeManifest(m) }
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"corrupt":           {[]byte(`{"version":2,"run":7`), "manifest:"},
		"a version to come": {[]byte(`{"version":3,"run":7,"to":1000}`), "manifest of version 3"},
		"of another run":    {of(runs.Manifest{Run: 8, To: 1000}), "is of run 8"},
		"to another moment": {of(runs.Manifest{Run: 7, To: 60_000}), "to 1970-01-01T00:01:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStores()
			s.put(t, "the key", c.text)
			m, err := s.reader().Manifest(ctx, lifecycle.Run{N: 7, Horizon: 1000, Manifest: "the key"})
			if err == nil || !strings.Contains(err.Error(), "run 7: the key:") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error %v, want one with %q", m, err, c.want)
			}
		})
	}
	_, err := newStores().reader().Manifest(ctx, lifecycle.Run{N: 7, Manifest: "the key"})
	if !errors.Is(err, archive.ErrNotFound) || !strings.Contains(err.Error(), "the key") {
		t.Errorf("a manifest that there is not: error %v", err)
	}
}

func TestIdentities(t *testing.T) {
	s := newStores()
	want := []runs.Seen{seen(2, 30, 1), seen(1, 10, 0)}
	s.put(t, "good", runs.EncodeIdentities(want))
	s.put(t, "bad", runs.EncodeIdentities(want)[:40])
	var got []runs.Seen
	good := lifecycle.Run{N: 7, Identities: "good"}
	if err := s.reader().Identities(ctx, good, func(e runs.Seen) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for key, want := range map[string]error{"bad": runs.ErrCorrupt, "none": archive.ErrNotFound} {
		err := s.reader().Identities(ctx, lifecycle.Run{N: 7, Identities: key}, func(runs.Seen) { t.Error("an event") })
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "run 7, "+key+":") {
			t.Errorf("%s: error %v, want %v, with run and key", key, err, want)
		}
	}
}
