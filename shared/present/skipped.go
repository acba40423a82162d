package present

import (
	"github.com/anabranch/anabranch/shared/serving"
)

// Skip is the events that a view could not use at one place for one reason, in some windows, under any key.
type Skip struct {
	Place  string `json:"place"`  // "where", "key.path", "aggregates.bytes"
	Reason string `json:"reason"` // see aggregate.Reason: "missing", "not a number"
	Events int64  `json:"events"`
	Batch  int64  `json:"batch"` // of the events, those that batch has counted
	Speed  int64  `json:"speed"` // and those that only speed has
	Exact  bool   `json:"exact"` // as for a total
	Since  string `json:"since"` // start of the first window
	Sample Sample `json:"sample"`
}

// Sample names one of the events. A source or an id of more than 64 bytes is cut.
type Sample struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

func skipsOf(all []serving.Skip) []Skip {
	presented := make([]Skip, len(all))
	for i, s := range all {
		presented[i] = Skip{
			Place: s.Name, Reason: s.Reason.String(), Events: s.Events, Batch: s.Batch, Speed: s.Speed,
			Exact: s.Exact, Since: Time(s.Since), Sample: Sample{Source: s.Source, ID: s.ID},
		}
	}
	return presented
}
