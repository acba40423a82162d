package main

import (
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t testing.TB, name, got string) {
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
		t.Errorf("%s: %s", path, diff)
	}
}

// asked starts a server that gives one answer to every request and records the last request.
func asked(t testing.TB, answer http.HandlerFunc) (address string, last func() string) {
	var question atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question.Store(r.Method + " " + r.RequestURI)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() string { text, _ := question.Load().(string); return text }
}

func ok(body string) http.HandlerFunc { return fixed(200, "application/json", body) }

// The numbers exceed float64, and the aggregates are not in alphabetical order: both must come through unchanged.
const (
	windows = `{"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"views":9007199254740993,` +
		`"bytes":340282366920938463463374607431768211455.000000000000000001,"a_mean":0.30000000000000004},"exact":true}` +
		`,{"start":"2015-05-17T11:00:00Z","end":"2015-05-17T12:00:00Z","values":{"views":1,"bytes":0,"a_mean":null},` +
		`"exact":false}`
	head = `{"view":"page_views","key":{"path":"/a b\u001b[2J","method":"GET"},"window":"PT1H",` +
		`"from":"2015-05-17T00:00:00Z","to":"2015-05-18T00:00:00Z",` +
		`"definition":"4f1c0e9d2b7a66aa01","generation":"g-7","horizon":"2026-03-01T12:00:00Z",` +
		`"lag":{"batch_seconds":12.30,"speed_seconds":0.5},"data":[`
	plainAnswer = head + windows + `],"warnings":[]}` + "\n"
	fullAnswer  = head + `{"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"views":3,` +
		`"bytes":10.50,"a_mean":5.25},"exact":false,` +
		`"skipped":{"bytes":1,"a_mean":1},"parts":{"batch":{"views":2,"bytes":10.50,"a_mean":5.25},"speed":{"views":1,` +
		`"bytes":0,"a_mean":null}}},` +
		`{"start":"2015-05-17T11:00:00Z","end":"2015-05-17T12:00:00Z","values":{"views":1,"bytes":1,"a_mean":1},` +
		`"exact":true,"horizon":"2026-03-01T12:05:00Z","parts":{"batch":{"views":1,"bytes":1,"a_mean":1},"speed":null}}],` +
		`"total":{"values":{"views":4,"bytes":11.50,"a_mean":3.833333333333333},"exact":false},` +
		`"warnings":["the stream is late","batch is 3 runs behind"]}`
	emptyAnswer = `{"view":"traffic","key":{},"window":"PT1H","definition":"4f1c","generation":null,"horizon":null,` +
		`"lag":{},"data":[],"skipped":[` + whereSkips + `],"warnings":[]}`
	stepAnswer = `{"view":"traffic","key":{},"window":"PT1H","step":"P1D","tz":"Europe/Berlin","tzdata":"2025c",` +
		`"definition":"4f1c","generation":null,"horizon":null,"lag":{},"data":[{"start":"2026-03-29T00:00:00+01:00",` +
		`"end":"2026-03-30T00:00:00+02:00","values":{"views":23},"exact":true}],"skipped":[],"warnings":[]}`
	estimatesAnswer = `{"view":"latencies","key":{},"window":"PT1H","definition":"4f1c","generation":null,"horizon":null,` +
		`"lag":{},"data":[{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T01:00:00Z","values":{"views":3,` +
		`"latency":{"p50":20.1,"p99.9":1234.50},"users":385,"pages":[{"value":"/a","count":12},{"value":null,"count":7}]},` +
		`"exact":true,` +
		`"errors":{"latency":{"relative":0.01},"users":{"relative":0.042},"pages":{"absolute":9}},` +
		`"parts":{"batch":{"views":3,"latency":{"p50":20.1,"p99.9":1234.50},"users":300,"pages":[]},"speed":null}},` +
		`{"start":"2026-01-01T01:00:00Z","end":"2026-01-01T02:00:00Z","values":{"views":0,` +
		`"latency":{"p50":null,"p99.9":null},"users":0,"pages":[]},"exact":true},` +
		`{"start":"2026-01-01T02:00:00Z","end":"2026-01-01T03:00:00Z","values":{"views":1,` +
		`"latency":{"p50":1,"p99.9":1},"users":1,"pages":[{"value":"/b","count":9}]},"exact":false,` +
		`"errors":{"latency":{"relative":0.01},"pages":{"absolute":12}}}],"skipped":[],"warnings":[]}`
	skippedAnswer = `{"view":"traffic","key":{},"window":"PT1H","definition":"4f1c","generation":null,"horizon":null,` +
		`"lag":{},"data":[{"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"n":3},"exact":false}],` +
		`"skipped":[` + whereSkips + `],"warnings":[]}`
	whereSkips = `{"place":"where","reason":"missing","events":1200,"batch":1000,"speed":200,"exact":false,` +
		`"since":"2015-05-17T10:00:00Z","sample":{"source":"/shop\u001b[2J","id":"e-1"}}`
)

