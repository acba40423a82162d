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
	"github.com/anabranch/anabranch/shared/api"
)

// every is the time between two looks at a deployment that is not ready.
const every = 2 * time.Second

// list reads the list of views. A new deployment has none until batch first runs. The run must not send events before
// that: the views would then be announced for a later slot (docs/design.md 3.7).
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
		return "", errors.New(
			"there are no views; a new deployment creates them when batch first runs, within two minutes: " +
				"try again, or allow more time with --for 3m",
		)
	}
	names := make([]string, len(views))
	for i, v := range views {
		if v.Error != "" {
			return "", fmt.Errorf("view %s: %s", v.Name, v.Error)
		}
		if names[i] = v.Name; v.Name == "" || v.Window == "" || len(v.Aggregates) == 0 {
			return "", fmt.Errorf("view %d of the list has no name, no window or no aggregate", i+1)
		}
	}
	r.views = views[:min(len(views), maxViews)]
	return join(names), nil
}

// describe reads each view on its own and checks that it matches the list.
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
			return "", fmt.Errorf(
				"view %s: the description names view %s or has another definition than the list",
				listed.Name,
				v.Name,
			)
		}
	}
	return plural(len(r.views), "view"), nil
}

// query queries each view for a key that only this run uses.
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

// building says whether a view did not answer because it is not built yet.
func building(err error) bool {
	var problem *client.Problem
	return errors.As(err, &problem) && problem.Code == notServing
}

// notServing is the problem code for a view that is not built yet.
const notServing = "not_serving"

// ask queries one view and checks that the answer fits the question.
func (r *run) ask(ctx context.Context, v client.View, key url.Values, from, to time.Time) (client.Answer, error) {
	parameters := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	for field, value := range key {
		parameters[field] = value
	}
	body, _, err := r.Server.Query(ctx, v.Name, parameters)
	if err != nil {
		return client.Answer{}, fmt.Errorf("view %s: %w", v.Name, err)
	}
	a, err := client.DecodeAnswer(body)
	if err != nil {
		return client.Answer{}, fmt.Errorf("view %s: %w", v.Name, err)
	}
	return a, wellFormed(v, key, a)
}

// wellFormed checks the parts that every answer must have.
func wellFormed(v client.View, key url.Values, a client.Answer) error {
	seconds, ok := a.Lag.Find("batch_seconds")
	_, numberErr := strconv.ParseFloat(string(seconds), 64)
	_, timeErr := time.Parse(time.RFC3339, string(a.Horizon))
	switch {
	case a.View != v.Name:
		return fmt.Errorf("view %s: the answer is of view %q", v.Name, a.View)
	case !v.IsKappa() && timeErr != nil:
		return fmt.Errorf("view %s: the answer's horizon %q is not a time", v.Name, a.Horizon)
	case !v.IsKappa() && (!ok || numberErr != nil):
		return fmt.Errorf("view %s: the answer has no lag.batch_seconds", v.Name)
	case len(a.Key) != len(key):
		return fmt.Errorf("view %s: the answer's key has %d fields, want %d", v.Name, len(a.Key), len(key))
	}
	for _, m := range a.Key {
		if m.Text() != key.Get(m.Name) {
			return fmt.Errorf("view %s: the answer is for %s=%s, want %s", v.Name, m.Name, m.Text(), key.Get(m.Name))
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

// horizon checks that batch is not late for any view that answered.
func (r *run) horizon(context.Context) (string, error) {
	if len(r.lags) == 0 {
		return "", skip("no Lambda view answered")
	}
	var behind, all []string
	for _, l := range r.lags {
		for _, w := range l.warnings {
			if strings.HasPrefix(w, api.BatchIsLate) {
				all = append(all, l.view+": "+w)
			}
		}
		seconds, err := strconv.ParseFloat(l.seconds, 64)
		if err != nil {
			return "", fmt.Errorf("view %s: %w", l.view, err)
		}
		if lag := time.Duration(seconds * float64(time.Second)); r.MaxLag > 0 && lag > r.MaxLag {
			all = append(all, fmt.Sprintf("%s: batch is %s behind; the maximum is %s", l.view, lag.Round(time.Second), r.MaxLag))
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
