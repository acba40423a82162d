package speed_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// perRecord is how many events a record of the stream has here.
const perRecord = 40

// hour is a store of seen items with some hours of one lane, one item a second. It makes the items when they are read,
// so it needs no memory.
type hour struct {
	rate   int // events a second
	length time.Duration
	end    time.Time
	units  int // read units that DynamoDB would count for strongly consistent reads: one per 4 KB
}

func (h *hour) Put(context.Context, viewstore.SeenItem) error { return nil }

func (h *hour) After(context.Context, event.Lane, event.Sequence) ([]viewstore.SeenItem, error) {
	h.units++
	return nil, nil
}

func (h *hour) Newest(_ context.Context, lane event.Lane, each func(viewstore.SeenItem) bool) error {
	bytes := 0
	for second := int(h.length / time.Second); second > 0 && h.rate > 0; second-- {
		item := h.item(lane, second)
		for _, r := range item.Records {
			bytes += r.MaxBytes()
		}
		if !each(item) {
			break
		}
	}
	h.units += bytes / 4096
	return nil
}

func (h *hour) PutApplied(context.Context, viewstore.Applied) error { return nil }

func (h *hour) NewestApplied(context.Context, event.Lane, func(viewstore.Applied) bool) error {
	return nil
}

// item returns the item of a second. Its sequence numbers are below those of the fixture's records.
func (h *hour) item(lane event.Lane, second int) viewstore.SeenItem {
	arrival := h.end.Add(time.Duration(second)*time.Second - h.length)
	item := viewstore.SeenItem{Lane: lane, Recorded: event.MillisOf(arrival.Add(5 * time.Second))}
	for n := range (h.rate + perRecord - 1) / perRecord {
		number := second*h.rate + n
		r := viewstore.SeenRecord{Sequence: event.Sequence(fmt.Sprintf("4953%052d", number)),
			Identities: make([]event.Identity, perRecord)}
		for i := range r.Identities {
			r.Identities[i] = event.Identity{Hi: mixed(number*perRecord + i), Lo: mixed(-number*perRecord - i)}
		}
		if err := r.Request.SetTime(ulid.Timestamp(arrival)); err != nil {
			panic(err)
		}
		binary.BigEndian.PutUint64(r.Request[8:], uint64(number))
		item.Records = append(item.Records, r)
	}
	return item
}

// mixed is a hash of a number (splitmix64).
func mixed(n int) uint64 {
	z := uint64(n)*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// BenchmarkAnHourOfIdentities applies 1,000 events in 25 records of one lane, after two hours of a constant rate. It
// reports the time per event, what the lane's memory takes, and how long a new environment takes to read the window,
// without the time of DynamoDB, and in how many read units.
func BenchmarkAnHourOfIdentities(b *testing.B) {
	for _, rate := range []int{0, 500, 2000, 5000, 10_000} {
		b.Run(fmt.Sprintf("%d a second", rate), func(b *testing.B) {
			store := &hour{rate: rate, length: 2 * time.Hour, end: start.Start()}
			s := newFixture(b, byUser())
			s.Seen = store
			now := store.end
			s.Now = func() time.Time { return now }
			next := func() (records []stream.Record) {
				now = now.Add(time.Second * 1000 / time.Duration(max(rate, 1000)))
				for range 1000 / perRecord {
					all := many(perRecord, 20)
					for i := range all {
						all[i].arrival = now
					}
					records = append(records, s.record(0, all...))
				}
				return records
			}
			before := inUse()
			began := time.Now()
			s.apply(b, next()...)
			cold, units := time.Since(began), store.units
			held := inUse() - before
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				records := next()
				s.calls = nil
				b.StartTimer()
				if report := s.apply(b, records...); report.Duplicates > 0 {
					b.Fatal(report)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
			b.ReportMetric(float64(held)/1e6, "MB")
			b.ReportMetric(cold.Seconds(), "s-cold")
			b.ReportMetric(float64(units), "units-cold")
			runtime.KeepAlive(s)
		})
	}
}

// inUse returns the bytes of all reachable objects.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