func TestQueryTable(t *testing.T) {
	tests := map[string]struct{ answer, golden string }{
		"Windows":       {plainAnswer, "query.golden"},
		"PartsAndTotal": {fullAnswer, "query_parts_total.golden"},
		"Skipped":       {skippedAnswer, "query_skipped.golden"},
		"Steps":         {stepAnswer, "query_steps.golden"},
		"Estimates":     {estimatesAnswer, "query_estimates.golden"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := asked(t, ok(test.answer))
			s := newSession()
			s.do(t, exitOK, "query", "page_views", "path=/", "--url", address)
			golden(t, test.golden, s.out.String())
			if s.err.Len() > 0 {
				t.Errorf("stderr: %s", &s.err)
			}
		})
	}
}

func TestQueryJSON(t *testing.T) {
	for _, body := range []string{plainAnswer, fullAnswer, "{}", " { \"a\" : 1.0 } \r\n"} {
		address, _ := asked(t, ok(body))
		s := newSession()
		s.do(t, exitOK, "query", "page_views", "-o", "json", "--url", address)
		if diff := cmp.Diff(body, s.out.String()); diff != "" {
			t.Errorf("not the server's bytes: %s", diff)
		}
	}
}

func TestQueryCSV(t *testing.T) {
	const body = "key.path,start,values.views,exact\r\n\"/a,b\",2015-05-17T10:00:00Z,9007199254740993,true\r\n"
	address, last := asked(t, fixed(200, "text/csv; charset=utf-8; header=present", body))
	s := newSession()
	s.do(t, exitOK, "query", "page_views", "path=/a,b", "--parts", "-o", "csv", "--url", address)
	if diff := cmp.Diff(body, s.out.String()); diff != "" {
		t.Errorf("not the server's bytes: %s", diff)
	}
	if want := "GET /v1/views/page_views/query?format=csv&key.path=%2Fa%2Cb&parts=true"; last() != want {
		t.Errorf("asked %s, want %s", last(), want)
	}
	s = newSession()
	s.do(t, exitUsage, "query", "page_views", "--total", "-o", "csv", "--url", address)
	says(t, &s.err, "--total is not available with -o csv: its rows are windows; leave it out, or use -o json")
}

// TestQueryCSVWarnings checks that the warnings of CSV, which are in a header, are printed on stderr, safe for a
// terminal.
func TestQueryCSVWarnings(t *testing.T) {
	const body = "key.path,start,values.views,exact\r\n"
	address, _ := asked(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		w.Header().Set("anabranch-warnings", `["3 events are in no row","\u001b[2J\u00fc"]`)
		io.WriteString(w, body)
	})
	s := newSession()
	s.do(t, exitOK, "query", "page_views", "path=/", "-o", "csv", "--url", address)
	if diff := cmp.Diff(body, s.out.String()); diff != "" {
		t.Errorf("not the server's bytes: %s", diff)
	}
	if diff := cmp.Diff("warning: 3 events are in no row\nwarning: \\x1b[2Jü\n", s.err.String()); diff != "" {
		t.Errorf("stderr (-want +got): %s", diff)
	}
}

func TestQueryParameters(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"Key": {
			[]string{"page_views", "path=/a=b&c, d", "method="},
			"GET /v1/views/page_views/query?key.method=&key.path=%2Fa%3Db%26c%2C+d",
		},
		"Values": {
			[]string{"v", "--values", "views,latency.p99.9"}, "GET /v1/views/v/query?values=views%2Clatency.p99.9",
		},
		"Negative":          {[]string{"v", "n=-1"}, "GET /v1/views/v/query?key.n=-1"},
		"Named like a flag": {[]string{"v", "from=a", "-o", "ndjson"}, "GET /v1/views/v/query?format=ndjson&key.from=a"},
		"All": {[]string{"v", "--from=2015-05-17T10:00:00Z", "--to", "2015-05-17T12:00:00.5+02:00", "--total", "--parts"},
			"GET /v1/views/v/query?from=2015-05-17T10%3A00%3A00Z&parts=true&to=2015-05-17T12%3A00%3A00.5%2B02%3A00&total=true"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, last := asked(t, ok(plainAnswer))
			newSession().do(t, exitOK, append([]string{"query", "--url", address}, test.args...)...)
			if last() != test.want {
				t.Errorf("asked %s, want %s", last(), test.want)
			}
		})
	}
}

