package settings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// Layout is what every function that reads or writes the archive must agree on with all others. What the archive holds
// is compared with it at each start.
type Layout struct {
	// The bucket that is the archive, by name. Danger: another one is another set of events.
	ArchiveBucket string
	// The stream, by name. Part of the layout: with another one the same archive is refused.
	StreamName string
	// Length of a slot: whole seconds that divide 24 h. It never changes for an archive.
	Slot time.Duration `default:"5m"`
	// Into how many lanes identities are dealt. It never changes for an archive. Danger: a lane passes through one shard,
	// so that too few lanes bound what the stream carries: about 10,000 events a second each.
	Lanes int `default:"4"`
	// Between the stamps of two copies that batch counts once. It never changes for an archive.
	DedupeWindow time.Duration `default:"24h"`
	// The same for speed. It never changes for an archive.
	SpeedWindow time.Duration `default:"1h"`
	// By how much a function's clock and the archive's may differ; at a larger difference functions refuse to work.
	// Danger: batch waits for it, as part of SealDelay.
	ClockMargin time.Duration `default:"30s"`
}

// Check names each setting that does not do, and each rule between settings that is broken.
func (l Layout) Check() error {
	var all []error
	if _, err := slot.NewLength(l.Slot); err != nil {
		all = append(all, fmt.Errorf("SLOT: %w", err))
	}
	if l.Lanes < 1 || l.Lanes > event.MaxLanes {
		all = append(all, fmt.Errorf("LANES=%d: want 1 to %d", l.Lanes, event.MaxLanes))
	}
	if l.SpeedWindow <= 0 || l.SpeedWindow > l.DedupeWindow {
		all = append(
			all,
			fmt.Errorf("SPEED_WINDOW=%s: want above 0 and at most DEDUPE_WINDOW, %s: speed may drop no copy that batch counts",
				l.SpeedWindow, l.DedupeWindow),
		)
	}
	if l.ClockMargin < 0 {
		all = append(all, fmt.Errorf("CLOCK_MARGIN=%s: want 0 or more", l.ClockMargin))
	}
	return errors.Join(all...)
}

// Open returns the archive's layout, made as these settings say where there is none yet: then with a hash key of
// random bytes.
//
// Errors: each setting in which the archive differs, by name; clock.ErrMargin.
func (l Layout) Open(
	ctx context.Context, a archive.Archive, random io.Reader, now func() time.Time,
) (archive.Layout, error) {
	length, err := slot.NewLength(l.Slot)
	if err != nil {
		return archive.Layout{}, fmt.Errorf("SLOT: %w", err)
	}
	wanted := archive.Layout{
		Number: 1, Slot: length, Lanes: l.Lanes, DedupeWindow: l.DedupeWindow, SpeedWindow: l.SpeedWindow, Stream: l.StreamName,
	}
	if _, err := io.ReadFull(random, wanted.HashKey[:]); err != nil {
		return archive.Layout{}, fmt.Errorf("make hash key: %w", err)
	}
	layout, date, err := archive.OpenLayout(ctx, a, wanted)
	if err != nil {
		return archive.Layout{}, fmt.Errorf("archive %s: %w", l.ArchiveBucket, err)
	}
	if err := clock.Margin(l.ClockMargin).Check(now(), date); err != nil {
		return archive.Layout{}, fmt.Errorf("archive %s: %w", l.ArchiveBucket, err)
	}
	return layout, nil
}
