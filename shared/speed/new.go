package speed

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/lease"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores holds the stores that a Speed and a Replay read and write, and the cache of compiled programs.
type Stores struct {
	Archive  archive.Archive
	Catalog  catalog.Catalog
	Programs *programs.Cache
	Items    viewstore.Speed
	Seen     viewstore.Seen
}

// New returns a Speed. The settings must pass setting.All.Check.
func New(stores Stores, settings setting.All, host setting.Host) *Speed {
	return &Speed{
		Archive: stores.Archive, Catalog: stores.Catalog, Programs: stores.Programs,
		Items: stores.Items, Seen: stores.Seen, Codec: host.Codec, Layout: host.Layout,
		Retain: settings.SpeedRetain, RetainSeen: settings.RetainSeen(), BeginWithin: settings.BeginWithin(),
		ClockMargin: clock.Margin(settings.ClockMargin), Tries: settings.WriteTries,
		Parallel: host.Parallel, Now: host.Now, Log: host.Log,
	}
}

// NewReplay returns a Replay. The settings must pass setting.All.Check.
func NewReplay(stores Stores, control catalog.Control, settings setting.All, host setting.Host) *Replay {
	return &Replay{
		Archive: stores.Archive, Catalog: stores.Catalog, Sweeps: control, Programs: stores.Programs,
		Items: stores.Items, Seen: stores.Seen, Codec: host.Codec, Layout: host.Layout,
		Bytes: settings.ReplayBytes, TickBytes: settings.ReplayTickBytes, RetainSeen: settings.RetainSeen(),
		ClockMargin: clock.Margin(settings.ClockMargin), DropGrace: settings.DropGrace,
		RequireApproval: settings.RequireApproval, Tries: settings.WriteTries,
		Lease:    lease.New(control, settings, host),
		Parallel: host.Parallel, Now: host.Now, Log: host.Log,
	}
}