// TestTimes checks that what users write for a time, a step and a zone reaches the server as they wrote it, and that
// what the server would refuse is refused by the name of the flag.
func TestTimes(t *testing.T) {
	address, last := asked(t, ok(plainAnswer))
	for _, text := range []string{"2026-03-01", "now", "-24h", "-1d12h", "2026-03-01T02:00:00.5+02:00"} {
		for _, args := range [][]string{{"--from", text}, {"--from=" + text}} {
			newSession().do(t, exitOK, append([]string{"query", "v", "--url", address}, args...)...)
			if got := "GET /v1/views/v/query?from=" + url.QueryEscape(text); last() != got {
				t.Errorf("%q: asked %s, want %s", args, last(), got)
			}
		}
	}
	newSession().do(t, exitOK, "query", "v", "n=-1", "--from", "-2d", "--to", "-1d", "--step", "1d",
		"--tz", "Europe/Berlin", "--fill", "--url", address)
	const all = "GET /v1/views/v/query?fill=true&from=-2d&key.n=-1&step=1d&to=-1d&tz=Europe%2FBerlin"
	if last() != all {
		t.Errorf("asked %s, want %s", last(), all)
	}
	for flag, says := range map[string]string{
		"--to=24h":                `--to: "24h" has no direction; write -24h for 24h ago`,
		"--to=2026-02-30":         `--to: "2026-02-30" has day 30; 2026-02 has the days 01 to 28`,
		"--from=2026-03-01 10:00": `did you mean "2026-03-01T10:00:00Z"?`,
		"--from=tomorrow":         `--from: "tomorrow" is not a time; write 2015-05-17T10:00:00Z`,
		"--step=2d":               `--step: "2d" is no step; write 1d, 1w`,
		"--step=7h":               `--step: "7h" does not divide a day; write 6h or 8h`,
		"--tz=Berlin":             `--tz: "Berlin" is no IANA time zone; did you mean Europe/Berlin?`,
	} {
		s := newSession()
		s.do(t, exitUsage, "query", "v", flag, "--url", address)
		if !strings.Contains(s.err.String(), says) {
			t.Errorf("%q: %s, want %s", flag, &s.err, says)
		}
	}
}

// TestAnswersOnATerminal checks that what a server sends reaches a terminal only with its control characters escaped,
// and a file as it is.
func TestAnswersOnATerminal(t *testing.T) {
	const raw = "{\"views\": [],\r\n\"a\": \"\u009b2J\u202e\x7f\"}\r\n"
	const shown = "{\"views\": [],\n\"a\": \"\\u009b2J\\u202e\\x7f\"}\n"
	for _, args := range [][]string{
		{"query", "v", "-o", "csv"}, {"query", "v", "-o", "json"}, {"views", "-o", "json"},
		{"views", "show", "v", "-o", "json"}, {"views", "status", "-o", "json"},
	} {
		for terminal, want := range map[bool]string{false: raw, true: shown} {
			address, _ := asked(t, ok(raw))
			s := newSession()
			s.world.shown = terminal
			s.do(t, exitOK, append(args, "--url", address)...)
			if s.out.String() != want {
				t.Errorf("%q, on a terminal %t: %q, want %q", args, terminal, &s.out, want)
			}
		}
	}
}

