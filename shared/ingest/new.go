package ingest

import (
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/stream"
)

// Stores holds the stores that an Ingest writes to.
type Stores struct {
	Archive archive.Archive
	Stream  stream.Publisher
	Queue   stream.Queue
}

// New returns an Ingest. The settings must pass setting.All.Check.
func New(stores Stores, settings setting.All, host setting.Host) *Ingest {
	return &Ingest{
		Archive: stores.Archive, Stream: stores.Stream, Queue: stores.Queue, Codec: host.Codec, Layout: host.Layout,
		Limits: event.DefaultLimits(), MaxBody: settings.MaxBody, CommitWithin: settings.CommitWithin,
		ClockMargin: clock.Margin(settings.ClockMargin), Tries: settings.PublishTries,
		Now: host.Now, NewRequest: host.NewULID, Log: host.Log,
	}
}

// NewRepublisher returns a Republisher. The settings must pass setting.All.Check.
func NewRepublisher(from archive.Archive, to stream.Publisher, settings setting.All, host setting.Host) *Republisher {
	return &Republisher{
		Archive: from, Stream: to, Codec: host.Codec, Layout: host.Layout, MaxAge: settings.MaxStreamAge,
		Tries: settings.PublishTries, Now: host.Now,
	}
}
