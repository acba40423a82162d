package audit

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores holds the stores that an Audit reads and writes, and the cache of compiled programs.
type Stores struct {
	Archive archive.Archive
	Catalog interface {
		catalog.Catalog
		catalog.Audits
		catalog.Leases
	}
	Programs *programs.Cache
	Base     viewstore.Base
}

// New returns an Audit. The settings must pass setting.All.Check.
func New(stores Stores, settings setting.All, host setting.Host) *Audit {
	return &Audit{
		Archive: stores.Archive, Catalog: stores.Catalog, Audits: stores.Catalog, Programs: stores.Programs,
		Base:  stores.Base,
		Codec: host.Codec, Layout: host.Layout, Lookback: settings.Lookback, Every: settings.AuditEvery,
		Tries: settings.WriteTries, Lease: lease.New(stores.Catalog, settings, host),
		Workers: host.Workers, Parallel: host.Parallel, Now: host.Now, Log: host.Log,
	}
}
