package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
)

// dueAudit is an audit to begin, with the generation that serves.
type dueAudit struct {
	catalog.Audit
	serving lifecycle.GenerationID
}

// due returns the audits to begin: first the requested ones, by time of request, then those of views with base items
// whose last audit began longest ago.
func (a *Audit) due(ctx context.Context) (due []dueAudit, err error) {
	views, err := a.Catalog.Views(ctx)
	if err != nil {
		return nil, fmt.Errorf("read views: %w", err)
	}
	for _, v := range views {
		one, err := a.Audits.Audit(ctx, v.Name)
		if errors.Is(err, catalog.ErrNotFound) {
			one, err = catalog.Audit{View: v.Name}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read audit of view %s: %w", v.Name, err)
		}
		serving, _ := v.Generation(v.Serving)
		isDue, err := a.isDue(ctx, one, serving)
		if err != nil {
			return nil, fmt.Errorf("view %s: %w", v.Name, err)
		}
		if isDue {
			due = append(due, dueAudit{one, serving.ID})
		}
	}
	slices.SortStableFunc(due, func(m, n dueAudit) int {
		switch asked, other := m.Requested > m.Begun, n.Requested > n.Begun; {
		case asked && other:
			return cmp.Compare(m.Requested, n.Requested)
		case asked:
			return -1
		case other:
			return 1
		}
		return cmp.Compare(m.Begun, n.Begun)
	})
	return due, nil
}

// isDue reports whether to begin an audit of a view now.
func (a *Audit) isDue(ctx context.Context, one catalog.Audit, serving lifecycle.Generation) (bool, error) {
	switch {
	case one.Requested > one.Begun:
		return true, nil
	case serving.Run == 0 || !serving.HasBase(): // nothing to compare; a requested audit says so
		return false, nil
	case one.IsDue(a.Now(), a.Every):
		return true, nil
	case one.Error != "" || one.Windows > 0 || one.Items > 0:
		return false, nil
	}
	return a.hasMore(ctx, one.Run, serving.Run)
}

// hasMore reports whether runs 1 to now have more than twice the events of runs 1 to audited. After an audit that had
// nothing to compare, the view does not wait for a day. It is audited again each time the events have doubled, so all
// these audits together read little more than the last one.
func (a *Audit) hasMore(ctx context.Context, audited, now uint64) (bool, error) {
	if now <= audited {
		return false, nil
	}
	var before lifecycle.Run // no run has any event
	if audited > 0 {
		var err error
		if before, err = a.reader().Get(ctx, audited); err != nil {
			return false, fmt.Errorf("read run %d: %w", audited, err)
		}
	}
	after, err := a.reader().Get(ctx, now)
	if err != nil {
		return false, fmt.Errorf("read run %d: %w", now, err)
	}
	return after.AllEvents > 2*before.AllEvents, nil
}