func TestQueryRefused(t *testing.T) {
	t.Run("UnknownKeyField", func(t *testing.T) {
		address, _ := asked(
			t,
			fixed(400, "application/problem+json", `{"type":"about:blank","title":"Unknown key field","status":400,`+
				`"detail":"page_views has no key field \"pth\"","code":"unknown_key","pointer":"/pth","fields":["path"]}`),
		)
		s := newSession()
		s.do(t, exitRejected, "query", "page_views", "pth=/", "--url", address)
		golden(t, "query_refused.golden", s.err.String())
		if s.out.Len() > 0 {
			t.Errorf("stdout: %s", &s.out)
		}
	})

	tests := map[string]struct {
		answer http.HandlerFunc
		code   int
		says   string
		waits  int
	}{
		"UnknownView": {
			fixed(404, "application/problem+json", `{"title":"Unknown view","detail":"no view is called x"}`),
			exitRejected,
			"no view is called x",
			0,
		},
		"NoProblem": {fixed(404, "text/html", "<h1>nginx</h1>"), exitRejected, "<h1>nginx</h1>", 0},
		"ServerFails": {
			fixed(500, "application/problem+json", `{"title":"Internal error"}`),
			exitUnreachable,
			"Internal error",
			2,
		},
		"Busy":        {status(503, "Retry-After", "1"), exitUnreachable, "503 Service Unavailable", 2},
		"BusyForLong": {status(503, "Retry-After", "3600"), exitUnreachable, "503 Service Unavailable", 0},
		"TooMany":     {status(429), exitUnreachable, "429 Too Many Requests", 2},
		"Reset":       {reset, exitUnreachable, "gave up after 3 attempts", 2},
		"AnotherServer": {
			fixed(200, "text/html", "<h1>hello</h1>"),
			exitUnreachable,
			"is this an Anabranch server?",
			0,
		},
		"Redirect": {status(302, "Location", "/login"), exitUnreachable, "the server redirects to /login", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := asked(t, test.answer)
			s := newSession()
			s.do(t, test.code, "query", "page_views", "--url", address)
			if says(t, &s.err, test.says); len(s.waits) != test.waits || s.out.Len() > 0 {
				t.Errorf("%d waits, want %d; stdout: %s", len(s.waits), test.waits, &s.out)
			}
		})
	}
}

const (
	pageViews = `{"name":"page_views","description":"Requests and bytes per page and hour",` +
		`"definition":"4f1c0e9d2b7a66aa01","generation":"g-7",` +
		`"where":"type == \"web.request\" && data.status < 400","key":[{"field":"path","expr":"data.path"}],` +
		`"window":"PT1H",` +
		`"aggregates":[{"name":"views","expr":"count()","exact":true},{"name":"visitors","expr":"distinct(data.client)",` +
		`"exact":false}],` +
		`"horizon":"2026-03-01T12:00:00Z","architecture":"lambda","state":"serving",` +
		`"skipped":[` + whereSkips + `],"skipped_from":"2026-02-22T12:00:00Z"}`
	traffic = `{"name":"traffic","description":"","definition":"aa","generation":null,"where":"","key":[],` +
		`"window":"PT1H",` +
		`"aggregates":[{"name":"requests","expr":"count()","exact":true}],"horizon":null,"architecture":"lambda"}`
	unread = `{"name":"unread","description":"","definition":"bb","generation":"g","key":[],"window":"","aggregates":[],` +
		`"horizon":null,"architecture":"lambda","error":"the view's definition could not be loaded"}`
)

func TestViews(t *testing.T) {
	tests := map[string]struct {
		args           []string
		answer, golden string
		asked          string
	}{
		"List":        {nil, `{"views":[` + pageViews + "," + traffic + "," + unread + `]}`, "views.golden", "GET /v1/views"},
		"Describe":    {[]string{"page_views"}, pageViews, "views_describe.golden", "GET /v1/views/page_views"},
		"DescribeAll": {[]string{"traffic"}, traffic, "views_describe_all.golden", "GET /v1/views/traffic"},
		"None":        {nil, `{"views":[]}`, "views_none.golden", "GET /v1/views"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, last := asked(t, ok(test.answer))
			s := newSession()
			s.do(t, exitOK, append([]string{"views", "--url", address}, test.args...)...)
			golden(t, test.golden, s.out.String())
			if last() != test.asked {
				t.Errorf("asked %s, want %s", last(), test.asked)
			}

			raw := newSession()
			raw.do(t, exitOK, append([]string{"views", "-ojson", "--url", address}, test.args...)...)
			if diff := cmp.Diff(test.answer, raw.out.String()); diff != "" {
				t.Errorf("not the server's bytes: %s", diff)
			}
		})
	}

	t.Run("Unknown", func(t *testing.T) {
		address, _ := asked(
			t,
			fixed(
				404,
				"application/problem+json",
				`{"title":"Unknown view","detail":"no view is called x","code":"unknown_view"}`,
			),
		)
		s := newSession()
		s.do(t, exitRejected, "views", "x", "--url", address)
		says(t, &s.err, "anabranch: no view is called x\n", "unknown_view")
	})

	for name, args := range map[string][]string{"ListOfAnotherServer": {"views"}, "ViewOfAnotherServer": {"views", "x"}} {
		t.Run(name, func(t *testing.T) {
			address, _ := asked(t, ok(`["something else"]`))
			s := newSession()
			s.do(t, exitUnreachable, append(args, "--url", address)...)
			says(t, &s.err, "is this an Anabranch server?")
		})
	}
}

