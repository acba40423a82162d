package smoke_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/smoke"
)

// newSmoke returns a run of one minute whose clock moves only during waits, which take no time.
func newSmoke(t testing.TB, address string, key client.Key) *smoke.Smoke {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	sleep := func(ctx context.Context, d time.Duration) error {
		clock = clock.Add(d)
		return ctx.Err()
	}
	with := func(key client.Key) *client.Client {
		return &client.Client{
			Base:      base,
			HTTP:      client.Transport(1),
			Agent:     "test",
			Key:       key,
			Now:       now,
			Sleep:     sleep,
			MaxAnswer: 1 << 20,
			Retry: client.Retry{
				Attempts: 2,
				Base:     time.Millisecond,
				Cap:      time.Millisecond,
			},
			Random:   func() float64 { return 0 },
			Deadline: context.WithCancel,
		}
	}
	id, err := ulid.New(1, strings.NewReader("sixteen bytes or more"))
	if err != nil {
		t.Fatal(err)
	}
	return &smoke.Smoke{
		Server:   with(key),
		Bare:     with(""),
		Wrong:    with("nobody-has-given-this-key-out"),
		Run:      id,
		For:      time.Minute,
		Now:      now,
		Sleep:    sleep,
		Progress: func(string) {},
	}
}

func results(checks []smoke.Check) map[string]smoke.Result {
	all := map[string]smoke.Result{}
	for _, c := range checks {
		all[c.Name] = c.Result
	}
	return all
}

// fine returns the outcome of a deployment without a flaw, but for the given checks.
func fine(but map[string]smoke.Result) map[string]smoke.Result {
	all := map[string]smoke.Result{}
	for _, name := range []string{"no key", "wrong key", "views", "describe", "query", "horizon", "accept", "reject",
		"repeat", "markers",
		"live errors", "live pages", "live traffic"} {
		all[name] = smoke.OK
	}
	for name, result := range but {
		if all[name] = result; result == "" {
			delete(all, name)
		}
	}
	return all
}

type outcome = map[string]smoke.Result

// after lists the checks that are not made if an earlier one fails.
func without(o outcome, names ...string) outcome {
	for _, name := range names {
		o[name] = ""
	}
	return o
}

