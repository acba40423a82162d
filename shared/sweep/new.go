package sweep

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores holds the stores that a Sweep reads and writes.
type Stores struct {
	Archive archive.Archive
	Catalog interface {
		catalog.Catalog
		catalog.Sweeps
		catalog.Leases
	}
	Seen  viewstore.Seen
	Queue stream.Queue
}

// New returns a Sweep. The settings must pass setting.All.Check.
func New(stores Stores, settings setting.All, host setting.Host) *Sweep {
	return &Sweep{
		Archive: stores.Archive, Catalog: stores.Catalog, Sweeps: stores.Catalog, Seen: stores.Seen,
		Queue: stores.Queue, Layout: host.Layout,
		After: settings.SweepAfter, PublishWithin: settings.PublishWithin(), MaxStreamAge: settings.MaxStreamAge,
		ClockMargin: clock.Margin(settings.ClockMargin), Tries: settings.WriteTries,
		Lease: lease.New(stores.Catalog, settings, host), Now: host.Now, Log: host.Log,
	}
}
