package archive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// createTries is the number of attempts to create a layout. Functions that start at the same time create it at the same
// time; S3 may then refuse a put without saying whether the object exists.
const createTries = 3

// OpenLayout returns the layout that has the wanted number, and the store's clock. When the archive lacks the layout,
// OpenLayout creates it. Layout 1 is created as wanted. A later layout takes the hash key of the layout before it, and
// begins with the slot that the store's clock shows.
//
// Errors: one that names each setting in which the archive differs from wanted; nothing is changed, and retrying does
// not help. OpenLayout also refuses a wanted layout that could not be read back, since a written layout is permanent.
// Errors of the store are retryable.
func OpenLayout(ctx context.Context, a Archive, wanted Layout) (Layout, time.Time, error) {
	key := LayoutKey(wanted.Number)
	for try := 0; ; try++ {
		text, date, err := a.Get(ctx, key)
		if err == nil {
			layout, err := decodeNumbered(text, wanted.Number)
			if err == nil {
				err = layout.differs(wanted)
			}
			return layout, date, err
		}
		if try == createTries {
			return Layout{}, date, fmt.Errorf("open layout %s: %w", key, err)
		}
		// The put may do no harm, whatever the reason why the get failed. Without the permission to list, S3 does not say
		// that there is no object.
		created, err := wanted.follow(ctx, a)
		if err != nil {
			return Layout{}, date, err
		}
		_, err = a.Put(ctx, key, encodeLayout(created))
		if err != nil && !errors.Is(err, ErrExists) && try == createTries-1 {
			return Layout{}, date, fmt.Errorf("create layout: %w", err)
		}
	}
}

// follow returns the wanted layout with everything that it takes from the layout before it.
func (l Layout) follow(ctx context.Context, a Archive) (Layout, error) {
	if l.Number > 1 {
		before, date, err := ReadLayout(ctx, a, l.Number-1)
		if err != nil {
			return l, fmt.Errorf("layout %d follows layout %d of the archive: %w", l.Number, l.Number-1, err)
		}
		if before.Stream == l.Stream {
			return l, fmt.Errorf("layout %d cannot follow layout %d, which has the same stream %s: a new layout needs a new "+
				"stream", l.Number, before.Number, l.Stream)
		}
		same := before
		same.Number, same.Lanes, same.Stream = l.Number, l.Lanes, l.Stream
		if err := same.differs(l); err != nil {
			return l, err
		}
		if date.IsZero() {
			return l, errors.New("the archive did not say what time it is: try again")
		}
		l.HashKey, l.Begins = before.HashKey, max(before.Begins, l.Slot.At(date))
	}
	if _, err := decodeLayout(encodeLayout(l)); err != nil {
		return l, fmt.Errorf("wanted layout: %w", err)
	}
	return l, nil
}

// ReadLayout reads a layout of the archive. It also returns the store's clock.
//
// Errors: ErrNotFound. Any other error of the store is retryable.
func ReadLayout(ctx context.Context, a Archive, number int) (Layout, time.Time, error) {
	key := LayoutKey(number)
	text, date, err := a.Get(ctx, key)
	if err != nil {
		return Layout{}, date, fmt.Errorf("read layout %s: %w", key, err)
	}
	layout, err := decodeNumbered(text, number)
	return layout, date, err
}

// decodeNumbered reads the stored form of the layout that has a number.
func decodeNumbered(text []byte, number int) (Layout, error) {
	l, err := decodeLayout(text)
	if err == nil && l.Number != number {
		err = fmt.Errorf("the object holds layout %d", l.Number)
	}
	if err != nil {
		return Layout{}, fmt.Errorf("read layout %s: %w", LayoutKey(number), err)
	}
	return l, nil
}

// NewestLayout reads the layout with the highest number.
//
// Errors: ErrNotFound when the archive has no layout. Any other error of the store is retryable.
func NewestLayout(ctx context.Context, a Archive) (Layout, error) {
	newest, _, err := ReadLayout(ctx, a, 1)
	for err == nil {
		var next Layout
		if next, _, err = ReadLayout(ctx, a, newest.Number+1); err == nil {
			newest = next
		}
	}
	if newest.Number > 0 && errors.Is(err, ErrNotFound) {
		err = nil
	}
	return newest, err
}

// differs returns an error that names each setting in which the archive is not as wanted.
func (l Layout) differs(wanted Layout) error {
	var all []error
	compare := func(name string, is, want any) {
		if is != want {
			all = append(all, fmt.Errorf("the archive has %s %v, not %v; this setting cannot change", name, is, want))
		}
	}
	compare("slot length", time.Duration(l.Slot), time.Duration(wanted.Slot))
	compare("lane count", l.Lanes, wanted.Lanes)
	compare("dedupe window", l.DedupeWindow, wanted.DedupeWindow)
	compare("speed window", l.SpeedWindow, wanted.SpeedWindow)
	if l.Stream != wanted.Stream {
		all = append(all, fmt.Errorf("layout %d of the archive has stream %s, not %s; a new stack takes the next layout",
			l.Number, l.Stream, wanted.Stream))
	}
	return errors.Join(all...)
}
