package smoke

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// feed is a kind of view that a run can feed: its definition, the run's events that it counts, and their key.
type feed struct {
	where, window string
	key           []client.KeyField
	counts        func(smokeEvent) bool
	values        func(*load) []string // the values of the key's fields
}

// feeds are the views of the sample (localstack/sample/views.yaml), under any name.
var feeds = []feed{
	{
		where: `type == "web.request" && data.status < 400`, window: "PT1H", key: []client.KeyField{{Field: "path",
			Expr: "data.path"}},
		counts: func(e smokeEvent) bool { return e.status < 400 }, values: func(l *load) []string { return []string{l.path} },
	},
	{
		where: `type == "web.request"`, window: "PT1H",
		counts: func(smokeEvent) bool { return true }, values: func(*load) []string { return nil },
	},
	{
		where: `type == "web.request" && data.status >= 400`, window: "P1D",
		key:    []client.KeyField{{Field: "status", Expr: "data.status"}, {Field: "method", Expr: "data.method"}},
		counts: func(e smokeEvent) bool { return e.status >= 400 }, values: func(l *load) []string {
			return []string{"404",
				l.method}
		},
	},
}

// fed is a view that matches a feed.
type fed struct {
	view client.View
	feed feed
}

func feedOf(v client.View) (feed, bool) {
	if countOf(v) == "" {
		return feed{}, false
	}
	for _, f := range feeds {
		if v.Where == f.where && string(v.Window) == f.window && slices.Equal(v.Key, f.key) {
			return f, true
		}
	}
	return feed{}, false
}

// countOf returns the name of the aggregate count(); "" if there is none.
func countOf(v client.View) string {
	for _, a := range v.Aggregates {
		if a.Expr == "count()" {
			return a.Name
		}
	}
	return ""
}

// prepare finds the views that the run can feed, and an hour in which they are still empty.
func (r *run) prepare(ctx context.Context) {
	kind := "anabranch.smoke"
	for _, v := range r.views {
		if f, ok := feedOf(v); ok {
			r.fed, kind = append(r.fed, fed{v, f}), "web.request"
		}
	}
	const tries = 5
	for try := range tries {
		var err error
		if r.load, err = r.newLoad(kind, r.hour(try)); err != nil {
			r.keep("events", 0, "", err)
			return
		}
		if !slices.ContainsFunc(r.fed, func(f fed) bool { return r.taken(ctx, f) }) {
			return
		}
	}
}

// taken says whether a view already has data in the run's hour. A view without a key may have some from an earlier run.
// A view that does not answer has already failed its own check.
func (r *run) taken(ctx context.Context, f fed) bool {
	a, err := r.askFed(ctx, f)
	return err == nil && len(a.Data) > 0
}

func (r *run) askFed(ctx context.Context, f fed) (client.Answer, error) {
	key := url.Values{}
	for i, value := range f.feed.values(&r.load) {
		key.Set(f.feed.key[i].Field, value)
	}
	from := r.load.hour
	if f.feed.window == "P1D" {
		from = from.Truncate(24 * time.Hour)
	}
	return r.ask(ctx, f.view, key, from, from.Add(time.Second))
}

// sendAll sends the events and checks that the views count them.
func (r *run) sendAll(ctx context.Context) {
	var rejected []client.Rejection
	accepted := r.check(ctx, "accept", func(ctx context.Context) (string, error) {
		var err error
		rejected, err = r.send(ctx, r.load.first...)
		return fmt.Sprintf("%d events of source %s, in %d requests", first, r.load.source, requests), err
	})
	if !accepted {
		return
	}
	r.check(ctx, "reject", func(context.Context) (string, error) { return asExpected(rejected) })
	again := r.check(ctx, "repeat", func(ctx context.Context) (string, error) {
		_, err := r.send(ctx, r.load.first...)
		return fmt.Sprintf("the same %d events, byte for byte, are accepted", first), err
	})
	// Once the markers, which follow the copies, are counted, the server has handled the copies.
	marked := r.check(ctx, "markers", func(ctx context.Context) (string, error) {
		_, err := r.send(ctx, r.load.markers)
		return fmt.Sprintf("%d more events, behind the copies", markers), err
	})
	if again && marked {
		r.live(ctx)
	}
}

// send posts requests one after another and checks that the server accepts all good events. It returns the rejections.
func (r *run) send(ctx context.Context, requests ...request) ([]client.Rejection, error) {
	var rejected []client.Rejection
	for _, q := range requests {
		receipt, err := r.Server.PostEvents(ctx, q.body, q.total())
		if err != nil {
			return nil, err
		}
		if receipt.Accepted != q.good {
			text := ""
			if len(receipt.Rejected) > 0 {
				text = fmt.Sprintf("; the first rejection: %s %s", receipt.Rejected[0].Code, receipt.Rejected[0].Detail)
			}
			return nil, fmt.Errorf("%d of %d good events were accepted%s", receipt.Accepted, q.good, text)
		}
		rejected = append(rejected, receipt.Rejected...)
	}
	return rejected, nil
}

