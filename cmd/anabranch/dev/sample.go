package dev

import (
	"context"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/dirarchive"
)

// Sample is what a directory's archive holds, with the events of some objects.
type Sample struct {
	Objects int64
	Bytes   int64  // of all objects, as stored
	Sampled int64  // objects that were read
	Lines   []byte // of the objects that were read
}

// SampleOf counts the objects of a directory's archive, and reads up to most of them, spread evenly over the archive.
//
// Errors: the directory has no archive, or it cannot be read.
func SampleOf(ctx context.Context, dir string, most int) (Sample, error) {
	layout, err := layoutOf(ctx, dir)
	if err != nil {
		return Sample{}, err
	}
	if layout.Lanes == 0 {
		return Sample{}, fmt.Errorf("%s has no archive of anabranch dev", dir)
	}
	files, err := dirarchive.Open(dir, time.Now)
	if err != nil {
		return Sample{}, err
	}
	codec, err := Default().NewCodec()
	if err != nil {
		return Sample{}, err
	}
	var s Sample
	var all []archive.Object
	for from := archive.FirstEvent; ; from = all[len(all)-1].Key.After() {
		page, _, err := files.List(ctx, from, archive.EndOfEvents, listAtOnce)
		if err != nil {
			return Sample{}, fmt.Errorf("list events: %w", err)
		}
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	for i, object := range all {
		s.Objects, s.Bytes = s.Objects+1, s.Bytes+object.Size
		if s.Sampled*int64(len(all)) > int64(i)*int64(most) { // as many as are due up to here
			continue
		}
		body, _, err := files.Get(ctx, object.Key)
		if err != nil {
			return Sample{}, fmt.Errorf("get %s: %w", object.Key, err)
		}
		if s.Lines, err = codec.Decompress(s.Lines, body); err != nil {
			return Sample{}, fmt.Errorf("decompress %s: %w", object.Key, err)
		}
		s.Sampled++
	}
	return s, nil
}

const listAtOnce = 1000
