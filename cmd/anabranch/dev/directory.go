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
)

// SlotOf returns the slot length of a used directory; 0 for a directory that is new. It creates nothing.
func SlotOf(ctx context.Context, dir string) (time.Duration, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	files, err := dirarchive.Open(dir, time.Now)
	if err != nil {
		return 0, err
	}
	layout, _, err := archive.ReadLayout(ctx, files, 1)
	if errors.Is(err, archive.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("directory %s: %w", dir, err)
	}
	return time.Duration(layout.Slot), nil
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
