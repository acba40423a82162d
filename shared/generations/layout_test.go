package generations_test

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// TestLiveInAnArchiveThatWasTakenOver checks from which slot on a view is live in an archive that a new stack has taken
// over. A Kappa view waits for the end of the speed window: before, the original of a copy may have arrived below the
// layout. Neither view is live from the first slot on, although the archive is empty.
func TestLiveInAnArchiveThatWasTakenOver(t *testing.T) {
	const window = 90 * time.Second
	begins := slot.Slot(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	for _, test := range []struct {
		architecture view.Architecture
		after, live  time.Duration // after the layout began
	}{
		{view.Lambda, 10 * time.Second, time.Minute},
		{view.Kappa, 10 * time.Second, 2 * time.Minute},
		{view.Lambda, 3 * time.Minute, 4 * time.Minute},
		{view.Kappa, 3 * time.Minute, 4 * time.Minute},
	} {
		c := &memory.Catalog{}
		d := generations.Deployment{
			Archive: &memory.Archive{}, Catalog: c, Tries: 2,
			Now:         func() time.Time { return begins.Start().Add(test.after) },
			Layout:      archive.Layout{Number: 2, Begins: begins, Slot: slot.Length(time.Minute), SpeedWindow: window},
			Definitions: []lifecycle.Definition{{Name: "a", Hash: "a", Architecture: test.architecture}},
			NewID:       func() (ulid.ULID, error) { return ulid.ULID{15: 1}, nil },
		}
		if _, err := d.Announce(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		v, err := c.View(t.Context(), "a")
		if err != nil || len(v.Generations) != 1 || v.Generations[0].LiveFrom != begins.Add(test.live) {
			t.Errorf("%s, announced %s after the layout began: %+v, %v; want it live after %s", test.architecture, test.after,
				v.Generations, err, test.live)
		}
	}
}
