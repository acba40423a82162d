package dev

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/fields"
)

// A warning needs some events, so that one event without an optional field is not enough.
const (
	fewestWatched = 20
	mostWatched   = 1000
	objectsAtOnce = 20 // read from the archive in one tick
)

// watcher looks for the fields that views read in the first events of the archive.
type watcher struct {
	archive archive.Archive
	codec   *event.Codec
	watch   *fields.Watch
	from    archive.Key // objects below it are read
}

func newWatcher(objects archive.Archive, codec *event.Codec, definitions []view.Definition) *watcher {
	return &watcher{archive: objects, codec: codec, watch: fields.New(definitions, mostWatched),
		from: archive.FirstEvent}
}

// look reads some more events, and returns a sentence for each field that a view reads and that no event had, and for
// each type that is likely misspelt. A view is checked once: after its first 1,000 events, or at the archive's end if
// it has at least 20.
func (w *watcher) look(ctx context.Context) ([]string, error) {
	if w.watch.Done() {
		return nil, nil
	}
	objects, _, err := w.archive.List(ctx, w.from, archive.EndOfEvents, objectsAtOnce)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	for _, object := range objects {
		body, _, err := w.archive.Get(ctx, object.Key)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", object.Key, err)
		}
		lines, err := w.codec.Decompress(nil, body)
		if err != nil {
			return nil, fmt.Errorf("decompress %s: %w", object.Key, err)
		}
		b, err := w.watch.Fields().NewBatch(lines)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", object.Key, err)
		}
		w.watch.Count(b)
		w.from = object.Key.After()
	}
	var sentences []string
	for _, warning := range w.watch.Finish(len(objects) < objectsAtOnce, fewestWatched) {
		sentences = append(sentences, fmt.Sprintf("view %s: %s", warning.View, warning.Text))
	}
	return sentences, nil
}
