package history

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
)

type archivePort struct{ port }

func (a archivePort) Put(_ context.Context, key archive.Key, body []byte) (date time.Time, err error) {
	k := writeS3
	k.commit = a.role == ingestRole && strings.HasPrefix(string(key), string(archive.FirstEvent))
	err = a.call(k, "archive.Put", string(key), func() (err error) {
		if date, err = a.h.archive.Put(everywhere, key, body); err == nil {
			a.h.onObject(key, body)
		}
		return err
	})
	if errors.Is(err, errLost) {
		date = time.Time{}
	}
	return date, err
}

func (a archivePort) Get(_ context.Context, key archive.Key) (body []byte, date time.Time, err error) {
	err = a.call(readS3, "archive.Get", string(key), func() (err error) {
		body, date, err = a.h.archive.Get(everywhere, key)
		return err
	})
	return body, date, err
}

func (a archivePort) List(_ context.Context, from, to archive.Key, limit int) (objects []archive.Object, date time.Time,
	err error) {
	err = a.call(readS3, "archive.List", string(from), func() (err error) {
		objects, date, err = a.h.archive.List(everywhere, from, to, limit)
		return err
	})
	return objects, date, err
}
