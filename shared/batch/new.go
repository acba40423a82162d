package batch

import (
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores holds the stores that a Batch reads and writes, and the cache of compiled programs.
type Stores struct {
	Archive archive.Archive
	Catalog interface {
		catalog.Catalog
		catalog.Leases
	}
	Programs *programs.Cache
	Base     viewstore.Base
}

// New returns a Batch for the desired definitions of the views. The settings must pass setting.All.Check.
func New(stores Stores, definitions []lifecycle.Definition, settings setting.All, host setting.Host) *Batch {
	return &Batch{
		Archive: stores.Archive, Catalog: stores.Catalog, Programs: stores.Programs, Base: stores.Base,
		Codec: host.Codec, Layout: host.Layout, Definitions: definitions,
		SealDelay: settings.SealDelay, ClockMargin: clock.Margin(settings.ClockMargin), Lookback: settings.Lookback,
		ListPage:      listPage,
		HeldBytes:     heldBytes,
		ConfirmWithin: settings.ConfirmWithin, RetainFor: settings.RetainFor, DropGrace: settings.DropGrace,
		RequireApproval: settings.RequireApproval, RunBytes: settings.RunBytes, Tries: settings.WriteTries,
		Lease:   lease.New(stores.Catalog, settings, host),
		Workers: host.Workers, Parallel: host.Parallel,
		Now: host.Now, NewID: func() (ulid.ULID, error) { return host.NewULID(host.Now()) }, Log: host.Log,
	}
}
