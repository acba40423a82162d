package deployment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
)

// Parameters with the bucket of an archive to take over, and with the number of the layout.
const (
	archiveParameter = "ExistingArchive"
	layoutParameter  = "Layout"
)

// takeOver returns the given parameters with those that follow from the archive that a new stack takes over: the next
// layout, and what all layouts of an archive share. A stack that exists keeps its archive.
//
// Errors: the bucket holds no archive, or cannot be read; another archive for a stack that exists; a layout that is not
// the next one, or not the first one of a new archive. Do not retry.
func (a Account) takeOver(ctx context.Context, s Stack, given map[string]string) (map[string]string, error) {
	bucket, ok := given[archiveParameter]
	if !s.isNew() {
		if has := s.Parameters[archiveParameter]; ok && bucket != has {
			return nil, fmt.Errorf("%s=%s: stack %s has %s=%q, which never changes; a new stack takes over an archive: "+
				"STACK=another", archiveParameter, bucket, s.Name, archiveParameter, has)
		}
		return given, nil
	}
	if bucket == "" {
		if layout, ok := given[layoutParameter]; ok && layout != "1" {
			return nil, fmt.Errorf("%s=%s: a new archive begins with layout 1: leave the parameter out, or name the archive "+
				"to take over, with %s=bucket", layoutParameter, layout, archiveParameter)
		}
		return given, nil
	}
	return follow(ctx, s3archive.New(a.S3, bucket), bucket, given)
}

// follow returns the given parameters with those that follow from the newest layout of an archive.
func follow(
	ctx context.Context, a archive.Archive, bucket string, given map[string]string,
) (map[string]string, error) {
	newest, err := archive.NewestLayout(ctx, a)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, fmt.Errorf("%s=%s: the bucket has no %s, so it holds no archive", archiveParameter, bucket,
			archive.LayoutKey(1))
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", archiveParameter, bucket, err)
	}
	next := map[string]string{
		layoutParameter: strconv.Itoa(newest.Number + 1), "Slot": time.Duration(newest.Slot).String(),
		"DedupeWindow": newest.DedupeWindow.String(), "SpeedWindow": newest.SpeedWindow.String(),
	}
	all := maps.Clone(given)
	for name, value := range next {
		if has, ok := given[name]; ok && !isSame(has, value) {
			return nil, fmt.Errorf("%s=%s: the archive %s needs %s=%s: leave the parameter out", name, has, bucket, name, value)
		}
		all[name] = value
	}
	return all, nil
}

// isSame reports whether two values of a parameter are the same, also as durations.
func isSame(a, b string) bool {
	d, err := time.ParseDuration(a)
	e, otherErr := time.ParseDuration(b)
	return a == b || err == nil && otherErr == nil && d == e
}
