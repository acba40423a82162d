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

// OpenLayout returns the archive's layout. When the archive has none yet, OpenLayout creates it from the settings, with
// a hash key of random bytes. The layout contains the stream's name, so an archive is refused with another stream.
//
// Errors: one line for each setting that differs from the archive's layout: do not retry. clock.ErrMargin, and errors
// of the store: retry.
func (s All) OpenLayout(
	ctx context.Context, a archive.Archive, stream string, random io.Reader, now func() time.Time,
) (archive.Layout, error) {
	length, err := slot.NewLength(s.Slot)
	if err != nil {
		return archive.Layout{}, fmt.Errorf("setting Slot: %w", err)
	}
	wanted := archive.Layout{
		Number: 1, Slot: length, Lanes: s.Lanes, DedupeWindow: s.DedupeWindow, SpeedWindow: s.SpeedWindow, Stream: stream,
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
