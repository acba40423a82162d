package handler

import (
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/prometheus/common/model"

	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/promql"
)

// parameters are what a request says: in its path, in its query string, and in the form of its body. It may have
// parameters that nobody reads, since clients send some of newer versions.
type parameters struct {
	values url.Values
	label  string // of the path
	now    time.Time
}

// parse reads the parameters of a request. Error: promql.ErrBadQuestion.
func parse(r events.APIGatewayV2HTTPRequest, now time.Time) (parameters, error) {
	p := parameters{label: r.PathParameters["label"], now: now}
	var err error
	if p.values, err = url.ParseQuery(r.RawQueryString); err != nil {
		return p, fmt.Errorf("%w: the query string: %w", promql.ErrBadQuestion, err)
	}
	if r.RequestContext.HTTP.Method != http.MethodPost {
		return p, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Headers["content-type"]); err != nil || kind != formType {
		return p, fmt.Errorf("%w: the content type must be %s", promql.ErrBadQuestion, formType)
	}
	body, err := respond.Body(r)
	if err != nil {
		return p, fmt.Errorf("%w: %w", promql.ErrBadQuestion, err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return p, fmt.Errorf("%w: the body: %w", promql.ErrBadQuestion, err)
	}
	for name, values := range p.values {
		form[name] = append(form[name], values...)
	}
	p.values = form
	return p, nil
}

const formType = "application/x-www-form-urlencoded"

func (p parameters) bad(name, what string) error {
	return fmt.Errorf("%w: parameter %s %s", promql.ErrBadQuestion, name, what)
}

// question reads a query. Error: promql.ErrBadQuestion.
func (p parameters) question(isRange bool) (q promql.Question, err error) {
	q.Expr = p.values.Get("query")
	if q.Expr == "" {
		return q, p.bad("query", "is missing: write an expression, such as page_views_views")
	}
	if text := p.values.Get("lookback_delta"); text != "" {
		if q.LookBack, err = p.duration("lookback_delta"); err != nil {
			return q, err
		}
	}
	if !isRange {
		if p.values.Get("time") == "" {
			q.Start, q.End = p.now, p.now
			return q, nil
		}
		q.Start, err = p.time("time")
		q.End = q.Start
		return q, err
	}
	if q.Start, err = p.time("start"); err != nil {
		return q, err
	}
	if q.End, err = p.time("end"); err != nil {
		return q, err
	}
	q.Step, err = p.duration("step")
	return q, err
}

// time reads an instant: Unix seconds with decimals, or RFC 3339.
func (p parameters) time(name string) (time.Time, error) {
	text := p.values.Get(name)
	t, err := time.Parse(time.RFC3339Nano, text)
	if seconds, errNumber := strconv.ParseFloat(text, 64); errNumber == nil && math.Abs(seconds) < math.MaxInt64/1e6 {
		t, err = time.UnixMilli(int64(math.Round(seconds*1000))).UTC(), nil
	}
	if err != nil || t.Before(event.MinTime.Time()) || t.After(event.MaxTime.Time()) {
		return t, p.bad(name, fmt.Sprintf("is %.40q: must be Unix seconds or RFC 3339, such as 2026-11-30T12:00:00Z", text))
	}
	return t, nil
}

// duration reads a duration above 0: seconds with decimals, or as PromQL writes it.
func (p parameters) duration(name string) (time.Duration, error) {
	text := p.values.Get(name)
	var d time.Duration
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds < math.MaxInt64/1e9 {
		d = time.Duration(seconds * float64(time.Second))
	} else if parsed, err := model.ParseDuration(text); err == nil {
		d = time.Duration(parsed)
	}
	if d < time.Millisecond {
		return d, p.bad(name, fmt.Sprintf("is %.40q: must be seconds or a duration such as 5m, and at least 1ms", text))
	}
	return d, nil
}

// limit reads the maximum number of answers; 0: the client gives none.
func (p parameters) limit() (int, error) {
	text := p.values.Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, p.bad("limit", fmt.Sprintf("is %.40q: must be a number, 0 or above", text))
	}
	return n, nil
}
