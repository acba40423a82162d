// Package system puts the layers together: from the stores, the settings and what the process gives, a layer each. Functions, anabranch dev and the
// simulator all do it here, so that they run the same system.
//
// It knows every layer, and no adapter.
package system

import (
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores are what holds data. Whoever makes one layer needs its stores only; the others may be nil.
type Stores struct {
	Archive archive.Archive
	Stream  stream.Publisher
	Queue   stream.Queue
	Catalog Catalog
	Base    viewstore.Base
	Speed   viewstore.Speed
	Seen    viewstore.Seen
}

// Catalog is the control table, whole.
type Catalog interface {
	catalog.Catalog
	catalog.Sweeps
	catalog.Audits
}

// Host is what the process gives. All fields are needed, but a part that reads no event needs no Layout and no Codec, and one that makes none no NewULID.
type Host struct {
	Layout   archive.Layout // the archive's: see setting.All.OpenLayout
	Codec    *event.Codec
	Programs *programs.Cache
	Parallel runner.Runner // runs what a layer does at once, and requests to the stores
	Workers  int           // what folds at once
	Now      func() time.Time
	NewULID  func(at time.Time) (ulid.ULID, error) // one never made before
	Log      *slog.Logger
}

// System makes layers. Each call makes a new one: what a layer remembers is its own.
type System struct {
	stores   Stores
	settings setting.All
	host     Host
}

// New puts a system together.
//
// Errors: those of setting.All.Check.
func New(stores Stores, settings setting.All, host Host) (*System, error) {
	return &System{stores, settings, host}, settings.Check()
}

func (s *System) margin() clock.Margin { return clock.Margin(s.settings.ClockMargin) }

// Ingest makes the layer where events come in.
func (s *System) Ingest() *ingest.Ingest {
	return &ingest.Ingest{
		Archive: s.stores.Archive, Stream: s.stores.Stream, Queue: s.stores.Queue, Codec: s.host.Codec, Layout: s.host.Layout,
		Limits: event.DefaultLimits(), MaxBody: s.settings.MaxBody, CommitWithin: s.settings.CommitWithin, ClockMargin: s.margin(),
		Tries: s.settings.PublishTries, Now: s.host.Now, NewRequest: s.host.NewULID, Log: s.host.Log,
	}
}

// Republisher makes what brings archived events to the stream again.
func (s *System) Republisher() *ingest.Republisher {
	return &ingest.Republisher{
		Archive: s.stores.Archive, Stream: s.stores.Stream, Codec: s.host.Codec, Layout: s.host.Layout, MaxAge: s.settings.MaxStreamAge,
		Tries: s.settings.PublishTries, Now: s.host.Now,
	}
}

// Speed makes the layer that folds what the stream brings.
func (s *System) Speed() *speed.Speed {
	return &speed.Speed{
		Archive: s.stores.Archive, Catalog: s.stores.Catalog, Programs: s.host.Programs, Items: s.stores.Speed, Seen: s.stores.Seen,
		Codec: s.host.Codec, Layout: s.host.Layout, Retain: s.settings.SpeedRetain, RetainSeen: s.settings.RetainSeen(), ClockMargin: s.margin(),
		Tries: s.settings.WriteTries, Run: s.host.Parallel, Now: s.host.Now, Log: s.host.Log,
	}
}

// Replay makes what brings Kappa generations the events from before they were live.
func (s *System) Replay() *speed.Replay {
	return &speed.Replay{
		Archive: s.stores.Archive, Catalog: s.stores.Catalog, Sweeps: s.stores.Catalog, Programs: s.host.Programs, Items: s.stores.Speed,
		Seen: s.stores.Seen, Codec: s.host.Codec, Layout: s.host.Layout, Bytes: s.settings.ReplayBytes, TickBytes: s.settings.ReplayTickBytes,
		RetainSeen: s.settings.RetainSeen(), ClockMargin: s.margin(), DropGrace: s.settings.DropGrace, RequireApproval: s.settings.RequireApproval,
		Tries: s.settings.WriteTries, Run: s.host.Parallel, Now: s.host.Now, Log: s.host.Log,
	}
}

// Batch makes the layer that makes and applies runs, for the definitions that the views are to have.
func (s *System) Batch(definitions []lifecycle.Definition) *batch.Batch {
	return &batch.Batch{
		Archive: s.stores.Archive, Catalog: s.stores.Catalog, Programs: s.host.Programs, Base: s.stores.Base, Codec: s.host.Codec, Layout: s.host.Layout,
		Definitions: definitions, SealDelay: s.settings.SealDelay, ClockMargin: s.margin(), Lookback: s.settings.Lookback,
		ConfirmWithin: s.settings.ConfirmWithin, RetainFor: s.settings.RetainFor, DropGrace: s.settings.DropGrace,
		RequireApproval: s.settings.RequireApproval, RunBytes: s.settings.RunBytes, Tries: s.settings.WriteTries, Workers: s.host.Workers,
		Run: s.host.Parallel, Now: s.host.Now, NewID: s.newID, Log: s.host.Log,
	}
}

func (s *System) newID() (ulid.ULID, error) { return s.host.NewULID(s.host.Now()) }

// Sweep makes what finds archived events that never reached the stream.
func (s *System) Sweep() *sweep.Sweep {
	return &sweep.Sweep{
		Archive: s.stores.Archive, Catalog: s.stores.Catalog, Sweeps: s.stores.Catalog, Seen: s.stores.Seen, Queue: s.stores.Queue,
		Layout: s.host.Layout, After: s.settings.SweepAfter, PublishWithin: s.settings.PublishWithin, MaxStreamAge: s.settings.MaxStreamAge,
		ClockMargin: s.margin(), Tries: s.settings.WriteTries, Now: s.host.Now, Log: s.host.Log,
	}
}

// Audit makes the layer that checks what batch has written.
func (s *System) Audit() *audit.Audit {
	return &audit.Audit{
		Archive: s.stores.Archive, Catalog: s.stores.Catalog, Audits: s.stores.Catalog, Programs: s.host.Programs, Base: s.stores.Base,
		Codec: s.host.Codec, Layout: s.host.Layout, Lookback: s.settings.Lookback, Every: s.settings.AuditEvery, Tries: s.settings.WriteTries,
		Workers: s.host.Workers, Run: s.host.Parallel, Now: s.host.Now, Log: s.host.Log,
	}
}

// Serving makes the layer that answers queries.
func (s *System) Serving() *serving.Serving {
	return &serving.Serving{
		Stores: s.views(), Sweeps: s.stores.Catalog, MaxRows: s.settings.MaxRows, LateAfter: s.settings.LateAfter(), Now: s.host.Now,
	}
}

func (s *System) views() serving.Stores {
	return serving.Stores{Catalog: s.stores.Catalog, Programs: s.host.Programs, Base: s.stores.Base, Speed: s.stores.Speed}
}

// Comparer makes what holds one generation of a view against another.
func (s *System) Comparer() *compare.Comparer { return &compare.Comparer{Stores: s.views()} }

// Operations makes the layer for who operates the views.
func (s *System) Operations() *operations.Operations {
	return &operations.Operations{Catalog: s.stores.Catalog, Sweeps: s.stores.Catalog, Tries: s.settings.WriteTries, Now: s.host.Now}
}