// TestSmoke checks that the check that covers a flaw finds it and describes it.
func TestSmoke(t *testing.T) {
	live := []string{"live errors", "live pages", "live traffic"}
	sent := append([]string{"reject", "repeat", "markers"}, live...)
	tests := map[string]struct {
		deployment deployment
		key        client.Key
		but        outcome
		says       string // in some detail
	}{
		"Fine": {deployment{keyed: true}, adminKey, nil, "each distinct event is counted once: 2 values"},
		"FineNoKeys": {
			deployment{},
			"",
			outcome{"no key": smoke.Skipped, "wrong key": smoke.Skipped},
			"the server requires no key",
		},
		"FineTokens": {
			deployment{keyed: true, flaws: flaws{tokens: true}},
			adminKey,
			nil,
			"401 on every route: the gateway checks tokens",
		},
		"FineSlow": {
			deployment{keyed: true, flaws: flaws{visibleAt: 7, lag: 400}},
			adminKey,
			nil,
			"batch is behind by: errors 400 s",
		},

		"OpenForAll": {
			deployment{},
			adminKey,
			outcome{"no key": smoke.Failed, "wrong key": smoke.Skipped},
			"the server requires no key, but this run was given one",
		},
		"OpenRoute": {
			deployment{keyed: true, flaws: flaws{openRoute: "GET /v1/views/{view}"}},
			adminKey,
			outcome{"no key": smoke.Failed, "wrong key": smoke.Failed},
			"answered without a key: GET /v1/views/{view} with 404",
		},
		"OpenPost": {
			deployment{keyed: true, flaws: flaws{openRoute: "POST /v1/events"}},
			adminKey,
			outcome{"no key": smoke.Failed, "wrong key": smoke.Failed},
			"answered with a key that was never issued: POST /v1/events with 200",
		},
		"NoHealth": {
			deployment{keyed: true, flaws: flaws{unhealthy: true}},
			adminKey,
			outcome{"no key": smoke.Failed},
			"GET /health needs no key, but does not answer without one: 404",
		},
		"OpenAdmin": {deployment{keyed: true, flaws: flaws{openRoute: "POST /v1/admin/views/{view}/{operation}"}}, adminKey,
			outcome{
				"no key":    smoke.Failed,
				"wrong key": smoke.Failed,
			}, "answered without a key: POST /v1/admin/views/{view}/{operation} with 404"},
		"OtherRefusal": {
			deployment{keyed: true, flaws: flaws{unlike: 418}},
			adminKey,
			outcome{"wrong key": smoke.Failed},
			"POST /v1/events with 418",
		},
		"KeyMissing": {
			deployment{keyed: true},
			"",
			without(outcome{"views": smoke.Failed}, append(sent, "describe", "query", "horizon", "accept")...),
			"this server requires a key: set --key or ANABRANCH_KEY",
		},
		"KeyWrong": {
			deployment{keyed: true},
			"x",
			without(outcome{"views": smoke.Failed}, append(sent, "describe", "query", "horizon", "accept")...),
			"smoke requires the admin key",
		},
		"KeyReadOnly": {
			deployment{keyed: true},
			readKey,
			without(outcome{"accept": smoke.Failed}, sent...),
			"this key does not permit that: smoke requires the admin key",
		},
		"NoList": {
			deployment{flaws: flaws{views: `{"views":[{"name":"x"}]}`}},
			"",
			without(outcome{"no key": smoke.Skipped, "wrong key": smoke.Skipped, "views": smoke.Failed},
				append(sent, "describe", "query", "horizon", "accept")...),
			"view 1 of the list has no name",
		},
		"OtherView": {
			deployment{keyed: true, flaws: flaws{described: `{"name":"pages","definition":"h9"}`}},
			adminKey,
			outcome{"describe": smoke.Failed},
			"has another definition than the list",
		},

		"ForeignViews": {
			deployment{keyed: true, flaws: flaws{views: others}},
			adminKey,
			without(outcome{"live": smoke.Skipped}, live...),
			"not checked that events show up and count once in orders",
		},
		"NoViews": {deployment{keyed: true, flaws: flaws{views: `{"views":[]}`}}, adminKey,
			without(
				outcome{"views": smoke.Failed},
				append(sent, "describe", "query", "horizon", "accept")...), "there are no views; a new deployment"},
		"NewDeployment": {deployment{keyed: true, flaws: flaws{newFor: 5}}, adminKey, nil, "errors, pages, traffic"},
		"NeverBuilt": {
			deployment{keyed: true, flaws: flaws{newFor: 999}},
			adminKey,
			without(outcome{"views": smoke.Failed}, append(sent, "describe", "query", "horizon", "accept")...),
			"there are no views",
		},
		"Building": {
			deployment{keyed: true, flaws: flaws{building: 5}},
			adminKey,
			nil,
			"well-formed answers of 3 views",
		},
		"BuildingLong": {deployment{keyed: true, flaws: flaws{building: 9999}}, adminKey,
			outcome{
				"query":        smoke.Failed,
				"horizon":      smoke.Skipped,
				"live errors":  smoke.Failed,
				"live pages":   smoke.Failed,
				"live traffic": smoke.Failed,
			}, "a new view answers once batch has built it"},

		"NotServing": {deployment{keyed: true, flaws: flaws{fail: func(route string) int {
			if strings.HasSuffix(route, "query") {
				return 503
			}
			return 0
		}}}, adminKey, outcome{"query": smoke.Failed, "horizon": smoke.Skipped,
			"live errors": smoke.Failed, "live pages": smoke.Failed, "live traffic": smoke.Failed},
			"gave up after 2 attempts: 503"},
		"AnswerOfAnother": {
			deployment{
				keyed: true,
				flaws: flaws{answer: func(a string) string { return strings.Replace(a, `"view":"pages"`, `"view":"x"`, 1) }},
			},
			adminKey,
			outcome{"query": smoke.Failed, "live pages": smoke.Failed},
			`view pages: the answer is of view "x"`,
		},
		"AnswerOtherKey": {
			deployment{
				keyed: true,
				flaws: flaws{answer: func(a string) string { return strings.Replace(a, `"path":"`, `"path":"other`, 1) }},
			},
			adminKey,
			outcome{"query": smoke.Failed, "live pages": smoke.Failed},
			"view pages: the answer is for path=other",
		},
		"AnswerNoHorizon": {
			deployment{
				keyed: true,
				flaws: flaws{answer: func(a string) string { return strings.Replace(a, `2026-03-01T12:00:00Z`, `soon`, 1) }},
			},
			adminKey,
			outcome{
				"query":        smoke.Failed,
				"horizon":      smoke.Skipped,
				"live errors":  smoke.Failed,
				"live pages":   smoke.Failed,
				"live traffic": smoke.Failed,
			},
			`horizon "soon" is not a time`,
		},
		"AnswerNoLag": {
			deployment{
				keyed: true,
				flaws: flaws{answer: func(a string) string { return strings.Replace(a, `batch_seconds`, `other`, 1) }},
			},
			adminKey,
			outcome{
				"query":        smoke.Failed,
				"horizon":      smoke.Skipped,
				"live errors":  smoke.Failed,
				"live pages":   smoke.Failed,
				"live traffic": smoke.Failed,
			},
			"no lag.batch_seconds",
		},
		"BatchLate": {
			deployment{
				keyed: true,
				flaws: flaws{warnings: []string{"batch is late: events that arrived in the last 2h are not exact yet"}},
			},
			adminKey,
			outcome{"horizon": smoke.Failed},
			"pages: batch is late: events that arrived in the last 2h",
		},

		"NoneTaken": {deployment{keyed: true, flaws: flaws{fail: func(route string) int {
			if strings.HasPrefix(route, "POST") {
				return 500
			}
			return 0
		}}}, adminKey, without(outcome{"no key": smoke.OK, "accept": smoke.Failed}, sent...), "500"},
		"GoodRejected": {deployment{keyed: true, flaws: flaws{receipt: func(r string) string {
			return strings.Replace(
				r,
				`{"accepted":100,"rejected":[{`,
				`{"accepted":99,"rejected":[{"index":0,"code":"too_large","detail":"no"},{`,
				1,
			)
		}}}, adminKey, without(outcome{"accept": smoke.Failed}, sent...),
			"99 of 100 good events were accepted; the first rejection: too_large no"},
		"OtherCode": {
			deployment{
				keyed: true,
				flaws: flaws{
					receipt: func(r string) string { return strings.Replace(r, `missing_attribute`, `malformed_json`, 1) },
				},
			},
			adminKey,
			outcome{
				"reject": smoke.Failed,
			},
			"event 50 is rejected as malformed_json at /type, want event 50 as missing_attribute at /type",
		},
		"OtherPointer": {
			deployment{
				keyed: true,
				flaws: flaws{receipt: func(r string) string { return strings.Replace(r, `/type`, `/id`, 1) }},
			},
			adminKey,
			outcome{"reject": smoke.Failed},
			"at /id, want event 50",
		},
		"BadAccepted": {deployment{keyed: true, flaws: flaws{receipt: func(r string) string {
			return strings.Replace(
				r,
				`[{"index":50,"id":"bad","code":"missing_attribute","pointer":"/type","detail":"no type"}]`,
				`[]`,
				1,
			)
		}}}, adminKey, without(outcome{"accept": smoke.Failed}, sent...), "does not add up"},

		"OneLost": {deployment{keyed: true, flaws: flaws{lose: func(_, line int) bool { return line == 1 }}}, adminKey,
			outcome{"live pages": smoke.Failed, "live traffic": smoke.Failed}, "n is 396 of 400"},
		"MarkerLost": {
			deployment{keyed: true, flaws: flaws{lose: func(post, line int) bool { return post == 7 && line == 3 }}},
			adminKey,
			outcome{
				"live errors":  smoke.Failed,
				"live traffic": smoke.Failed,
			},
			"not correct within 1m0s: events are missing: n is 399 of 400",
		},
		"CopiesCounted": {deployment{keyed: true, flaws: flaws{countCopies: true}}, adminKey,
			outcome{
				"live errors":  smoke.Failed,
				"live pages":   smoke.Failed,
				"live traffic": smoke.Failed,
			}, "n is 700 for 400 distinct events: copies are counted"},
		"NothingLive": {
			deployment{keyed: true, flaws: flaws{visibleAt: 99, warnings: []string{"the view is new: what arrived is missing"}}},
			adminKey,
			outcome{
				"live errors":  smoke.Failed,
				"live pages":   smoke.Failed,
				"live traffic": smoke.Failed,
			},
			"none is counted; the server warns: the view is new",
		},
		"WrongSum": {
			deployment{
				keyed: true,
				flaws: flaws{answer: func(a string) string { return strings.Replace(a, `"bytes":5600`, `"bytes":5601`, 1) }},
			},
			adminKey,
			outcome{"live traffic": smoke.Failed},
			"bytes is 5601, want 5600, with all events counted",
		},
		"TwoWindows": {deployment{keyed: true, flaws: flaws{answer: func(a string) string {
			return strings.Replace(a, `"data":[{`, `"data":[{"values":{"n":1,"bytes":1}},{`, 1)
		}}}, adminKey, outcome{"live errors": smoke.Failed, "live pages": smoke.Failed, "live traffic": smoke.Failed},
			"2 windows, want 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := fake{deployment: test.deployment}
			checks := newSmoke(t, f.serve(t), test.key).Do(t.Context())
			if diff := cmp.Diff(fine(test.but), results(checks)); diff != "" {
				t.Errorf("%s\n%+v", diff, checks)
			}
			details := ""
			for _, c := range checks {
				details += c.Detail + "\n"
			}
			if !strings.Contains(details, test.says) {
				t.Errorf("no detail says %q:\n%s", test.says, details)
			}
			if strings.Contains(details, adminKey) || strings.Contains(details, readKey) {
				t.Errorf("a key is shown:\n%s", details)
			}
		})
	}
}

