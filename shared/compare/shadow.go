package compare

import (
	"context"
	"errors"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/view"
)

// shadowTime is what a shadow read may take. The answer waits for it: what a function leaves running when it returns,
// Lambda freezes.
const shadowTime = 2 * time.Second

// Shadow lets candidates answer queries that have been answered. All fields are needed. It is safe for concurrent use.
type Shadow struct {
	Comparer
	When   func() bool        // whether the candidate is to answer a query, too
	Report func(ShadowReport) // gets what came of it
}

// ShadowReport is what came of letting the candidate answer a query too.
type ShadowReport struct {
	View      view.Name
	Serving   lifecycle.GenerationID // that answered
	Candidate lifecycle.GenerationID
	Rows      int    // windows that one of the two has, or both
	Differing int    // of those, the ones whose values differ, or that only one has
	Error     string // why they could not be compared; "" for they were
}

// Ask lets the candidate of a view, where there is one and it is time for it, answer the same selection, and reports
// how the two differ. It takes two seconds at most. Whatever comes of it, the answer stands.
func (s *Shadow) Ask(ctx context.Context, answered serving.Result) {
	g, ok := candidateOf(answered.View)
	if !ok || g.ID == answered.Generation.ID || !s.When() {
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

// candidateOf is the generation that may serve next: one that is being built and has all that its answers need, else
// the retained one.
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
	read := func(ctx context.Context, r serving.Reader) ([]serving.Row, error) {
		result, err := r.Read(ctx, answered.Selection)
		return result.Rows, err
	}
	return pair{answering, candidate, both}.compareWith(ctx, answered.Rows, read)
}
