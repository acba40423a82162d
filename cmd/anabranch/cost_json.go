package main

import (
	"github.com/anabranch/anabranch/cmd/anabranch/cost"
	"github.com/anabranch/anabranch/infra/costs"
)

// costAnswer is the bill as JSON.
type costAnswer struct {
	EventsPerSecond float64        `json:"events_per_second"`
	PerRequest      int            `json:"per_request"`
	Lanes           int            `json:"lanes"`
	Shards          int            `json:"shards"` // 0: on demand
	RetentionHours  int            `json:"retention_hours"`
	SlotSeconds     float64        `json:"slot_seconds"`
	WindowSeconds   float64        `json:"batching_window_seconds"`
	AuditHours      float64        `json:"audit_every_hours"`
	Sample          costSample     `json:"sample"`
	Dollars         costDollars    `json:"dollars"`
	Parts           []costPart     `json:"parts"`
	Measured        []costMeasured `json:"measured"`
	Prices          string         `json:"prices"` // month and year
	Figures         []costFigure   `json:"figures"`
}

type costSample struct {
	Events       int      `json:"events"`
	Views        []string `json:"views"`
	Product      bool     `json:"product"`      // whether it is the product's sample
	Extrapolated bool     `json:"extrapolated"` // whether it is shorter than a slot
}

type costDollars struct {
	Month      float64 `json:"month"`
	PerMillion float64 `json:"per_million"` // events; idle parts included
	Idle       float64 `json:"idle"`        // a month without events
}

type costPart struct {
	Part       string  `json:"part"`
	Group      string  `json:"group"` // "events", "archive" or "idle"
	PerMillion float64 `json:"per_million"`
	Month      float64 `json:"month"`
	Formula    string  `json:"formula"`
}

type costMeasured struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Is    string  `json:"is"`
}

type costFigure struct {
	Name   string     `json:"name"`
	Value  float64    `json:"value"`
	Unit   string     `json:"unit"`
	Kind   costs.Kind `json:"kind"`
	Source string     `json:"source,omitempty"`
}

func (c *CostCmd) answer(sample *cost.Sample, r cost.Result) costAnswer {
	l := r.Load
	a := costAnswer{
		EventsPerSecond: l.EventsPerSecond, PerRequest: l.PerRequest, Lanes: l.Lanes, Shards: l.Shards,
		RetentionHours: l.Retention, SlotSeconds: l.Slot.Seconds(), Prices: c.prices.Date,
		WindowSeconds: l.Window.Seconds(), AuditHours: l.AuditEvery.Hours(),
		Sample: costSample{Events: sample.Events(), Product: c.Events == "", Extrapolated: r.Measured["extrapolated"] == 1},
		Dollars: costDollars{
			Month: r.Bill.Sum(), PerMillion: r.PerMillion(r.Bill.Sum()), Idle: costs.Sum(r.Idle.Idle),
		},
	}
	for _, d := range sample.Definitions {
		a.Sample.Views = append(a.Sample.Views, string(d.Name))
	}
	add := func(group string, lines []costs.Line) {
		for _, line := range lines {
			a.Parts = append(a.Parts, costPart{line.Name, group, r.PerMillion(line.Dollars), line.Dollars, line.Is})
		}
	}
	add("events", r.Bill.Parts)
	add("archive", r.Bill.Kept)
	add("idle", r.Bill.Idle)
	for _, m := range c.prices.Measured {
		a.Measured = append(a.Measured, costMeasured{m.Name, r.Measured[m.Name], m.Is})
	}
	for _, f := range c.prices.Figures {
		a.Figures = append(a.Figures, costFigure{f.Name, f.Value, f.Unit, f.Kind, f.Source})
	}
	return a
}