// TestMaxLag checks that the user may set the maximum lag of batch.
func TestMaxLag(t *testing.T) {
	f := fake{deployment: deployment{flaws: flaws{lag: 400}}}
	s := newSmoke(t, f.serve(t), "")
	s.MaxLag = 399 * time.Second
	checks := s.Do(t.Context())
	if results(checks)["horizon"] != smoke.Failed {
		t.Errorf("400 s behind, with at most 399 s: %+v", checks)
	}
}

// TestBounded checks that a run makes a bounded number of requests, even if no event ever shows up, and ends in time.
func TestBounded(t *testing.T) {
	f := fake{deployment: deployment{flaws: flaws{visibleAt: 99}}}
	s := newSmoke(t, f.serve(t), "")
	began := s.Now()
	s.Do(t.Context())
	if took := s.Now().Sub(began); took > s.For {
		t.Errorf("took %s, of at most %s", took, s.For)
	}
	if len(f.asked) > 150 {
		t.Errorf("%d requests", len(f.asked))
	}

	many := fake{
		deployment: deployment{
			flaws: flaws{
				views: `{"views":[` + strings.Repeat(others[len(`{"views":[`):len(others)-2]+",", 49) + others[len(`{"views":[`):],
			},
		},
	}
	newSmoke(t, many.serve(t), "").Do(t.Context())
	if len(many.asked) > 50 {
		t.Errorf("%d requests for 50 views", len(many.asked))
	}
}

