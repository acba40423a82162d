package experiments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// counting is a view that counts the events of a load by their path.
type counting struct{ view, count string }

// The view of the sample (localstack/sample/views.yaml) that counts requests per page and hour.
const (
	countedWhere  = `type == "web.request" && data.status < 400`
	countedWindow = "PT1H"
)

// findView finds a view that counts the events, whatever its name is.
//
// Errors: the client's; the stack has no such view.
func (l *Lab) findView(ctx context.Context) (counting, error) {
	if l.view != nil {
		return *l.view, nil
	}
	body, err := l.Server.Views(ctx)
	if err != nil {
		return counting{}, fmt.Errorf("read views: %w", err)
	}
	views, err := client.DecodeViews(body)
	if err != nil {
		return counting{}, err
	}
	for _, v := range views {
		if v.Where != countedWhere || v.Window != countedWindow || v.IsKappa() ||
			!slices.Equal(v.Key, []client.KeyField{{Field: "path", Expr: "data.path"}}) {
			continue
		}
		for _, a := range v.Aggregates {
			if a.Expr == "count()" {
				l.view = &counting{v.Name, a.Name}
				return *l.view, nil
			}
		}
	}
	return counting{}, errors.New("the stack has no Lambda view that is defined like page_views in " +
		"localstack/sample/views.yaml; deploy a stack with the views of the sample: make deploy STACK=first-day")
}

// counted is what an answer says of a load.
type counted struct {
	events int64
	rows   int
	exact  bool // whether batch has covered all of it
	bytes  int  // size of the answer, unpacked
	took   time.Duration
}

// query asks how often the events of a load were counted.
func (o *load) query(ctx context.Context, more url.Values) (counted, error) {
	v, err := o.lab.findView(ctx)
	if err != nil {
		return counted{}, err
	}
	parameters := url.Values{"path": {o.path}, "total": {"true"}}
	maps.Copy(parameters, more)
	began := o.lab.Now()
	body, _, err := o.lab.Server.Query(ctx, v.view, parameters)
	if err != nil {
		return counted{}, fmt.Errorf("query %s: %w", v.view, err)
	}
	c := counted{bytes: len(body), took: o.lab.Now().Sub(began)}
	answer, err := client.DecodeAnswer(body)
	if err != nil {
		return counted{}, err
	}
	c.rows = len(answer.Data)
	c.exact = c.rows > 0 && !slices.ContainsFunc(answer.Data, func(r client.Row) bool { return !r.Exact })
	if answer.Total == nil || c.rows == 0 {
		return c, nil
	}
	value, _ := answer.Total.Values.Find(v.count)
	if c.events, err = strconv.ParseInt(string(value), 10, 64); err != nil {
		return c, fmt.Errorf("query %s: its total has no count %q: %w", v.view, v.count, err)
	}
	return c, nil
}

// await queries until every event of the load is counted; with exact, until batch has covered them, too.
//
// Errors: an event is counted twice; events are missing when the time is over; the client's.
func (o *load) await(ctx context.Context, exact bool) (last counted, took time.Duration, err error) {
	want, _ := o.sum()
	began := o.lab.Now()
	err = o.lab.until(ctx, fmt.Sprintf("answers that count %d events", want), func(ctx context.Context) (bool, error) {
		if last, err = o.query(ctx, nil); err != nil {
			return false, err
		}
		if last.events > want {
			return false, fmt.Errorf("answers count %d events, but %d were sent", last.events, want)
		}
		return last.events == want && (last.exact || !exact), nil
	})
	if err != nil {
		err = fmt.Errorf("%w; the last answer counts %d, exact %v", err, last.events, last.exact)
	}
	return last, o.lab.Now().Sub(began), err
}

// awaitBoth waits until the events are counted, and then until batch has counted them, too.
func (o *load) awaitBoth(ctx context.Context) ([]Finding, error) {
	events, requests := o.sum()
	found := []Finding{{What: "events sent", Value: fmt.Sprintf("%d in %d requests", events, requests)}}
	live, took, err := o.await(ctx, false)
	if err != nil {
		return found, err
	}
	who := "by speed, before batch covered them: each lane stayed in order"
	if live.exact {
		who = "only after batch had covered them, so this says nothing of the order of the stream"
	}
	found = append(found, Finding{
		What: "counted once", Value: fmt.Sprintf("after %.1f s, %s", took.Seconds(), who),
	})
	_, took, err = o.await(ctx, true)
	if err != nil {
		return found, err
	}
	return append(found, Finding{
		What: "counted once by batch, too", Value: fmt.Sprintf("after %.0f s more; no number changed", took.Seconds()),
	}), nil
}
