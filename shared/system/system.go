// Package system assembles the layers. Each method makes one layer from the stores, the settings and the host.
// anabranch dev and the simulator use it. A function makes its single layer with the same constructor, so all of them
// run the same system.
//
// It imports every layer and no adapter.
package system

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/audit"
	"github.com/anabranch/anabranch/shared/batch"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/speed"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/sweep"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// Stores are the stores that hold data. A caller that makes one layer sets only the stores of that layer; the others
// may be nil.
type Stores struct {
	Archive archive.Archive
	Stream  stream.Publisher
	Queue   stream.Queue
	Catalog catalog.Control
	Base    viewstore.Base
	Speed   viewstore.Speed
	Seen    viewstore.Seen

	Programs *programs.Cache // compiled definitions
}

// System makes layers. Each call makes a new layer, which shares no memory with earlier ones.
type System struct {
	stores   Stores
	settings setting.All
	host     setting.Host
}

// New returns a System.
//
// Errors: those of setting.All.Check.
func New(stores Stores, settings setting.All, host setting.Host) (*System, error) {
	return &System{stores, settings, host}, settings.Check()
}

// Ingest makes the layer that accepts events.
func (s *System) Ingest() *ingest.Ingest {
	return ingest.New(
		ingest.Stores{Archive: s.stores.Archive, Stream: s.stores.Stream, Queue: s.stores.Queue}, s.settings, s.host,
	)
}

// Republisher makes the layer that publishes archived events to the stream again.
func (s *System) Republisher() *ingest.Republisher {
	return ingest.NewRepublisher(s.stores.Archive, s.stores.Stream, s.settings, s.host)
}

// Speed makes the layer that folds the records of the stream.
func (s *System) Speed() *speed.Speed { return speed.New(s.speedStores(), s.settings, s.host) }

// Replay makes the layer that folds into Kappa generations the events that arrived before LiveFrom.
func (s *System) Replay() *speed.Replay {
	return speed.NewReplay(s.speedStores(), s.stores.Catalog, s.settings, s.host)
}

func (s *System) speedStores() speed.Stores {
	return speed.Stores{
		Archive: s.stores.Archive, Catalog: s.stores.Catalog, Programs: s.stores.Programs, Items: s.stores.Speed,
		Seen: s.stores.Seen,
	}
}

// Batch makes the layer that makes and applies runs. The definitions are those that the views should have.
func (s *System) Batch(definitions []lifecycle.Definition) *batch.Batch {
	stores := batch.Stores{
		Archive:  s.stores.Archive,
		Catalog:  s.stores.Catalog,
		Programs: s.stores.Programs,
		Base:     s.stores.Base,
	}
	return batch.New(stores, definitions, s.settings, s.host)
}

// Sweep makes the layer that finds archived events that never reached the stream.
func (s *System) Sweep() *sweep.Sweep {
	stores := sweep.Stores{
		Archive: s.stores.Archive,
		Catalog: s.stores.Catalog,
		Seen:    s.stores.Seen,
		Queue:   s.stores.Queue,
	}
	return sweep.New(stores, s.settings, s.host)
}

// Audit makes the layer that checks what batch has written.
func (s *System) Audit() *audit.Audit {
	stores := audit.Stores{
		Archive:  s.stores.Archive,
		Catalog:  s.stores.Catalog,
		Programs: s.stores.Programs,
		Base:     s.stores.Base,
	}
	return audit.New(stores, s.settings, s.host)
}

// Serving makes the layer that answers queries.
func (s *System) Serving() *serving.Serving {
	return serving.New(s.servingStores(), s.stores.Catalog, s.settings, s.host.Parallel, s.host.Now)
}

func (s *System) servingStores() serving.Stores {
	return serving.Stores{
		Catalog:  s.stores.Catalog,
		Programs: s.stores.Programs,
		Base:     s.stores.Base,
		Speed:    s.stores.Speed,
	}
}

// Comparer makes the layer that compares two generations of a view.
func (s *System) Comparer() *compare.Comparer { return &compare.Comparer{Stores: s.servingStores()} }

// Operations makes the layer for operators: it reports the status of views and applies operations.
func (s *System) Operations() *operations.Operations {
	return operations.New(s.stores.Catalog, s.settings, s.host.Now)
}
