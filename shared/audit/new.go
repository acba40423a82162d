package audit

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores are what an Audit reads and writes, with what is compiled of definitions.
type Stores struct {
	Archive archive.Archive
	Catalog interface {
		catalog.Catalog
		catalog.Audits
	}
	Programs *programs.Cache
	Base     viewstore.Base
}

// New makes an Audit. The settings are ones that setting.All.Check passes.
func New(stores Stores, settings setting.All, host setting.Host) *Audit {
	return &Audit{
		Archive: stores.Archive, Catalog: stores.Catalog, Audits: stores.Catalog, Programs: stores.Programs, Base: stores.Base,
		Codec: host.Codec, Layout: host.Layout, Lookback: settings.Lookback, Every: settings.AuditEvery, Tries: settings.WriteTries,
		Workers: host.Workers, Parallel: host.Parallel, Now: host.Now, Log: host.Log,
	}
}
