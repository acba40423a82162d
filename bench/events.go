package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Shape says which events a benchmark reads. The same shape gives the same events each time.
type Shape struct {
	Events    int
	PerObject int // events of one request, and so of one object
	Seed      uint64
}

// begin is the first instant at which an event arrives. The events of a shape arrive over days days.
var (
	begin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	end   = begin.Add((days + 1) * 24 * time.Hour) // all slots are sealed by then
)

const (
	days  = 7
	urls  = 20_000
	users = 500_000
)

// generator makes the events of a shape, one request after the other.
//
// URLs and users follow Zipf distributions. One event in a hundred is sent again, within about 8 hours. Two in a
// hundred are late, by an hour on average.
type generator struct {
	shape  Shape
	random *rand.Rand
	urls   *rand.Zipf
	users  *rand.Zipf
	made   int
	recent [][]byte // lines that may be sent again
}

func newGenerator(shape Shape) *generator {
	random := rand.New(rand.NewPCG(shape.Seed, 0))
	return &generator{
		shape: shape, random: random,
		urls:  rand.NewZipf(random, 1.1, 1, urls-1),
		users: rand.NewZipf(random, 1.05, 1, users-1),
	}
}

// next returns the next request as NDJSON, with the time at which it arrives; ok is false when there is none left.
func (g *generator) next() (body []byte, arrival time.Time, ok bool) {
	n := min(g.shape.PerObject, g.shape.Events-g.made)
	if n == 0 {
		return nil, time.Time{}, false
	}
	arrival = g.arrivalOf(g.made + n - 1)
	for range n {
		body = append(append(body, g.event()...), '\n')
	}
	return body, arrival, true
}

func (g *generator) arrivalOf(event int) time.Time {
	share := float64(event) / float64(g.shape.Events)
	return begin.Add(time.Duration(share * days * float64(24*time.Hour))).Truncate(time.Millisecond)
}

func (g *generator) event() []byte {
	g.made++
	if len(g.recent) > 0 && g.random.IntN(100) == 0 {
		return g.recent[g.random.IntN(len(g.recent))]
	}
	at := g.arrivalOf(g.made - 1)
	if g.random.IntN(50) == 0 {
		at = at.Add(-time.Duration(g.random.ExpFloat64() * float64(time.Hour))).Truncate(time.Millisecond)
	}
	line := g.line(at)
	if within := max(1, g.shape.Events/20); len(g.recent) < within { // about 8 hours
		g.recent = append(g.recent, line)
	} else {
		g.recent[g.made%within] = line
	}
	return line
}

var (
	countries = []string{"US", "DE", "IN", "BR", "JP", "GB", "FR", "NG", "ID", "MX"}
	devices   = []string{"desktop", "phone", "tablet"}
)

func (g *generator) line(at time.Time) []byte {
	r := g.random
	url := g.urls.Uint64()
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%s","source":"//shop.example/web","type":"page.viewed","time":"%s",`+
		`"data":{"url":"/catalog/section-%d/item-%05d","user":"u%07d","country":"%s","device":"%s","duration_ms":%d,`+
		`"amount":%d.%02d,"props":{"ab":"%s","ref":"https://search.example/?q=%x","width":%d}}}`,
		g.id(at), at.Format("2006-01-02T15:04:05.000Z"), url%40, url, g.users.Uint64(),
		countries[r.IntN(len(countries))], devices[r.IntN(len(devices))], int(math.Exp(r.NormFloat64()+6)),
		r.IntN(200), r.IntN(100), []string{"control", "variant"}[r.IntN(2)], r.Uint32(), 320+r.IntN(1600))
}

// id returns a UUID of version 7.
func (g *generator) id(at time.Time) string {
	hi, lo := g.random.Uint64(), g.random.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x",
		uint64(at.UnixMilli())>>16, uint64(at.UnixMilli())&0xffff, hi&0xfff, 0x8000|hi>>48&0x3fff, lo&0xffffffffffff)
}
