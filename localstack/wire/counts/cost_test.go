//go:build emulator

package counts_test

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	figures "github.com/anabranch/anabranch/infra/costs"
	"github.com/anabranch/anabranch/localstack/wire"
)

// Prices in dollars for what AWS bills by request and by byte. What it bills by time is not included: Lambda's memory
// and seconds, a stream's hours, storage, logs.
var (
	price         = prices()
	perPut        = price["put"] / 1e6        // S3 PUT and LIST
	perGet        = price["get"] / 1e6        // S3 GET
	perIngested   = price["stream_in"] / 1e9  // per byte into Kinesis, each record rounded up to 1 KB
	perDelivered  = price["stream_out"] / 1e9 // per byte out of Kinesis
	perWriteUnit  = price["write_unit"] / 1e6 // DynamoDB
	perReadUnit   = price["read_unit"] / 1e6
	perAPIRequest = price["api"] / 1e6        // per request of up to 512 KB
	perInvocation = price["invocation"] / 1e6 // Lambda
)

// prices returns the figures of infra/costs by name.
func prices() map[string]float64 {
	c, err := figures.Read()
	if err != nil {
		panic(err) // the file is part of this repository
	}
	return c.Values()
}

// cost is in dollars per million events.
type cost struct{ api, invocations, objects, stream, writes, reads float64 }

func (c cost) sum() float64 { return c.api + c.invocations + c.objects + c.stream + c.writes + c.reads }

func (c cost) plus(d cost) cost {
	return cost{
		c.api + d.api,
		c.invocations + d.invocations,
		c.objects + d.objects,
		c.stream + d.stream,
		c.writes + d.writes,
		c.reads + d.reads,
	}
}

// costOf returns the cost of a layer's calls per million events, if these calls are made for every 1,000 events.
func costOf(counts wire.Counts) cost {
	const scale = 1e6 / events
	var gets, puts, ingested, writeUnits, readUnits float64
	for call, n := range counts {
		switch {
		case call.Service == "s3" && call.Operation == "GetObject":
			gets += float64(n.Requests)
		case call.Service == "s3":
			puts += float64(n.Requests)
		}
		ingested += float64(n.Ingested)
		writeUnits += float64(n.WriteUnits)
		readUnits += n.ReadUnits
	}
	return cost{
		objects: scale * (perGet*gets + perPut*puts),
		stream:  scale * (perIngested + perDelivered) * ingested,
		writes:  scale * perWriteUnit * writeUnits,
		reads:   scale * perReadUnit * readUnits,
	}
}

// costOf returns the cost of a layer per million events, with that of its API requests and invocations.
func (s story) costOf(l layer) cost {
	const scale = 1e6 / events
	c := costOf(l.counts)
	switch l.name {
	case "ingest":
		c.api, c.invocations = scale*perAPIRequest*float64(s.requests), scale*perInvocation*float64(s.requests)
	case "speed":
		c.invocations = scale * perInvocation * float64(s.invocations)
	case "batch":
		c.invocations = scale * perInvocation
	}
	return c
}

// costs prints a table of dollars per million events.
func costs(b *strings.Builder, s story) {
	const scale = 1e6 / events
	b.WriteString("\n$ per million events, if every 1,000 of them are such a slot; without what is billed by time:\n\n")
	out := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "layer\tHTTP API\tLambda requests\tS3\tKinesis\tDynamoDB writes\tDynamoDB reads\tsum\t")
	var sum cost
	for _, l := range s.layers {
		if !l.perEvents() {
			continue
		}
		c := s.costOf(l)
		line(out, l.name, c)
		sum = sum.plus(c)
	}
	line(out, "sum", sum)
	if err := out.Flush(); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	idle, query := costOf(s.of("idle")), costOf(s.of("query"))
	fmt.Fprintf(b, "\nIdle ticks, one a minute: $%.2f a month. Questions: $%.2f per million, and $%.2f for HTTP API "+
		"and Lambda requests.\n",
		minutes*(idle.sum()/scale+perInvocation), query.sum()/scale/views*1e6, 1e6*(perAPIRequest+perInvocation))
}

const (
	minutes = 30 * 24 * 60 // minutes of a month
	views   = 3            // number of views, each queried once
)

// line prints dollars with four digits. It first rounds them to far more, so that how they were added decides no digit.
func line(out *tabwriter.Writer, name string, c cost) {
	fmt.Fprint(out, name, "\t")
	for _, dollars := range []float64{c.api, c.invocations, c.objects, c.stream, c.writes, c.reads, c.sum()} {
		fmt.Fprintf(out, "%.4f\t", math.Round(dollars*1e9)/1e9)
	}
	fmt.Fprintln(out)
}
