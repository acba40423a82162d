package serving

import (
	"context"
	"errors"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

// shadowTime is what a shadow read may take. The answer waits for it: what a function leaves running when it returns, Lambda freezes.
const shadowTime = 2 * time.Second

// ShadowReport is what came of letting the candidate answer a query too.
type ShadowReport struct {
	View      view.Name
	Serving   lifecycle.GenerationID // that answered
	Candidate lifecycle.GenerationID
	Rows      int    // windows that one of the two has, or both
	Differing int    // of those, the ones whose values differ, or that only one has
	Error     string // why they could not be compared; "" for they were
}

// shadow lets the candidate of a view, where there is one and it is time for it, answer a query that has been answered, and reports how the two differ.
// Whatever comes of it, the answer stands.
func (s *Serving) shadow(ctx context.Context, v lifecycle.View, serving reader, answered merged, parameters map[string][]string) {
	if s.Shadow == nil || s.OnShadow == nil {
		return
	}
	g, ok := candidateOf(v)
	if !ok || g.ID == serving.generation.ID || !s.Shadow() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shadowTime)
	defer cancel()
	report := ShadowReport{View: v.Name, Serving: serving.generation.ID, Candidate: g.ID}
	found, err := s.askCandidate(ctx, serving, g, answered, parameters)
	if err != nil {
		report.Error = err.Error()
	}
	report.Rows, report.Differing = found.windows, len(found.differing)
	s.OnShadow(report)
}

// candidateOf is the generation that may serve next: one that is being built and has all that its answers need, else the retained one.
func candidateOf(v lifecycle.View) (lifecycle.Generation, bool) {
	for _, g := range v.Generations {
		if g.State == lifecycle.Building && hasAnswers(g) && g.Horizon >= g.Live {
			return g, true
		}
	}
	return v.In(lifecycle.Retained)
}

func (s *Serving) askCandidate(ctx context.Context, serving reader, g lifecycle.Generation, answered merged, parameters map[string][]string) (compared, error) {
	program, err := s.program(ctx, g.Definition)
	if err != nil {
		return compared{}, err
	}
	if reason := incomparable(serving.program.Definition, program.Definition); reason != "" {
		return compared{}, errors.New(reason)
	}
	q, err := parse(program, parameters)
	if err != nil {
		return compared{}, err
	}
	both, _, _ := aggregates(serving.program.Definition, program.Definition)
	return s.compare(ctx, serving, reader{program, g, q}, answered.all, both)
}
