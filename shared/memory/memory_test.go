package memory_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// instant is the time in every test.
var instant = time.Date(2026, 11, 22, 21, 17, 3, 0, time.UTC)

func now() time.Time { return instant }

func TestArchive(t *testing.T) {
	conformance.Archive(t, func(*testing.T) archive.Archive { return &memory.Archive{Now: now} })
}

func TestCatalog(t *testing.T) {
	conformance.Catalog(t, func(*testing.T) catalog.Catalog { return &memory.Catalog{} })
}

func TestBase(t *testing.T) {
	conformance.Base(t, func(*testing.T) viewstore.Base { return &memory.Base{} })
}

func TestSpeed(t *testing.T) {
	conformance.Speed(t, func(*testing.T) viewstore.Speed { return &memory.Speed{Now: now} })
}

func TestPublisher(t *testing.T) {
	conformance.Publisher(t, func(*testing.T) (stream.Publisher, func(*testing.T) []stream.Record) {
		s := memory.NewStream(3)
		return s, func(t *testing.T) []stream.Record { return readAll(t, s) }
	})
}

func TestQueue(t *testing.T) {
	conformance.Queue(t, func(*testing.T) (stream.Queue, func(*testing.T) []stream.Republish) {
		q := &memory.Queue{}
		return q, func(*testing.T) []stream.Republish { return q.Take(1000) }
	})
}

// readAll reads every shard to its end, parents first.
func readAll(t *testing.T, s *memory.Stream) []stream.Record {
	t.Helper()
	var all []stream.Record
	for _, shard := range s.Shards() {
		found, _, err := s.Read(shard.ID, "", 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range found {
			all = append(all, r.Record)
		}
	}
	return all
}
