package main

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/send"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// summary counts the results of everything that was sent.
type summary struct {
	started            time.Time
	accepted, rejected int
	codes              map[string]int // rejected events by code
	requests, retries  int
	bytes, sent        int // size of the posted events: as NDJSON, and compressed
}

func newSummary(now time.Time) *summary { return &summary{started: now, codes: map[string]int{}} }

func (s *summary) add(r send.Result) {
	s.accepted += r.Accepted
	s.rejected += len(r.Rejected)
	for _, rejected := range r.Rejected {
		s.codes[rejected.Code]++
	}
	s.requests += r.Requests
	s.retries += r.Retries
	if r.Requests > 0 {
		s.bytes += r.Bytes
		s.sent += r.Sent
	}
}

func (s *summary) print(w io.Writer, now time.Time) error {
	t := table.New(table.Column{}, table.Column{Right: true})
	t.Row("accepted", strconv.Itoa(s.accepted))
	t.Row("rejected", strconv.Itoa(s.rejected))
	for _, code := range slices.Sorted(maps.Keys(s.codes)) {
		t.Row("  "+code, strconv.Itoa(s.codes[code]))
	}
	t.Row("requests", strconv.Itoa(s.requests))
	t.Row("retries", strconv.Itoa(s.retries))
	t.Row("bytes", strconv.Itoa(s.bytes))
	t.Row("bytes sent", strconv.Itoa(s.sent))
	took := now.Sub(s.started).Seconds()
	t.Row("seconds", strconv.FormatFloat(took, 'f', 3, 64))
	if took > 0 {
		t.Row("events/s", strconv.FormatFloat(float64(s.accepted+s.rejected)/took, 'f', 0, 64))
	}
	return t.Print(w)
}
