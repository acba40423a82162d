package memory

import (
	"bytes"
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
)

// Archive stores objects in memory. The zero Archive is empty and ready to use.
type Archive struct {
	Hook Hook
	Now  func() time.Time // the store's own clock; nil: answers carry no date

	mu      sync.Mutex
	objects map[archive.Key][]byte
	keys    []archive.Key // sorted
}

var _ archive.Archive = (*Archive)(nil)

// date returns the date of an answer: of success, or of an error that the archive itself reports. Any other error means
// that no answer came, so there is no date.
func (a *Archive) date(err error) time.Time {
	answered := err == nil || errors.Is(err, archive.ErrExists) || errors.Is(err, archive.ErrNotFound)
	if a.Now == nil || !answered {
		return time.Time{}
	}
	return a.Now()
}

// Put implements archive.Archive.
func (a *Archive) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	err := a.Hook.apply("archive.Put", string(key), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if _, ok := a.objects[key]; ok {
			return archive.ErrExists
		}
		if a.objects == nil {
			a.objects = map[archive.Key][]byte{}
		}
		a.objects[key] = bytes.Clone(body)
		at := a.search(key)
		a.keys = append(a.keys, "")
		copy(a.keys[at+1:], a.keys[at:])
		a.keys[at] = key
		return nil
	})
	return a.date(err), err
}

// search returns the index of key in the sorted keys, or the index where it belongs.
func (a *Archive) search(key archive.Key) int {
	return sort.Search(len(a.keys), func(i int) bool { return a.keys[i] >= key })
}

// Get implements archive.Archive.
func (a *Archive) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	var body []byte
	err := a.Hook.apply("archive.Get", string(key), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		stored, ok := a.objects[key]
		if !ok {
			return archive.ErrNotFound
		}
		body = append([]byte{}, stored...)
		return nil
	})
	if err != nil {
		body = nil
	}
	return body, a.date(err), err
}

// List implements archive.Archive.
func (a *Archive) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	var objects []archive.Object
	err := a.Hook.apply("archive.List", string(from), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, key := range a.keys[a.search(from):] {
			if key >= to || len(objects) == limit {
				break
			}
			objects = append(objects, archive.Object{Key: key, Size: int64(len(a.objects[key]))})
		}
		return nil
	})
	if err != nil {
		objects = nil
	}
	return objects, a.date(err), err
}