// TestHourTaken checks that a run does not use an hour in which a view without a key already has data.
func TestHourTaken(t *testing.T) {
	f := fake{deployment: deployment{keyed: true}}
	address := f.serve(t)
	first := newSmoke(t, address, adminKey).Do(t.Context())
	again := newSmoke(t, address, adminKey) // with another id in the same hour
	again.Run[7]++
	checks := again.Do(t.Context())
	if diff := cmp.Diff(results(first), results(checks)); diff != "" {
		t.Errorf("%s\n%+v", diff, checks)
	}
	hours := map[time.Time]int{}
	for _, e := range f.stored {
		hours[e.Time.Truncate(time.Hour)]++
	}
	for hour, n := range hours {
		if n != 400 || hour.Year() < 1970 || hour.Year() > 1999 {
			t.Errorf("%d events in the hour %s", n, hour)
		}
	}
	if len(hours) != 2 {
		t.Errorf("%d hours used, want 2", len(hours))
	}
}

// TestContextEnds checks that a check that runs out of time or is interrupted fails.
func TestContextEnds(t *testing.T) {
	f := fake{}
	address := f.serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := newSmoke(t, address, "")
	s.Progress = func(check string) {
		if check == "accept" {
			cancel()
		}
	}
	checks := s.Do(ctx)
	if last := checks[len(checks)-1]; last.Name != "accept" || last.Result != smoke.Failed ||
		last.Detail != "interrupted" {
		t.Errorf("%+v", last)
	}
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if checks := newSmoke(t, address, "").Do(late); checks[0].Result != smoke.Failed ||
		!strings.Contains(checks[0].Detail, "no answer within the run's 1m0s") {
		t.Errorf("%+v", checks)
	}
}
