package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
)

var update = flag.Bool("update", false, "write the golden files anew")

// views holds the views of the tests. A page of by_second has 112 windows.
const views = `
views:
  - name: by_flag
    key:
      flag: data.flag
      level: data.level
    window: 1h
    aggregates:
      n: count()
  - name: by_second
    key:
      user: data.user
    window: 1s
    aggregates: {n: count(), amount: sum(data.amount), mean: mean(data.amount), largest: max(data.amount)}
  - name: everything
    key: {}
    window: 24h
    aggregates:
      n: count()
      amount: sum(data.amount)
  - name: purchases
    description: Purchases per user and hour
    where: type == "purchase" && data.amount != 0
    key:
      user: data.user
    window: 1h
    aggregates:
      n: count()
      amount: sum(data.amount)
      mean: mean(data.amount)
      smallest: min(data.amount)
      largest: max(data.amount)
`

// prepared compiles the views once, because all worlds share them.
var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(views) })

// fixture is the handler over a world whose stores are in memory, and whose clock begins at 2026-01-01T00:00:00Z.
type fixture struct {
	*simulation.World
	*handler.Handler
	sent int
}

// newFixture returns a fixture whose views serve. Its clock is at 00:01:00, and its horizon at 00:00:50.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	s := newFixtureWithoutRun(t)
	s.Wait(time.Minute)
	s.tick(t)
	return s
}

// newFixtureOf returns a fixture like newFixture, with the views of a file.
func newFixtureOf(t testing.TB, file string) *fixture {
	t.Helper()
	kit, err := simulation.Prepare(file)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, kit)
	s.Wait(time.Minute)
	s.tick(t)
	return s
}

// newFixtureWithoutRun returns a fixture before the first run.
func newFixtureWithoutRun(t testing.TB) *fixture {
	t.Helper()
	kit, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, kit)
}

func open(t testing.TB, kit *simulation.Kit) *fixture {
	t.Helper()
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{World: w, Handler: &handler.Handler{Serving: w.Serving, Log: slog.New(slog.DiscardHandler)}}
}

