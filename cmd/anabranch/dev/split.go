package dev

import (
	"context"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
)

// split keeps the runs of this process's catalog in memory, since it can make them again, and all other objects in
// files.
type split struct {
	files, runs archive.Archive
}

var _ archive.Archive = (*split)(nil)

func (s *split) of(key archive.Key) archive.Archive {
	if key.IsOfRun() {
		return s.runs
	}
	return s.files
}

// Put implements archive.Archive.
func (s *split) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	return s.of(key).Put(ctx, key, body)
}

// Get implements archive.Archive.
func (s *split) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	return s.of(key).Get(ctx, key)
}

// List implements archive.Archive. The range must lie within one of the two.
func (s *split) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	return s.of(from).List(ctx, from, to, limit)
}
