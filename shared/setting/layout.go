package setting

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/slot"
)

// OpenLayout returns the archive's layout with the number of the settings. When the archive does not have it yet,
// OpenLayout creates it from the settings: layout 1 with a hash key of random bytes, a later one with the hash key of
// the archive. A layout contains the stream's name, so an archive is refused with another stream.
//
// Errors: one line for each setting that differs from the archive: do not retry. clock.ErrMargin, and errors
// of the store: retry.
func (s All) OpenLayout(
	ctx context.Context, a archive.Archive, stream string, random io.Reader, now func() time.Time,
) (archive.Layout, error) {
	length, err := slot.NewLength(s.Slot)
	if err != nil {
		return archive.Layout{}, fmt.Errorf("setting Slot: %w", err)
	}
	wanted := archive.Layout{
		Number: s.Layout, Slot: length, Lanes: s.Lanes, DedupeWindow: s.DedupeWindow, SpeedWindow: s.SpeedWindow,
		Stream: stream,
	}
	if _, err := io.ReadFull(random, wanted.HashKey[:]); err != nil {
		return archive.Layout{}, fmt.Errorf("make hash key: %w", err)
	}
	layout, date, err := archive.OpenLayout(ctx, a, wanted)
	if err != nil {
		return archive.Layout{}, err
	}
	return layout, clock.Margin(s.ClockMargin).Check(now(), date)
}
