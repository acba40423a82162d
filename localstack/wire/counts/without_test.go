//go:build emulator

package counts_test

import (
	"context"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// nothingSeen makes speed work without duplicate detection, and without receipts.
type nothingSeen struct{}

func (nothingSeen) Put(context.Context, viewstore.SeenItem) error { return nil }

func (nothingSeen) After(context.Context, event.Lane, event.Sequence) ([]viewstore.SeenItem, error) {
	return nil, nil
}

func (nothingSeen) Newest(context.Context, event.Lane, func(viewstore.SeenItem) bool) error {
	return nil
}

func (nothingSeen) Since(context.Context, event.Lane, event.Millis) ([]viewstore.SeenItem, error) {
	return nil, nil
}

// unlistedBase makes batch work without a directory of keys.
type unlistedBase struct{ viewstore.Base }

func (unlistedBase) Listed(_ context.Context, _ lifecycle.GenerationID, keys []view.Key) ([]view.Key, error) {
	return keys, nil
}

// unlistedSpeed makes speed work without a directory of keys, and without live keys.
type unlistedSpeed struct{ viewstore.Speed }

func (unlistedSpeed) Listed(_ context.Context, _ lifecycle.Set, keys []view.Key) ([]view.Key, error) {
	return keys, nil
}

func (unlistedSpeed) PutLive(context.Context, viewstore.LiveKeys) error { return nil }
