package history

import (
	"context"
	"strconv"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

type basePort struct{ port }

func (b basePort) Load(_ context.Context, keys []viewstore.BaseKey) ([]viewstore.BaseItem, error) {
	return ask(b.port, readDynamo, "base.Load", strconv.Itoa(len(keys)), func() ([]viewstore.BaseItem, error) {
		return b.stack.base.Load(everywhere, keys)
	})
}

func (b basePort) Put(_ context.Context, item viewstore.BaseItem, loaded slot.Slot) error {
	return b.call(writeDynamo, "base.Put", traceText(item.Key), func() error {
		err := b.stack.base.Put(everywhere, item, loaded)
		switch {
		case err != nil:
		case b.isChecked():
			b.h.onBase(item)
		case b.stack.setBack:
			b.h.checkContinued(b.stack, item.BaseKey, loaded)
		}
		return err
	})
}

func (b basePort) Pages(
	_ context.Context, g lifecycle.GenerationID, key view.Key, from, to view.Page, after string,
) (items []viewstore.BaseItem, next string, err error) {
	next, err = ask(b.port, readDynamo, "base.Pages", traceText(key), func() (next string, err error) {
		items, next, err = b.stack.base.Pages(everywhere, g, key, from, to, after)
		return next, err
	})
	return items, next, err
}

func (b basePort) Drop(_ context.Context, g lifecycle.GenerationID, after string) (string, error) {
	return ask(b.port, writeDynamo, "base.Drop", string(g), func() (string, error) {
		return b.stack.base.Drop(everywhere, g, after)
	})
}

func (b basePort) Scan(_ context.Context, g lifecycle.GenerationID, after string) (items []viewstore.BaseItem,
	next string, err error) {
	next, err = ask(b.port, readDynamo, "base.Scan", string(g), func() (next string, err error) {
		items, next, err = b.stack.base.Scan(everywhere, g, after)
		return next, err
	})
	return items, next, err
}

func (b basePort) Keys(
	_ context.Context, g lifecycle.GenerationID, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return ask(b.port, readDynamo, "base.Keys", strconv.Itoa(shard), func() ([]view.Key, error) {
		return b.stack.base.Keys(everywhere, g, shard, in)
	})
}

type speedPort struct{ port }

func (s speedPort) Keys(
	_ context.Context, set lifecycle.Set, shard int, in viewstore.KeyRange,
) ([]view.Key, error) {
	return ask(s.port, readDynamo, "speed.Keys", strconv.Itoa(shard), func() ([]view.Key, error) {
		return s.stack.items.Keys(everywhere, set, shard, in)
	})
}

func (s speedPort) PutLive(_ context.Context, item viewstore.LiveKeys) error {
	return s.call(writeDynamo, "speed.PutLive", strconv.Itoa(len(item.Keys)), func() error {
		return s.stack.items.PutLive(everywhere, item)
	})
}

func (s speedPort) Live(_ context.Context, set lifecycle.Set, shard int, from slot.Slot) ([]view.Key, error) {
	return ask(s.port, readDynamo, "speed.Live", strconv.Itoa(shard), func() ([]view.Key, error) {
		return s.stack.items.Live(everywhere, set, shard, from)
	})
}

func (s speedPort) Load(_ context.Context, keys []viewstore.SpeedKey) ([]viewstore.SpeedItem, error) {
	return ask(s.port, readDynamo, "speed.Load", strconv.Itoa(len(keys)), func() ([]viewstore.SpeedItem, error) {
		items, err := s.stack.items.Load(everywhere, keys)
		return s.loaded(items), err
	})
}

func (s speedPort) Put(_ context.Context, item viewstore.SpeedItem, loaded event.Sequence) error {
	return s.call(writeDynamo, "speed.Put", traceText(item.Key), func() error {
		if s.lies(NoObjects) && s.h.random.IntN(20) == 0 {
			return nil
		}
		err := s.stack.items.Put(everywhere, item, s.applied(item.SpeedKey, loaded))
		if err == nil && s.isChecked() {
			s.h.onSpeed(item)
		}
		return err
	})
}

func (s speedPort) Slots(
	_ context.Context, set lifecycle.Set, key view.Key, from slot.Slot, after string,
) (items []viewstore.SpeedItem, next string, err error) {
	next, err = ask(s.port, readDynamo, "speed.Slots", traceText(key), func() (next string, err error) {
		items, next, err = s.stack.items.Slots(everywhere, set, key, from, after)
		return next, err
	})
	return items, next, err
}

func (s speedPort) Pages(
	_ context.Context, set lifecycle.Set, key view.Key, from, to view.Page, after string,
) (items []viewstore.SpeedItem, next string, err error) {
	next, err = ask(s.port, readDynamo, "speed.Pages", traceText(key), func() (next string, err error) {
		items, next, err = s.stack.items.Pages(everywhere, set, key, from, to, after)
		return next, err
	})
	return items, next, err
}

func (s speedPort) Scan(_ context.Context, set lifecycle.Set, after string) (items []viewstore.SpeedItem, next string,
	err error) {
	next, err = ask(s.port, readDynamo, "speed.Scan", string(set), func() (next string, err error) {
		items, next, err = s.stack.items.Scan(everywhere, set, after)
		return next, err
	})
	return items, next, err
}

func (s speedPort) Drop(_ context.Context, set lifecycle.Set, after string) (string, error) {
	return ask(s.port, writeDynamo, "speed.Drop", string(set), func() (string, error) {
		return s.stack.items.Drop(everywhere, set, after)
	})
}

type seenPort struct{ port }

func (s seenPort) Put(_ context.Context, item viewstore.SeenItem) error {
	return s.call(writeDynamo, "seen.Put", item.Lane.String(), func() error {
		err := s.stack.seen.Put(everywhere, item)
		if err == nil && s.isChecked() {
			s.h.noteBegun(item)
		}
		return err
	})
}

func (s seenPort) PutApplied(_ context.Context, applied viewstore.Applied) error {
	return s.call(writeDynamo, "seen.PutApplied", applied.Lane.String(), func() error {
		err := s.stack.seen.PutApplied(everywhere, applied)
		if err == nil && s.isChecked() {
			s.h.noteApplied(applied)
		}
		return err
	})
}

func (s seenPort) NewestApplied(_ context.Context, lane event.Lane, each func(viewstore.Applied) bool) error {
	return s.call(readDynamo, "seen.NewestApplied", lane.String(), func() error {
		return s.stack.seen.NewestApplied(everywhere, lane, each)
	})
}

func (s seenPort) After(_ context.Context, lane event.Lane, last event.Sequence) ([]viewstore.SeenItem, error) {
	return ask(s.port, readDynamo, "seen.After", lane.String(), func() ([]viewstore.SeenItem, error) {
		return s.stack.seen.After(everywhere, lane, last)
	})
}

func (s seenPort) Newest(_ context.Context, lane event.Lane, each func(viewstore.SeenItem) bool) error {
	return s.call(readDynamo, "seen.Newest", lane.String(), func() error {
		if s.lies(NothingSeen) {
			return nil
		}
		return s.stack.seen.Newest(everywhere, lane, each)
	})
}
