package compare

import (
	"context"
	"errors"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// shadowTime is the maximum time of a shadow read. The answer waits for it, since Lambda freezes whatever still runs
// when a function returns.
const shadowTime = 2 * time.Second

// Shadow makes candidates answer queries that were already answered. All fields are needed. It is safe for concurrent
// use.
type Shadow struct {
	Comparer
	When   func() bool        // reports whether the candidate answers this query too
	Report func(ShadowReport) // receives the result of each shadow read
}

// ShadowReport is the result of one shadow read.
type ShadowReport struct {
	View      view.Name
	Serving   lifecycle.GenerationID // generation that answered
	Candidate lifecycle.GenerationID
	Rows      int    // windows that at least one of the two has
	Differing int    // windows whose values differ, or that only one has
	Error     string // why they could not be compared; "" when they were
}

// Ask makes the candidate of a view answer the same selection and reports how the two results differ. It does nothing
// when there is no candidate, or when When returns false; nor for rows of many keys, which are not in order of time. It
// takes at most two seconds, and never changes the answer.
func (s *Shadow) Ask(ctx context.Context, answered serving.Result) {
	g, ok := candidateOf(answered.View)
	if !ok || g.ID == answered.Generation.ID || answered.Key == nil || !s.When() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shadowTime)
	defer cancel()
	report := ShadowReport{View: answered.View.Name, Serving: answered.Generation.ID, Candidate: g.ID}
	found, err := s.askCandidate(ctx, answered, g)
	if err != nil {
		report.Error = err.Error()
	}
	report.Rows, report.Differing = found.windows, len(found.differing)
	s.Report(report)
}

// candidateOf returns the generation that may serve next: one that is being built and has all that its answers need,
// else the retained one.
func candidateOf(v lifecycle.View) (lifecycle.Generation, bool) {
	for _, g := range v.Generations {
		if g.State == lifecycle.Building && g.Answers() && g.Horizon >= g.LiveFrom {
			return g, true
		}
	}
	return v.FirstInState(lifecycle.Retained)
}

func (s *Shadow) askCandidate(ctx context.Context, answered serving.Result, g lifecycle.Generation) (compared, error) {
	candidate, err := s.Reader(ctx, g)
	if err != nil {
		return compared{}, err
	}
	if reason := incomparable(answered.Program.Definition, candidate.Program.Definition); reason != "" {
		return compared{}, errors.New(reason)
	}
	both, _, _ := aggregates(answered.Program.Definition, candidate.Program.Definition)
	answering := candidate
	answering.Program, answering.Generation = answered.Program, answered.Generation
	selection := answered.Selection
	selection.Values = nil // states are compared, of all aggregates; the candidate may lack one of the names
	read := func(ctx context.Context, r serving.Reader) ([]serving.Row, error) {
		result, err := r.Read(ctx, selection)
		return result.Rows, err
	}
	return pair{answering, candidate, both}.compareWith(ctx, answered.Rows, read)
}