// asExpected checks that the server rejected the event without a type, with the right code and pointer, and no other
// event.
func asExpected(rejected []client.Rejection) (string, error) {
	const code, pointer = "missing_attribute", "/type"
	if len(rejected) != 1 {
		return "", fmt.Errorf("%s rejected, want only the one without a type", plural(len(rejected), "event"))
	}
	if got := rejected[0]; got.Index != perRequest/2 || got.Code != code || got.Pointer != pointer {
		return "", fmt.Errorf(
			"event %d is rejected as %s at %s, want event %d as %s at %s",
			got.Index,
			got.Code,
			got.Pointer,
			perRequest/2,
			code,
			pointer,
		)
	}
	return fmt.Sprintf("one without a type, as %s at %s, and no other", code, pointer), nil
}

// waiting is a view that does not show all events yet.
type waiting struct {
	fed
	wanted map[string]string // the expected value of each aggregate that the run can compute
	count  int               // the number of distinct events
	seen   error             // what was wrong with its last answer
}

// live waits until every fed view counts every distinct event, once.
func (r *run) live(ctx context.Context) {
	var open []waiting
	for _, f := range r.fed {
		open = append(open, newWaiting(f, &r.load))
	}
	sent := r.Now()
	pause := 500 * time.Millisecond
	for len(open) > 0 {
		r.Progress(fmt.Sprintf("live: %s to go", plural(len(open), "view")))
		var still []waiting
		for _, w := range open {
			detail, done, err := r.look(ctx, w)
			if w.seen = err; !done {
				still = append(still, w)
				continue
			}
			r.keep("live "+w.view.Name, r.Now().Sub(sent), detail, err)
		}
		open = still
		if len(open) == 0 || !r.left(ctx, pause) || r.Sleep(ctx, pause) != nil {
			break
		}
		pause = min(pause*3/2, 2*time.Second)
	}
	for _, w := range open {
		r.keep("live "+w.view.Name, r.Now().Sub(sent), "", fmt.Errorf("not correct within %s: %w", r.For, w.seen))
	}
	r.others()
}

// others reports the views that the run cannot check as skipped.
func (r *run) others() {
	var names []string
	for _, v := range r.views {
		if !slices.ContainsFunc(r.fed, func(f fed) bool { return f.view.Name == v.Name }) {
			names = append(names, v.Name)
		}
	}
	if len(names) > 0 {
		r.keep("live", 0, "", skip("not checked that events show up and count once in "+join(names)+
			": smoke knows the right counts only for views like the sample's"))
	}
}

func newWaiting(f fed, l *load) waiting {
	count, sum, least, most := 0, 0, 0, 0
	for _, e := range l.events {
		if !f.feed.counts(e) {
			continue
		}
		if count == 0 || e.bytes < least {
			least = e.bytes
		}
		count, sum, most = count+1, sum+e.bytes, max(most, e.bytes)
	}
	known := map[string]string{
		"count()":          strconv.Itoa(count),
		"sum(data.bytes)":  strconv.Itoa(sum),
		"min(data.bytes)":  strconv.Itoa(least),
		"max(data.bytes)":  strconv.Itoa(most),
		"mean(data.bytes)": strconv.FormatFloat(float64(sum)/float64(count), 'f', -1, 64),
	}
	w := waiting{fed: f, wanted: map[string]string{}, count: count}
	for _, a := range f.view.Aggregates {
		if value, ok := known[a.Expr]; ok {
			w.wanted[a.Name] = value
		}
	}
	return w
}

// errMissing says that not all events are counted yet.
var errMissing = errors.New("events are missing")

// look queries a view once. It is done if the answer is correct, or if waiting cannot correct it.
func (r *run) look(ctx context.Context, w waiting) (detail string, done bool, err error) {
	a, err := r.askFed(ctx, w.fed)
	if err != nil {
		return "", false, err
	}
	detail, err = w.compare(a)
	return detail, !errors.Is(err, errMissing), err
}

// compare checks an answer. Errors: errMissing; any other error means that the answer is wrong for good.
func (w waiting) compare(a client.Answer) (string, error) {
	hint := ""
	for _, warning := range a.Warnings {
		hint += "; the server warns: " + client.Member{Value: warning}.Text()
	}
	if len(a.Data) == 0 {
		return "", fmt.Errorf("%w: none is counted%s", errMissing, hint)
	}
	if len(a.Data) > 1 {
		return "", fmt.Errorf("%d windows, want 1", len(a.Data))
	}
	values := a.Data[0].Values
	name := countOf(w.view)
	text, _ := values.Find(name)
	switch got, err := strconv.Atoi(string(text)); {
	case err != nil:
		return "", fmt.Errorf("%s is %s, not a number", name, text)
	case got > w.count:
		return "", fmt.Errorf("%s is %d for %d distinct events: copies are counted%s", name, got, w.count, hint)
	case got < w.count:
		return "", fmt.Errorf("%w: %s is %d of %d%s", errMissing, name, got, w.count, hint)
	}
	for _, aggregate := range w.view.Aggregates {
		wanted, known := w.wanted[aggregate.Name]
		if got, _ := values.Find(aggregate.Name); known && string(got) != wanted {
			return "", fmt.Errorf("%s is %s, want %s, with all events counted", aggregate.Name, got, wanted)
		}
	}
	detail := fmt.Sprintf(
		"each distinct event is counted once: %s equal to smoke's own fold",
		plural(len(w.wanted), "value"),
	)
	if a.Data[0].Exact {
		detail += "; exact already"
	}
	return detail, nil
}
