package eventsource_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

func BenchmarkAppendEvent(b *testing.B) {
	var list []eventsource.Record
	for i := range 100 {
		list = append(list, eventsource.Record{
			PartitionKey: "1.4." + fmt.Sprint(i%4),
			Sequence:     "49590338271490256608559692538361571095921575989136588" + eventsource.Sequence(fmt.Sprint(100+i)),
			Data:         make([]byte, 4096), Arrival: time.UnixMilli(1545084650987),
		})
	}
	buffer := eventsource.AppendEvent(nil, source, "shardId-000000000006", list)
	b.SetBytes(int64(len(buffer)))
	b.ReportAllocs()
	for b.Loop() {
		buffer = eventsource.AppendEvent(buffer[:0], source, "shardId-000000000006", list)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/record")
}

// BenchmarkDrain reads 100,000 records of one shard and 64 keys in polls of 1,000, and drains them in batches of 100.
// It does not build the events.
func BenchmarkDrain(b *testing.B) {
	const total, poll = 100_000, 1000
	list := make([]eventsource.Record, total)
	for i := range list {
		list[i] = eventsource.Record{PartitionKey: fmt.Sprint("1.64.", i%64), Sequence: sequence(900_000 + i),
			Data: make([]byte, 16), Arrival: start}
	}
	for _, c := range []struct {
		name   string
		factor int
		answer eventsource.Result
	}{{"factor 1", 1, success}, {"factor 10", 10, success}, {"factor 10, each batch throttled once", 10, throttle}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				drain(b, c.factor, c.answer, list, poll)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*total), "ns/record")
		})
	}
}

func drain(b *testing.B, factor int, first eventsource.Result, list []eventsource.Record, poll int) {
	m, err := eventsource.New(settings(parallel(factor), func(s *eventsource.Settings) { s.BatchSize = 100 }))
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Shards([]eventsource.Shard{{ID: "s0"}}); err != nil {
		b.Fatal(err)
	}
	answered := map[eventsource.Sequence]bool{}
	for now := start; ; {
		for range m.Polls() {
			n := min(poll, len(list))
			if err := m.Read("s0", list[:n], n == 0, now); err != nil {
				b.Fatal(err)
			}
			list = list[n:]
		}
		invocations, _ := m.Invocations(now)
		for _, i := range invocations {
			answer := success
			if at := i.Records[0].Sequence; first.Outcome != eventsource.Returned && !answered[at] {
				answered[at] = true
				answer = first
			}
			if _, err := m.Finished(i.ID, answer, now); err != nil {
				b.Fatal(err)
			}
		}
		if len(invocations) > 0 {
			continue
		}
		at, timed := m.Wake(now)
		if !timed && len(m.Polls()) == 0 {
			return
		}
		if timed {
			now = at
		}
	}
}
