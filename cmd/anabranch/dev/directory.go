package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/dirarchive"
	"github.com/anabranch/anabranch/shared/event"
)

// SlotOf returns the slot length of a used directory; 0 for a directory that is new. It creates nothing.
func SlotOf(ctx context.Context, dir string) (time.Duration, error) {
	layout, err := layoutOf(ctx, dir)
	return time.Duration(layout.Slot), err
}

// LaneOf returns the lane in which the event with this source and id travels in the archive's first layout. ok is false
// if the directory has no archive.
func LaneOf(ctx context.Context, dir, source, id string) (lane event.Lane, ok bool, err error) {
	layout, err := layoutOf(ctx, dir)
	if err != nil || layout.Lanes == 0 {
		return event.Lane{}, false, err
	}
	identity, _ := layout.HashKey.Identity([]byte(source), []byte(id), nil)
	return layout.Lane(identity), true, nil
}

// layoutOf returns the first layout of a directory's archive; a zero Layout if there is none.
func layoutOf(ctx context.Context, dir string) (archive.Layout, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return archive.Layout{}, nil
	}
	files, err := dirarchive.Open(dir, time.Now)
	if err != nil {
		return archive.Layout{}, err
	}
	layout, _, err := archive.ReadLayout(ctx, files, 1)
	if errors.Is(err, archive.ErrNotFound) {
		return archive.Layout{}, nil
	}
	if err != nil {
		return archive.Layout{}, fmt.Errorf("directory %s: %w", dir, err)
	}
	return layout, nil
}

// errLocked says that another process holds a lock.
var errLocked = errors.New("locked")

// lockDirectory keeps other servers off a directory until what it returns is closed. The system closes what a killed
// process has open, so no lock outlives its server.
//
// Views are in memory, so of two servers on one directory neither would stream the other's events to its views.
func lockDirectory(dir string) (io.Closer, error) {
	file, err := lock(dir)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf(
			"directory %s: another \"anabranch dev\" uses it; stop that one, or choose another directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock directory %s: %w", dir, err)
	}
	return file, nil
}
