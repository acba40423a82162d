package smoke

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// every is the time between two looks at a deployment that is not ready.
const every = 2 * time.Second

// list asks for the views. A new deployment has none until batch has first run, and is not to be sent events before: the views would have to be
// announced for a later slot then (docs/design.md 3.7).
func (r *run) list(ctx context.Context) (string, error) {
	var views []client.View
	for {
		body, err := r.Server.Views(ctx)
		if err == nil {
			views, err = client.DecodeViews(body)
		}
		if err != nil {
			return "", err
		}
		if len(views) > 0 || !r.left(ctx, every) {
			break
		}
		if err := r.Sleep(ctx, every); err != nil {
			return "", err
		}
	}
	if len(views) == 0 {
		return "", errors.New("there are none; in a new deployment batch makes them when it first runs, in a minute or two: come again, or give this run longer, as --for 3m")
	}
	names := make([]string, len(views))
	for i, v := range views {
		if names[i] = v.Name; v.Name == "" || v.Window == "" || len(v.Aggregates) == 0 {
			return "", fmt.Errorf("view %d of the list has no name, no window or no aggregate", i+1)
		}
	}
	r.views = views[:min(len(views), maxViews)]
	return join(names), nil
}

// describe asks for each view by itself: it is the one of the list.
func (r *run) describe(ctx context.Context) (string, error) {
	for _, listed := range r.views {
		body, err := r.Server.View(ctx, listed.Name)
		if err != nil {
			return "", fmt.Errorf("view %s: %w", listed.Name, err)
		}
		v, err := client.DecodeView(body)
		if err != nil {
			return "", fmt.Errorf("view %s: %w", listed.Name, err)
		}
		if v.Name != listed.Name || v.Definition != listed.Definition {
			return "", fmt.Errorf("view %s: the description is of %s, with another definition than the list has", listed.Name, v.Name)
		}
	}
	return plural(len(r.views), "view"), nil
}

// query asks each view for a key that is this run's, and nobody else's.
func (r *run) query(ctx context.Context) (string, error) {
	var all []error
	answered := 0
	hour := r.hour(0)
	for _, v := range r.views {
		key := url.Values{}
		for _, k := range v.Key {
			key.Set(k.Field, "anabranch-smoke-"+r.Run.String())
		}
		a, err := r.ask(ctx, v, key, hour, hour.Add(time.Second))
		for building(err) && r.left(ctx, every) && r.Sleep(ctx, every) == nil {
			a, err = r.ask(ctx, v, key, hour, hour.Add(time.Second))
		}
		if err != nil {
			all = append(all, err)
			continue
		}
		answered++
		if !v.IsKappa() {
			r.lags = append(r.lags, lagOf(a))
		}
	}
	return "well-formed answers of " + plural(answered, "view"), errors.Join(all...)
}

// building says whether a view has not answered because batch has yet to build it.
func building(err error) bool {
	var problem *client.Problem
	return errors.As(err, &problem) && problem.Code == notServing
}

// notServing is the code of a server's answer for a view that batch has yet to build.
const notServing = "not_serving"

// ask asks one view, and checks that the answer is one to this question.
func (r *run) ask(ctx context.Context, v client.View, key url.Values, from, to time.Time) (client.Answer, error) {
	parameters := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	for field, value := range key {
		parameters[field] = value
	}
	body, err := r.Server.Query(ctx, v.Name, parameters)
	if err != nil {
		return client.Answer{}, fmt.Errorf("view %s: %w", v.Name, err)
	}
	a, err := client.DecodeAnswer(body)
	if err != nil {
		return client.Answer{}, fmt.Errorf("view %s: %w", v.Name, err)
	}
	return a, wellFormed(v, key, a)
}

// wellFormed says what an answer lacks of what every answer has.
func wellFormed(v client.View, key url.Values, a client.Answer) error {
	seconds, ok := a.Lag.Find("batch_seconds")
	_, numberErr := strconv.ParseFloat(string(seconds), 64)
	_, timeErr := time.Parse(time.RFC3339, string(a.Horizon))
	switch {
	case a.View != v.Name:
		return fmt.Errorf("view %s: the answer is of view %q", v.Name, a.View)
	case !v.IsKappa() && timeErr != nil:
		return fmt.Errorf("view %s: the answer's horizon %q is no time", v.Name, a.Horizon)
	case !v.IsKappa() && (!ok || numberErr != nil):
		return fmt.Errorf("view %s: the answer has no lag.batch_seconds", v.Name)
	case len(a.Key) != len(key):
		return fmt.Errorf("view %s: the answer's key has %d fields, not %d", v.Name, len(a.Key), len(key))
	}
	for _, m := range a.Key {
		if m.Text() != key.Get(m.Name) {
			return fmt.Errorf("view %s: the answer is for %s=%s, not %s", v.Name, m.Name, m.Text(), key.Get(m.Name))
		}
	}
	for _, row := range a.Data {
		for _, aggregate := range v.Aggregates {
			if _, ok := row.Values.Find(aggregate.Name); !ok {
				return fmt.Errorf("view %s: window %s has no %s", v.Name, row.Start, aggregate.Name)
			}
		}
	}
	return nil
}

func lagOf(a client.Answer) lag {
	seconds, _ := a.Lag.Find("batch_seconds")
	l := lag{view: a.View, seconds: string(seconds)}
	for _, w := range a.Warnings {
		l.warnings = append(l.warnings, client.Member{Value: w}.Text())
	}
	return l
}

// late is how a server's warning begins that batch is behind by more than its settings explain: twice slot + seal delay + the time between ticks.
const late = "batch is late"

// horizon: batch is not late, for any view that answered.
func (r *run) horizon(context.Context) (string, error) {
	if len(r.lags) == 0 {
		return "", skip("no view of batch answered")
	}
	var behind, all []string
	for _, l := range r.lags {
		for _, w := range l.warnings {
			if strings.HasPrefix(w, late) {
				all = append(all, l.view+": "+w)
			}
		}
		seconds, err := strconv.ParseFloat(l.seconds, 64)
		if err != nil {
			return "", fmt.Errorf("view %s: %w", l.view, err)
		}
		if lag := time.Duration(seconds * float64(time.Second)); r.MaxLag > 0 && lag > r.MaxLag {
			all = append(all, fmt.Sprintf("%s: batch is %s behind, more than %s", l.view, lag.Round(time.Second), r.MaxLag))
		}
		behind = append(behind, fmt.Sprintf("%s %.0f s", l.view, seconds))
	}
	if len(all) > 0 {
		return "", errors.New(join(all))
	}
	return "batch is behind by: " + join(behind), nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
