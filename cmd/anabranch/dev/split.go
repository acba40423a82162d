package dev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/dirarchive"
	"github.com/anabranch/anabranch/shared/memory"
)

// split keeps the manifests and identities of runs apart from all other objects. The catalog is in memory, so its runs
// are those of this process, and the next process makes them again.
type split struct {
	files archive.Archive
	runs  *runFiles
}

var _ archive.Archive = (*split)(nil)

// Put implements archive.Archive.
func (s *split) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	if key.IsOfRun() {
		return s.runs.put(ctx, key, body)
	}
	return s.files.Put(ctx, key, body)
}

// Get implements archive.Archive.
func (s *split) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	if key.IsOfRun() {
		return s.runs.get(ctx, key)
	}
	return s.files.Get(ctx, key)
}

// List implements archive.Archive. It lists no objects of runs: every reader takes their keys from the catalog.
func (s *split) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	return s.files.List(ctx, from, to, limit)
}

// runFolder is the folder of the archive's directory that has the objects of runs while a server runs. Its name begins
// with a dot, so that nobody takes it for a part of the archive.
const runFolder = ".runs"

// runFiles stores the objects of runs in files: they take 32 bytes for each event, for as long as the server runs. What
// the disk does not take, it stores in memory, so that a directory that cannot be written still answers queries.
type runFiles struct {
	folder   string
	files    archive.Archive // nil: the folder cannot be made
	overflow memory.Archive
}

// openRunFiles opens the store in a locked directory. It removes what a server that was killed left there.
func openRunFiles(dir string) *runFiles {
	r := &runFiles{folder: filepath.Join(dir, runFolder), overflow: memory.Archive{Now: time.Now}}
	if os.RemoveAll(r.folder) != nil {
		return r
	}
	if files, err := dirarchive.Open(r.folder, time.Now); err == nil {
		r.files = files
	}
	return r
}

func (r *runFiles) put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	if r.files != nil {
		date, err := r.files.Put(ctx, key, body)
		if err == nil || errors.Is(err, archive.ErrExists) {
			return date, err
		}
	}
	return r.overflow.Put(ctx, key, body)
}

func (r *runFiles) get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	body, date, err := r.overflow.Get(ctx, key)
	if r.files != nil && errors.Is(err, archive.ErrNotFound) {
		return r.files.Get(ctx, key)
	}
	return body, date, err
}

// remove removes the folder. What cannot be removed is removed by the next server.
func (r *runFiles) remove() { _ = os.RemoveAll(r.folder) }