// TestQueryInterrupted checks that Ctrl-C ends a query that waits for its answer.
func TestQueryInterrupted(t *testing.T) {
	ctx, cancel := newContext(t)
	address, _ := asked(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	s := newSession()
	if code := s.run(ctx, []string{"views", "--url", address}); code != exitUnreachable ||
		strings.TrimSpace(s.err.String()) != "anabranch: interrupted" {
		t.Errorf("exit code %d: %s", code, &s.err)
	}
}

// TestQueryGroups checks the requests that the flags for groups make, and the table of groups.
func TestQueryGroups(t *testing.T) {
	const head = `{"view":"v","key":{},"group_by":["path"],"plan":{"from":"keys","keys":7},"window":"PT1H","step":"all",` +
		`"from":"2015-05-17T00:00:00Z","to":"2015-05-18T00:00:00Z","definition":"d","generation":"g","horizon":null,` +
		`"lag":{},"data":[`
	const row = `{"key":{"path":"/a"},"start":"2015-05-17T00:00:00Z","end":"2015-05-18T00:00:00Z","values":{"views":12,` +
		`"latency":{"p50":1,"p95":2.5}},"exact":true,"parts":{"batch":{"views":12,"latency":{"p50":1,"p95":2.5}},"speed":null}}`
	for _, c := range []struct {
		words []string
		want  string // the query string
	}{
		{[]string{"--by", "path", "--order", "-views"}, "group_by=path&order=-views&step=all"},
		{[]string{"--by", "", "--step", "1d"}, "group_by=&step=1d"},
		{[]string{"path=/a", "path=/b", "--limit", "2", "--cursor", "x"}, "cursor=x&key.path=%2Fa&key.path=%2Fb&limit=2"},
		{[]string{"--limit", "3", "--order", "latency.p95"}, "limit=3&order=latency.p95&step=all"},
		{[]string{"--limit", "3", "--step", "1w", "--order", "-views"}, "limit=3&order=-views&step=1w"},
	} {
		address, last := asked(t, ok(head+row+`],"next":"eyJn","skipped":[],"warnings":[]}`))
		s := newSession()
		s.do(t, exitOK, append([]string{"query", "--url", address, "v"}, c.words...)...)
		if got := last(); got != "GET /v1/views/v/query?"+c.want {
			t.Errorf("%q asks %s, want %s", c.words, got, c.want)
		}
		golden(t, "query_groups.golden", s.out.String())
	}
}

// TestQueryTopOrder checks that --top orders by the view's first aggregate that is a number, and refuses a view without
// one.
func TestQueryTopOrder(t *testing.T) {
	const best = `{"name":"best","expr":"top(data.path, 3)","number":false}`
	for aggregates, order := range map[string]string{
		best + `,{"name":"km","expr":"sum(data.km)","number":true}`:         "-km",
		best + `,{"name":"took","expr":"quantiles(data.km)","number":true}`: "-took.p95",
		best: "",
	} {
		address, last := asked(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/v1/views/v" {
				_, _ = io.WriteString(w, `{"name":"v","aggregates":[`+aggregates+`]}`)
			}
		})
		s := newSession()
		if order == "" {
			s.do(t, exitUsage, "query", "--url", address, "v", "--top", "3", "-o", "csv")
			says(t, &s.err, "--top 3: no aggregate of view v is a number to order by; write --limit 3\n")
			continue
		}
		s.do(t, exitOK, "query", "--url", address, "v", "--top", "3", "-o", "csv")
		if got := last(); got != "GET /v1/views/v/query?format=csv&limit=3&order="+order+"&step=all" {
			t.Errorf("it asks %s, want order=%s", got, order)
		}
	}
}

// TestQueryTop checks that --top orders by the view's first aggregate.
func TestQueryTop(t *testing.T) {
	address, last := asked(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Anabranch-Next", "eyJn")
		if r.URL.Path == "/v1/views/v" {
			_, _ = io.WriteString(w, `{"name":"v","aggregates":[{"name":"views","number":true},{"name":"bytes","number":true}]}`)
		}
	})
	s := newSession()
	s.do(t, exitOK, "query", "--url", address, "v", "--top", "10", "-o", "csv")
	if got := last(); got != "GET /v1/views/v/query?format=csv&limit=10&order=-views&step=all" {
		t.Errorf("it asks %s", got)
	}
	if got := s.err.String(); got != "" {
		t.Errorf("stderr is %q", got)
	}
	s = newSession()
	s.do(t, exitOK, "query", "--url", address, "v", "--limit", "10", "-o", "csv")
	if got := s.err.String(); got != "there are more groups: --cursor eyJn\n" {
		t.Errorf("stderr is %q", got)
	}
}
