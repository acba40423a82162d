package speed

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores are what a Speed and a Replay read and write, with what is compiled of definitions.
type Stores struct {
	Archive  archive.Archive
	Catalog  catalog.Catalog
	Programs *programs.Cache
	Items    viewstore.Speed
	Seen     viewstore.Seen
}

// New makes a Speed. The settings are ones that setting.All.Check passes.
func New(stores Stores, settings setting.All, host setting.Host) *Speed {
	return &Speed{
		Archive: stores.Archive, Catalog: stores.Catalog, Programs: stores.Programs, Items: stores.Items, Seen: stores.Seen,
		Codec: host.Codec, Layout: host.Layout, Retain: settings.SpeedRetain, RetainSeen: settings.RetainSeen(),
		ClockMargin: clock.Margin(settings.ClockMargin), Tries: settings.WriteTries, Parallel: host.Parallel, Now: host.Now, Log: host.Log,
	}
}

// NewReplay makes a Replay. The settings are ones that setting.All.Check passes.
func NewReplay(stores Stores, sweeps catalog.Sweeps, settings setting.All, host setting.Host) *Replay {
	return &Replay{
		Archive: stores.Archive, Catalog: stores.Catalog, Sweeps: sweeps, Programs: stores.Programs, Items: stores.Items, Seen: stores.Seen,
		Codec: host.Codec, Layout: host.Layout, Bytes: settings.ReplayBytes, TickBytes: settings.ReplayTickBytes,
		RetainSeen: settings.RetainSeen(), ClockMargin: clock.Margin(settings.ClockMargin), DropGrace: settings.DropGrace,
		RequireApproval: settings.RequireApproval, Tries: settings.WriteTries, Parallel: host.Parallel, Now: host.Now, Log: host.Log,
	}
}
