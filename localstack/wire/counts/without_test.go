//go:build emulator

package counts_test

import (
	"context"

	"github.com/anabranch/anabranch/shared/event"
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

func (nothingSeen) PutApplied(context.Context, viewstore.Applied) error { return nil }

func (nothingSeen) NewestApplied(context.Context, event.Lane, func(viewstore.Applied) bool) error {
	return nil
}

// unlistedSpeed makes speed work without live keys.
type unlistedSpeed struct{ viewstore.Speed }

func (unlistedSpeed) PutLive(context.Context, viewstore.LiveKeys) error { return nil }