func (s *fixture) tick(t testing.TB) {
	t.Helper()
	if _, err := s.Tick(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// buy sends a purchase with the given data, and delivers it to speed.
func (s *fixture) buy(t testing.TB, at, data string) {
	t.Helper()
	s.send(t, at, data)
	if err := s.DeliverAll(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (s *fixture) send(t testing.TB, at, data string) {
	t.Helper()
	s.sent++
	answer, err := s.Send(context.Background(),
		fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"shop","type":"purchase","time":%q,"data":%s}`, s.sent, at, data,
		))
	if err != nil || answer.Accepted != 1 {
		t.Fatal(answer, err)
	}
}

func captured(t testing.TB, name string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var r events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(name, err)
	}
	return r
}

// call calls the handler with a captured request after change has changed it.
func (s *fixture) call(
	t testing.TB, name string, change func(*events.APIGatewayV2HTTPRequest),
) events.APIGatewayV2HTTPResponse {
	t.Helper()
	r := captured(t, name)
	change(&r)
	response, err := s.Handle(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	contract.Check(t, r, response)
	return response
}

func asCaptured(*events.APIGatewayV2HTTPRequest) {}

// query queries a view with a raw query string.
func (s *fixture) query(t testing.TB, view, raw string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	return s.call(t, "query.json", func(r *events.APIGatewayV2HTTPRequest) {
		r.RawPath, r.RawQueryString, r.PathParameters = "/v1/views/"+view+"/query", raw, map[string]string{"view": view}
	})
}

// responseText returns the status, headers and body of a response as one text.
func responseText(r events.APIGatewayV2HTTPResponse) string {
	text := fmt.Sprintln(r.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		text += name + ": " + r.Headers[name] + "\n"
	}
	if len(r.Cookies) > 0 || len(r.MultiValueHeaders) > 0 || r.IsBase64Encoded {
		text += fmt.Sprintf("and more: %+v\n", r)
	}
	return text + "\n" + r.Body
}

// errorPages is the address of the pages about the codes of problems.
const errorPages = "https://github.com/anabranch/anabranch/blob/main/docs/errors/"

func problem(status int, body string) string {
	retry := ""
	if status == 503 {
		retry = "retry-after: 1\n"
	}
	return fmt.Sprintf(
		"%d\ncache-control: no-store\ncontent-type: application/problem+json\n%svary: accept-encoding\n"+
			"x-content-type-options: nosniff\n\n%s",
		status, retry, body,
	)
}

func golden(t *testing.T, name string, r events.APIGatewayV2HTTPResponse) {
	t.Helper()
	checkGolden(t, name, responseText(r))
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got): %s", path, diff)
	}
}

// answer is the part of a response body that the tests check.
type answer struct {
	Data []struct {
		Start  string                     `json:"start"`
		Values map[string]json.RawMessage `json:"values"`
		Exact  bool                       `json:"exact"`
	} `json:"data"`
	Total *struct {
		Values map[string]json.RawMessage `json:"values"`
	} `json:"total"`
}

func decoded(t testing.TB, r events.APIGatewayV2HTTPResponse) answer {
	t.Helper()
	var a answer
	if r.StatusCode != 200 {
		t.Fatal(responseText(r))
	}
	if err := json.Unmarshal([]byte(r.Body), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestViews checks the list of views before the first run, and after it.
func TestViews(t *testing.T) {
	s := newFixtureWithoutRun(t)
	golden(t, "views-building.http", s.call(t, "views.json", asCaptured))
	golden(t, "view-building.http", s.call(t, "view.json", asCaptured))
	s.Wait(time.Minute)
	s.tick(t)
	golden(t, "views.http", s.call(t, "views.json", asCaptured))
	golden(t, "view.http", s.call(t, "view.json", asCaptured))
}

// TestQuery checks one query when events arrive, when batch takes them over, and when a late event arrives.
func TestQuery(t *testing.T) {
	s := newFixture(t)
	golden(t, "query-nothing.http", s.call(t, "query.json", asCaptured))
	for _, amount := range []string{"9007199254740993", "0.000000000000000001", "-1.50", `"a lot"`} {
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann ü","amount":`+amount+`}`)
	}
	s.buy(t, "2026-01-01T01:59:59.999Z", `{"user":"ann ü","amount":1e3}`)
	s.buy(t, "2026-01-01T02:00:00Z", `{"user":"ann ü","amount":1}`)     // beyond the range asked for
	s.buy(t, "2025-12-31T23:59:59.999Z", `{"user":"ann ü","amount":1}`) // before it
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":1}`)       // another key
	golden(t, "query-speed.http", s.call(t, "query.json", asCaptured))
	s.Wait(3 * time.Hour)
	s.tick(t)
	golden(t, "query-batch.http", s.call(t, "query.json", asCaptured))
	s.buy(t, "2026-01-01T00:20:00Z", `{"user":"ann ü","amount":0.25}`)
	golden(t, "query-both.http", s.call(t, "query.json", asCaptured))
}

// TestCSV checks the answer of TestQuery as CSV, which the client requests by header or by parameter. Errors are still
// JSON.
func TestCSV(t *testing.T) {
	s := newFixture(t)
	for _, amount := range []string{"9007199254740993", "0.000000000000000001", "-1.50", `"a lot"`} {
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann ü","amount":`+amount+`}`)
	}
	s.buy(t, "2026-01-01T01:59:59.999Z", `{"user":"ann ü","amount":1e3}`)
	s.Wait(3 * time.Hour)
	s.tick(t)
	s.buy(t, "2026-01-01T00:20:00Z", `{"user":"ann ü","amount":0.25}`)
	const asked = "user=ann+%C3%BC&from=2026-01-01T00:00:00Z&to=2026-01-01T03:00:00%2B01:00&parts=true"
	byHeader := func(query string) events.APIGatewayV2HTTPResponse {
		return s.call(
			t, "query.json",
			func(r *events.APIGatewayV2HTTPRequest) { r.RawQueryString, r.Headers["accept"] = query, "text/csv" },
		)
	}
	golden(t, "query-csv.http", byHeader(asked))
	golden(t, "query-csv.http", s.query(t, "purchases", asked+"&format=csv"))
	if r := byHeader(asked + "&format=json"); r.Headers["content-type"] != "application/json" {
		t.Errorf("format=json is answered with %v", r.Headers)
	}
	if r := byHeader("user=ann&path=/"); r.StatusCode != 400 || r.Headers["content-type"] != "application/problem+json" {
		t.Errorf("an unknown parameter is answered with %d, %v", r.StatusCode, r.Headers)
	}
}

// TestShadow checks that an answered query is also run against the candidate, and that this does not change the answer.
// A failed query is not run against the candidate.
func TestShadow(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann ü","amount":1}`)
	v, err := s.Catalog.View(context.Background(), "purchases")
	if err != nil {
		t.Fatal(err)
	}
	candidate := v.Generations[0]
	candidate.ID, candidate.State = "01KDVDNA00CAND1DATECAND1DA", lifecycle.Retained
	v.Generations = append(v.Generations, candidate)
	if err := s.Catalog.PutView(context.Background(), v); err != nil {
		t.Fatal(err)
	}
	want := responseText(s.call(t, "query.json", asCaptured))
	var reports []compare.ShadowReport
	s.Handler.Shadow = &compare.Shadow{
		Comparer: compare.Comparer{Stores: s.World.Serving.Stores}, When: func() bool { return true },
		Report: func(r compare.ShadowReport) { reports = append(reports, r) },
	}
	if diff := cmp.Diff(want, responseText(s.call(t, "query.json", asCaptured))); diff != "" {
		t.Error("answer (-without +with): ", diff)
	}
	s.query(t, "purchases", "user=ann&total=perhaps")
	s.query(t, "purchases", "path=/")
	wantReports := []compare.ShadowReport{{View: "purchases", Serving: v.Serving, Candidate: candidate.ID, Rows: 1}}
	if diff := cmp.Diff(wantReports, reports); diff != "" {
		t.Error("reports (-want +got): ", diff)
	}
}

// TestErrors checks the response to each wrong request: status, code, the wrong parameter, and what would be right.
func TestErrors(t *testing.T) {
	badParameter := func(parameter, detail string) string {
		text, err := json.Marshal(detail)
		if err != nil {
			t.Fatal(err)
		}
		named := ""
		if parameter != "" {
			named = `,"parameter":"` + parameter + `"`
		}
		return problem(400, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/bad_parameter.md","status":400,"code":"bad_parameter","title":"Bad Request","detail":`+string(text)+named+`}`)
	}
	notFound := func(code, detail string) string {
		return problem(404, `{"type":"`+errorPages+code+`.md","status":404,"code":"`+code+`","title":"Not Found","detail":"`+detail+`"}`)
	}
	noTime := func(name, text string) string {
		return badParameter(name, name+"="+text+
			` is not an RFC 3339 time in the years 0000 to 9999; an example is "2015-05-17T10:05:03Z"`)
	}
	noMoment := func(name, text string) string {
		return badParameter(name, name+"="+text+" is not a time; "+calendar.MomentExamples)
	}
	nearTime := func(name, text, meant string) string {
		return badParameter(name, name+"="+text+
			` is not an RFC 3339 time in the years 0000 to 9999; did you mean "`+meant+`"? Z is UTC`)
	}
	noRange := badParameter("from", "from must be before to: an answer has the windows that start in [from, to)")
	for _, c := range []struct{ name, view, query, want string }{
		{"an unknown view", "nobody", "user=ann", notFound("unknown_view", unknown("nobody"))},
		{"no view", "", "user=ann", notFound("unknown_view", unknown(""))},
		{"a path for a view", "../purchases", "user=ann", notFound("unknown_view", unknown("../purchases"))},
		{
			"an unknown parameter",
			"purchases",
			"user=ann&path=/",
			badParameter("path", `unknown parameter "path"; view purchases takes user, from, to, step, tz, fill, total, parts, values, format, `+
				"group_by, order, limit, cursor"),
		},
		{
			"a key field of a view without key fields",
			"everything",
			"user=ann",
			badParameter("user", `unknown parameter "user"; view everything takes from, to, step, tz, fill, total, parts, values, format, `+
				"group_by, order, limit, cursor"),
		},
		{
			"a parameter of later versions", "purchases", "user=ann&having=1",
			badParameter("having", `unknown parameter "having"; view purchases takes user, from, to, step, tz, fill, total, `+
				"parts, values, format, group_by, order, limit, cursor"),
		},
		{"a key field in Latin-1", "purchases", "user=Zo%EB",
			badParameter("user", `user="Zo\xeb" is not UTF-8; in a URL, write é as %C3%A9`)},
		{
			"two parameters twice",
			"purchases",
			"user=a&user=b&from=x&from=y",
			badParameter("from", "from appears 2 times; write it once"),
		},
		{"no time", "purchases", "user=ann&from=yesterday", noMoment("from", `"yesterday"`)},
		{"no day", "purchases", "user=ann&to=2026-02-30",
			badParameter("to", `to="2026-02-30" has day 30; 2026-02 has the days 01 to 28`)},
		{"a time without a zone", "purchases", "user=ann&to=2026-01-01T00:00:00",
			nearTime("to", `"2026-01-01T00:00:00"`, "2026-01-01T00:00:00Z")},
		{
			"a plus sign that means a space",
			"purchases",
			"user=ann&to=2026-01-01T00:00:00+01:00",
			badParameter("to", `to="2026-01-01T00:00:00 01:00" has a space in place of the + of its offset; write + as %2B in a URL`),
		},
		{
			"no leap second",
			"purchases",
			"user=ann&from=2016-12-30T23:59:60Z",
			badParameter("from", `from="2016-12-30T23:59:60Z" has second 60, and a leap second is only at the end of a month of UTC`),
		},
		{"years beyond 9999", "purchases", "user=ann&to=10000-01-01T00:00:00Z", noTime("to", `"10000-01-01T00:00:00Z"`)},
		{
			"an offset that leads beyond 9999", "purchases", "user=ann&to=9999-12-31T23:59:59-01:00",
			noTime("to", `"9999-12-31T23:59:59-01:00"`),
		},
		{"an empty time", "purchases", "user=ann&from=", noMoment("from", `""`)},
		{"from after to", "purchases", "user=ann&from=2026-01-01T00:00:01Z&to=2026-01-01T00:00:00Z", noRange},
		{"from at to", "purchases", "user=ann&from=2026-01-01T01:00:00%2B01:00&to=2026-01-01T00:00:00Z", noRange},
		{
			"neither true nor false",
			"purchases",
			"user=ann&total=yes",
			badParameter("total", `total="yes"; write true or false`),
		},
		{"a number for true", "purchases", "user=ann&parts=1", badParameter("parts", `parts="1"; write true or false`)},
		{
			"a percent sign without two hex digits",
			"purchases",
			"user=%zz",
			badParameter("", `the query string has the invalid escape "%zz"; write a % that is part of a value as %25`),
		},
		{
			"a semicolon",
			"purchases",
			"user=ann;total=true",
			badParameter("", "the query string has a semicolon; separate parameters with &, and write a ; that is part "+
				"of a value as %3B"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":1}`)
			if diff := cmp.Diff(c.want, responseText(s.query(t, c.view, c.query))); diff != "" {
				t.Error("response (-want +got):", diff)
			}
		})
	}
	t.Run("an unknown view, described", func(t *testing.T) {
		response := newFixture(t).call(
			t, "view.json", func(r *events.APIGatewayV2HTTPRequest) { r.PathParameters["view"] = "nobody" },
		)
		if diff := cmp.Diff(notFound("unknown_view", unknown("nobody")), responseText(response)); diff != "" {
			t.Error("response (-want +got):", diff)
		}
	})
	t.Run("another route", func(t *testing.T) {
		response := newFixture(t).call(t, "view.json", func(r *events.APIGatewayV2HTTPRequest) { r.RouteKey = "$default" })
		want := notFound(
			"no_such_route", "no such route; the routes are GET /v1/views, GET /v1/views/{view}, "+
				"GET /v1/views/{view}/query, GET /v1/views/{view}/keys, GET /health, GET /openapi.json, "+
				"GET /, GET /page/{file}",
		)
		if diff := cmp.Diff(want, responseText(response)); diff != "" {
			t.Error("response (-want +got):", diff)
		}
	})
	t.Run("not serving yet", func(t *testing.T) {
		want := problem(
			503,
			`{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/not_serving.md","status":503,"code":"not_serving","title":"Service Unavailable","detail":"view is not ready yet: purchases: batch is building it"}`,
		)
		if diff := cmp.Diff(want, responseText(newFixtureWithoutRun(t).query(t, "purchases", "user=ann"))); diff != "" {
			t.Error("response (-want +got):", diff)
		}
	})
	t.Run("too many windows", func(t *testing.T) {
		s := newFixture(t)
		s.World.Serving.MaxRows = 2
		for _, at := range []string{"2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:03Z"} {
			s.buy(t, at, `{"user":"ann","amount":1}`)
		}
		want := problem(422, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/too_many_windows.md","status":422,"code":"too_many_windows","title":"Unprocessable Entity",`+
			`"detail":"too many windows: the selection has 3, the maximum is 2; narrow from and to, or ask for longer steps with step"}`)
		if diff := cmp.Diff(want, responseText(s.query(t, "by_second", "user=ann"))); diff != "" {
			t.Error("response (-want +got):", diff)
		}
		if a := decoded(t, s.query(t, "by_second", "user=ann&to=2026-01-01T00:00:03Z")); len(a.Data) != 2 {
			t.Errorf("narrowed: %+v", a)
		}
	})
	t.Run("a store fails", func(t *testing.T) {
		want := problem(
			500, `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/internal.md","status":500,"code":"internal","title":"Internal Server Error","detail":"the query could not be answered"}`,
		)
		for _, name := range []string{"catalog.View", "base.Pages", "speed.Slots"} {
			s := newFixture(t)
			hook := func(call memory.Call) memory.Fault {
				if call.Name == name {
					return memory.Fault{Err: errors.New("secret table is gone")}
				}
				return memory.Fault{}
			}
			s.Catalog.Hook, s.Base.Hook, s.Items.Hook = hook, hook, hook
			if diff := cmp.Diff(want, responseText(s.query(t, "purchases", "user=ann"))); diff != "" {
				t.Error("response (-want +got):", diff)
			}
		}
	})
}

// TestKeys checks how a query names the values of a key: a string by itself; true or false by its JSON
// text, a number in the one form that its value has.
func TestKeys(t *testing.T) {
	long := strings.Repeat("k", 897) // the longest beside a level of one letter
	for _, c := range []struct {
		flag, level           string // in the event
		askedFlag, askedLevel string
		n                     int
	}{
		{`true`, `1.0`, "true", "1", 1},
		{`"true"`, `"1.0"`, "true", "1.0", 1},
		{`true`, `1.0`, "true", "1.0", 0},
		{`true`, `1e3`, "true", "1000", 1},
		{`false`, `1e3`, "false", "1e3", 0},
		{`true`, `12345678901234567890`, "true", "12345678901234567890", 1},
		{`"a=b&c"`, `"100 %+"`, "a=b&c", "100 %+", 1},
		{`"\u00fc𝄞"`, `"/"`, "ü𝄞", "/", 1},
		{`""`, `"x"`, "", "x", 1},
		{`"a"`, `"b"`, "b", "a", 0},
		{`"ab"`, `"c"`, "a", "bc", 0},
		{quote(long), `1`, long, "1", 1},
		{quote(long), `1`, long[1:], "1", 0},
		{quote(long), `1`, long, "2", 0},
		{`"\u0000\u0001"`, `1`, "\x00\x01", "1", 1},
		{`"\u0000\u0001"`, `1`, "\x00", "1", 0},
	} {
		t.Run(fmt.Sprintf(
			"%.20s and %.20s as %.20s and %.20s", c.flag, c.level, c.askedFlag, c.askedLevel,
		), func(t *testing.T) {
			s := newFixture(t)
			s.buy(t, "2026-01-01T00:10:00Z", `{"flag":`+c.flag+`,"level":`+c.level+`}`)
			asked := url.Values{"flag": {c.askedFlag}, "level": {c.askedLevel}}.Encode()
			for _, layer := range []string{"speed", "batch"} {
				if a := decoded(t, s.query(t, "by_flag", asked)); len(a.Data) != c.n {
					t.Errorf("by %s: %d rows, want %d", layer, len(a.Data), c.n)
				}
				s.Wait(time.Minute)
				s.tick(t)
			}
		})
	}
	t.Run("no key field", func(t *testing.T) {
		s := newFixture(t)
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":1}`)
		s.buy(t, "2026-01-01T23:59:59Z", `{}`)
		for range 2 {
			if a := decoded(t, s.query(t, "everything", "")); len(a.Data) != 1 || string(a.Data[0].Values["n"]) != "2" {
				t.Errorf("answer is %+v", a)
			}
			s.Wait(time.Minute)
			s.tick(t)
		}
	})
}

func quote(text string) string { return `"` + text + `"` }

// TestOutsideDecimals checks that aggregates skip what is no number that a decimal can hold, and count it as skipped.
func TestOutsideDecimals(t *testing.T) {
	s := newFixture(t)
	for _, amount := range []string{"1e30", `"7"`, "1e300", "5"} {
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":`+amount+`}`)
	}
	for range 2 {
		body := s.query(t, "purchases", "user=ann&total=true").Body
		for _, want := range []string{
			`"values":{"n":4,"amount":5,"mean":5,"smallest":5,"largest":5}`,
			`"skipped":{"amount":3,"mean":3,"smallest":3,"largest":3}`,
		} {
			if strings.Count(body, want) != 2 {
				t.Errorf("the answer is %s, which has %s not both in its row and its total", body, want)
			}
		}
		s.Wait(time.Minute)
		s.tick(t)
	}
}

// TestTimesInOtherForms checks that a query takes every form of a time that ingest takes.
func TestTimesInOtherForms(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2025-12-31t23:59:60.25z", `{"user":"ann","amount":1}`)
	for _, from := range []string{
		"2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2025-12-31T23:59:60Z", "2026-01-01T02:00:00%2B02:00",
		"2025-12-31t22:00:00.000000000000-02:00", "2025-12-31T23:59:59.999999999Z", "2025-12-31T15:59:60-08:00",
	} {
		if a := decoded(t, s.query(t, "purchases", "user=ann&from="+from)); len(a.Data) != 1 ||
			a.Data[0].Start != "2026-01-01T00:00:00Z" {
			t.Errorf("from %s: %+v, want the window of the leap second", from, a.Data)
		}
	}
	for _, from := range []string{"2026-01-01T00:00:00.000000001Z", "2026-01-01t00:00:00.0001z"} {
		if a := decoded(t, s.query(t, "purchases", "user=ann&from="+from)); len(a.Data) != 0 {
			t.Errorf("from %s: %+v, want no window that begins before", from, a.Data)
		}
	}
}

// TestFineDecimals checks that a number with more decimals than are kept is rounded, and that a product is.
func TestFineDecimals(t *testing.T) {
	s := newFixture(t)
	for _, amount := range []string{
		"0.0016150000000000001", "0.002", "2.0999999999999998e-06", "5e-28", "15e-28", "1e-300",
	} {
		s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":`+amount+`}`)
	}
	for range 2 {
		body := s.query(t, "purchases", "user=ann&total=true").Body
		const want = `"values":{"n":6,"amount":0.003617100000000000099800002,"mean":0.00060285,` +
			`"smallest":0,"largest":0.002}`
		if strings.Count(body, want) != 2 || strings.Count(body, "skipped") != 1 || !strings.Contains(body, `"skipped":[]`) {
			t.Errorf("the answer is %s, which has not %s both in its row and its total, and nothing skipped", body, want)
		}
		s.Wait(time.Minute)
		s.tick(t)
	}
}

// TestRange checks that a query returns the windows that start in [from, to). The key spans several pages in both
// layers.
func TestRange(t *testing.T) {
	s := newFixture(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seconds := []int{0, 1, 100, 101, 102, 300, 301, 1000}
	for _, n := range seconds {
		s.send(t, start.Add(time.Duration(n)*time.Second).Format(time.RFC3339), fmt.Sprintf(`{"user":"ann","amount":%d}`, n))
	}
	if err := s.DeliverAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	at := func(seconds float64) string { return start.Add(time.Duration(seconds * 1e9)).Format(time.RFC3339Nano) }
	for _, layer := range []string{"speed", "batch"} {
		for _, c := range []struct{ from, to float64 }{
			{-1, 2000}, {0, 2000}, {1, 2000}, {0.5, 2000}, {0, 1}, {0, 1.5}, {99, 102}, {100, 101}, {100.001, 101},
			{100, 102.001}, {101, 301},
			{299, 300}, {300, 301}, {301, 1000}, {301, 1001}, {1001, 2000}, {-5000, -1},
		} {
			var want []string
			total := "null"
			sum := 0
			for _, n := range seconds {
				if float64(n) >= c.from && float64(n) < c.to {
					want = append(want, at(float64(n)))
					sum += n
					total = fmt.Sprint(sum)
				}
			}
			a := decoded(t, s.query(t, "by_second", "total=true&user=ann&from="+at(c.from)+"&to="+at(c.to)))
			var got []string
			for _, row := range a.Data {
				got = append(got, row.Start)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, [%v, %v): windows (-want +got): %s", layer, c.from, c.to, diff)
			}
			if string(a.Total.Values["amount"]) != total {
				t.Errorf("%s, [%v, %v): total is %s, want %s", layer, c.from, c.to, a.Total.Values["amount"], total)
			}
		}
		s.Wait(time.Hour)
		s.tick(t)
	}
}

// unknown is the detail of a problem about a view that there is not, as JSON.
func unknown(name string) string {
	return `unknown view: \"` + name + `\"; \"anabranch views\" and GET /v1/views list all; if it was deployed just now, it is not ready yet`
}
