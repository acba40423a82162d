package client_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// server answers each request with the next step of a script, and records the requests.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	steps  []http.HandlerFunc
	bodies []string
	asked  []*http.Request
}

func newServer(t testing.TB, steps ...http.HandlerFunc) *server {
	s := &server{steps: steps}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.bodies, s.asked = append(s.bodies, string(body)), append(s.asked, r)
	step := answer(http.StatusTeapot, "text/plain", "the script is over")
	if len(s.steps) > 0 {
		step, s.steps = s.steps[0], s.steps[1:]
	}
	s.mu.Unlock()
	step(w, r)
}

// calls returns the number of requests.
func (s *server) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// request returns the i-th request and its body.
func (s *server) request(i int) (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[i], s.bodies[i]
}

func answer(status int, kind, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// reset resets the connection before an answer.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// torn announces a longer answer than it sends.
func torn(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"accepted":2`)
}

// waits records the waits of a client and skips them.
type waits struct {
	mu   sync.Mutex
	list []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, d)
	return ctx.Err()
}

func newClient(t testing.TB, address string) (*client.Client, *waits) {
	base, err := client.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	w := &waits{}
	return &client.Client{Base: base, HTTP: client.Transport(4), Agent: "anabranch/test", MaxAnswer: 1 << 20,
		Retry: client.Retry{
			Attempts: 6,
			Base:     400 * time.Millisecond,
			Cap:      1000 * time.Millisecond,
			Longest:  30 * time.Second,
		},
		Now: func() time.Time { return noon }, Sleep: w.sleep, Random: func() float64 { return 0.5 },
		Deadline: context.WithCancel}, w
}

const allTaken = `{"accepted":2,"rejected":[]}`

func TestPostEvents(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		s := newServer(
			t,
			answer(
				200,
				"application/json",
				`{"accepted":1,"rejected":[{"index":1,"id":"b","code":"no_type","pointer":"/type","detail":"type is missing"}]}`,
			),
		)
		c, slept := newClient(t, s.URL+"/stage/")
		got, err := c.PostEvents(t.Context(), []byte("two events"), 2)
		if err != nil {
			t.Fatal(err)
		}
		want := client.Receipt{Accepted: 1, Attempts: 1,
			Rejected: []client.Rejection{{Index: 1, ID: "b", Code: "no_type", Pointer: "/type", Detail: "type is missing"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		asked, body := s.request(0)
		sent := []string{
			asked.Method,
			asked.URL.Path,
			asked.Header.Get("Content-Type"),
			asked.Header.Get("Content-Encoding"),
			asked.UserAgent(),
			body,
		}
		if diff := cmp.Diff([]string{"POST", "/stage/v1/events", "application/x-ndjson", "zstd", "anabranch/test",
			"two events"}, sent); diff != "" {
			t.Error(diff)
		}
		if len(slept.list) != 0 {
			t.Errorf("slept %v before the first attempt", slept.list)
		}
	})

	t.Run("AllRejected", func(t *testing.T) {
		s := newServer(t, answer(
			422,
			"application/problem+json",
			`{"type":"about:blank","title":"Nothing acceptable","status":422,"accepted":0,"rejected":[{"index":0,"id":"",`+
				`"code":"a"},{"index":1,"id":"x","code":"b"}]}`,
		))
		c, _ := newClient(t, s.URL)
		got, err := c.PostEvents(t.Context(), nil, 2)
		if err != nil {
			t.Fatal(err)
		}
		want := client.Receipt{
			Attempts: 1,
			Rejected: []client.Rejection{{Index: 0, Code: "a"}, {Index: 1, ID: "x", Code: "b"}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("UnprocessableWithoutReceipt", func(t *testing.T) {
		s := newServer(t, answer(422, "application/problem+json", `{"title":"No","accepted":0}`))
		c, _ := newClient(t, s.URL)
		_, err := c.PostEvents(t.Context(), nil, 2)
		var problem *client.Problem
		if !errors.As(err, &problem) || problem.Status != 422 {
			t.Errorf("%v, want a Problem of 422", err)
		}
	})
}

// TestPostEventsRetries checks that the client repeats a request after every transient failure, with the same bytes,
// after the wait that the server or the backoff demands.
func TestPostEventsRetries(t *testing.T) {
	s := newServer(t,
		answer(503, "application/problem+json", `{"title":"Busy"}`, "Retry-After", "3"),
		answer(429, "text/plain", "slow down"),
		reset,
		torn,
		answer(500, "text/html", "<html>", "Retry-After", noon.Add(7*time.Second).Format(http.TimeFormat)),
		answer(200, "application/json", allTaken))
	c, slept := newClient(t, s.URL)
	var causes []error
	c.Retrying = func(_ time.Duration, cause error) { causes = append(causes, cause) }
	got, err := c.PostEvents(t.Context(), []byte("the same bytes"), 2)
	if err != nil {
		t.Fatal(err)
	}
	if got.Accepted != 2 || got.Attempts != 6 || len(causes) != 5 {
		t.Errorf("accepted %d in %d attempts with %d causes, want 2 in 6 with 5", got.Accepted, got.Attempts, len(causes))
	}
	for i := range s.calls() {
		if _, body := s.request(i); body != "the same bytes" {
			t.Errorf("attempt %d sent %q", i+1, body)
		}
	}
	ms := time.Millisecond
	want := []time.Duration{3*time.Second + 200*ms, 600 * ms, 750 * ms, 750 * ms, 7*time.Second + 200*ms}
	if diff := cmp.Diff(want, slept.list); diff != "" {
		t.Errorf("waits: %s", diff)
	}
}

// TestTimeOutIsRetried checks that the client sends a request again when the server gave up on a slow body, since the
// server has kept nothing.
func TestTimeOutIsRetried(t *testing.T) {
	s := newServer(t, answer(408, "text/plain", "too slow"), answer(200, "application/json", allTaken))
	c, _ := newClient(t, s.URL)
	if got, err := c.PostEvents(t.Context(), nil, 2); err != nil || got.Attempts != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGaveUp(t *testing.T) {
	busy := answer(503, "application/problem+json", `{"title":"Busy","detail":"the archive does not answer"}`)
	tests := map[string]struct {
		steps    []http.HandlerFunc
		attempts int
		says     string
	}{
		"AttemptsUsedUp":    {[]http.HandlerFunc{busy, busy, busy, busy, busy, busy}, 6, "the archive does not answer"},
		"RetryAfterTooLong": {[]http.HandlerFunc{answer(503, "text/plain", "", "Retry-After", "31")}, 1, "asks to wait 31"},
		"RetryAfterOverflow": {
			[]http.HandlerFunc{answer(503, "text/plain", "", "Retry-After", "18446744073709551615")},
			1,
			"asks to wait 1844",
		},
		"NotJSON": {
			[]http.HandlerFunc{answer(200, "text/html", "<html>hello")},
			1,
			"is this an Anabranch server?",
		},
		"TooFew": {
			[]http.HandlerFunc{answer(200, "application/json", `{"accepted":1,"rejected":[]}`)},
			1,
			"1 accepted and 0 rejected of 2",
		},
		"IndexOutside": {
			[]http.HandlerFunc{answer(200, "application/json", `{"accepted":1,"rejected":[{"index":2}]}`)},
			1,
			"rejects event 2 of 2",
		},
		"IndexNegative": {
			[]http.HandlerFunc{answer(200, "application/json", `{"accepted":1,"rejected":[{"index":-1}]}`)},
			1,
			"rejects event -1 of 2",
		},
		"IndexTwice": {
			[]http.HandlerFunc{answer(200, "application/json", `{"accepted":0,"rejected":[{"index":1},{"index":1}]}`)},
			1,
			"rejects it twice",
		},
		"AnswerTooLong": {
			[]http.HandlerFunc{answer(200, "application/json", strings.Repeat(" ", 1<<20+1))},
			1,
			"exceeds the maximum of 1048576 bytes",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.steps...)
			c, _ := newClient(t, s.URL)
			receipt, err := c.PostEvents(t.Context(), nil, 2)
			var gaveUp *client.GaveUp
			if !errors.As(err, &gaveUp) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v, want a GaveUp that says %q", err, test.says)
			}
			if gaveUp.Attempts != test.attempts || receipt.Attempts != test.attempts || s.calls() != test.attempts {
				t.Errorf("%d, %d and %d attempts, want %d", gaveUp.Attempts, receipt.Attempts, s.calls(), test.attempts)
			}
		})
	}

	t.Run("NobodyListens", func(t *testing.T) {
		s := newServer(t)
		s.Close()
		c, slept := newClient(t, s.URL)
		_, err := c.Views(t.Context())
		var gaveUp *client.GaveUp
		if !errors.As(err, &gaveUp) || gaveUp.Attempts != 6 || len(slept.list) != 5 {
			t.Errorf("%v after %d waits, want a GaveUp after 6 attempts and 5 waits", err, len(slept.list))
		}
	})

	t.Run("UntrustedCertificate", func(t *testing.T) {
		s := httptest.NewUnstartedServer(answer(200, "application/json", "{}"))
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that the client breaks off
		s.StartTLS()
		defer s.Close()
		c, slept := newClient(t, s.URL)
		_, err := c.Views(t.Context())
		var gaveUp *client.GaveUp
		if !errors.As(err, &gaveUp) || gaveUp.Attempts != 1 || len(slept.list) != 0 {
			t.Errorf("%v after %d waits, want a GaveUp at once", err, len(slept.list))
		}
	})
}

// TestWaitsProperty checks that waits stay within the bounds in the docs of the fields, for any random number.
func TestWaitsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "base"))
		limit := time.Duration(rapid.Int64Range(int64(base), int64(time.Hour)).Draw(t, "cap"))
		attempts := rapid.IntRange(1, 70).Draw(t, "attempts")
		dice := rapid.Float64Range(0, 0.999999)
		slept := &waits{}
		c := &client.Client{
			Base:      &url.URL{Scheme: "http", Host: "x"},
			MaxAnswer: 10,
			Sleep:     slept.sleep,
			Now:       func() time.Time { return noon },
			Retry: client.Retry{
				Attempts: attempts,
				Base:     base,
				Cap:      limit,
			},
			Random:   func() float64 { return dice.Draw(t, "dice") },
			Deadline: context.WithCancel,
			HTTP: &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
				return nil, errors.New("down")
			})},
		}
		if _, err := c.Views(context.Background()); err == nil {
			t.Fatal("no error")
		}
		if len(slept.list) != attempts-1 {
			t.Fatalf("%d waits for %d attempts", len(slept.list), attempts)
		}
		d := base
		for i, wait := range slept.list {
			if wait < d/2 || wait > d {
				t.Fatalf("wait %d is %s, outside %s..%s", i, wait, d/2, d)
			}
			d = min(2*d, limit)
		}
	})
}

// trip answers requests without a network.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestProblem(t *testing.T) {
	tests := map[string]struct {
		step http.HandlerFunc
		want *client.Problem
	}{
		"Document": {
			answer(
				400,
				"application/problem+json; charset=utf-8",
				`{"type":"https://example.com/unknown_key","title":"Unknown key field","status":400,`+
					`"detail":"page_views has no key field pth","code":"unknown_key","pointer":"/pth","fields":["path"],"exact":1.50}`,
			),
			&client.Problem{
				Status:  400,
				Type:    "https://example.com/unknown_key",
				Title:   "Unknown key field",
				Detail:  "page_views has no key field pth",
				Code:    "unknown_key",
				Pointer: "/pth",
				Members: client.Object{{Name: "fields", Value: []byte(`["path"]`)}, {Name: "exact", Value: []byte("1.50")}},
			},
		},
		"EmptyDocument": {answer(404, "application/problem+json", `{}`), &client.Problem{Status: 404, Title: "Not Found"}},
		"OddMembers": {
			answer(404, "application/problem+json", `{"title":7,"status":"x"}`),
			&client.Problem{Status: 404, Title: "Not Found", Members: client.Object{{Name: "title", Value: []byte("7")}}},
		},
		"BrokenDocument": {
			answer(404, "application/problem+json", `{"title":`),
			&client.Problem{Status: 404, Title: "Not Found", Detail: "invalid problem document: "},
		},
		"Text": {
			answer(404, "text/plain", " no such\n page "),
			&client.Problem{Status: 404, Title: "Not Found", Detail: "no such page"},
		},
		"LongText": {
			answer(404, "text/plain", strings.Repeat("é", 150)),
			&client.Problem{Status: 404, Title: "Not Found", Detail: strings.Repeat("é", 100) + "..."},
		},
		"Binary": {
			answer(404, "image/png", "\xff\xfe"),
			&client.Problem{Status: 404, Title: "Not Found", Detail: "the answer is not text"},
		},
		"Redirect": {answer(308, "text/plain", "moved", "Location", "https://elsewhere.example/"),
			&client.Problem{
				Status: 308,
				Title:  "Permanent Redirect",
				Detail: "the server redirects to https://elsewhere.example/; use that URL instead",
			}},
		"StrangeStatus": {answer(499, "text/plain", ""), &client.Problem{Status: 499, Title: "unknown status"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.step)
			c, slept := newClient(t, s.URL)
			_, _, err := c.Query(t.Context(), "page_views", url.Values{})
			var got *client.Problem
			if !errors.As(err, &got) {
				t.Fatalf("%v, want a Problem", err)
			}
			if name == "BrokenDocument" && strings.HasPrefix(got.Detail, test.want.Detail) {
				got.Detail = test.want.Detail // the rest is the decoder's
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if len(slept.list) > 0 {
				t.Error("tried again")
			}
		})
	}
}

func TestProblemError(t *testing.T) {
	p := &client.Problem{Status: 400, Title: "Bad Request", Detail: "from is not a time", Pointer: "/from"}
	if got, want := p.Error(), "400 Bad Request: from is not a time (at /from)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSlowServer checks that the client ends an attempt at its deadline and repeats it.
func TestSlowServer(t *testing.T) {
	held := make(chan struct{})
	s := newServer(t,
		func(_ http.ResponseWriter, r *http.Request) { close(held); <-r.Context().Done() },
		answer(200, "application/json", allTaken))
	c, slept := newClient(t, s.URL)
	first := true
	c.Deadline = func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		if first {
			first = false
			go func() { <-held; cancel() }()
		}
		return ctx, cancel
	}
	got, err := c.PostEvents(t.Context(), nil, 2)
	if err != nil || got.Attempts != 2 || len(slept.list) != 1 {
		t.Errorf("%+v, %v after %d waits, want a receipt after 2 attempts", got, err, len(slept.list))
	}
}

func TestContextEnds(t *testing.T) {
	t.Run("BeforeTheFirstAttempt", func(t *testing.T) {
		s := newServer(t)
		c, _ := newClient(t, s.URL)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Views(ctx); !errors.Is(err, context.Canceled) || s.calls() != 0 {
			t.Errorf("%v after %d requests, want none", err, s.calls())
		}
	})

	t.Run("DuringAWait", func(t *testing.T) {
		s := newServer(t, reset)
		c, _ := newClient(t, s.URL)
		ctx, cancel := context.WithCancel(t.Context())
		c.Sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
		if _, err := c.Views(ctx); !errors.Is(err, context.Canceled) || s.calls() != 1 {
			t.Errorf("%v after %d requests, want the context's error after 1", err, s.calls())
		}
	})

	for name, finish := range map[string]bool{"AttemptCut": false, "AttemptFinished": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				cancel()
				if !finish {
					<-r.Context().Done()
				}
				answer(200, "application/json", allTaken)(w, r)
			})
			c, slept := newClient(t, s.URL)
			c.Finish = finish
			got, err := c.PostEvents(ctx, nil, 2)
			if finish && (err != nil || got.Accepted != 2) {
				t.Errorf("%+v, %v, want the receipt of the attempt under way", got, err)
			}
			if !finish && !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want the context's error", err)
			}
			if len(slept.list) != 0 {
				t.Error("waited after the context ended")
			}
		})
	}

	t.Run("NoFurtherAttempt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) { cancel(); answer(503, "text/plain", "")(w, r) })
		c, slept := newClient(t, s.URL)
		c.Finish = true
		if _, err := c.PostEvents(ctx, nil, 2); !errors.Is(err, context.Canceled) || s.calls() != 1 || len(slept.list) != 0 {
			t.Errorf(
				"%v after %d requests and %d waits, want the context's error after 1 and 0",
				err,
				s.calls(),
				len(slept.list),
			)
		}
	})
}

func TestParseURL(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:8080", "https://x.example/stage/", "http://[::1]:80"} {
		if _, err := client.ParseURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	const example = "http://127.0.0.1:8080"
	for bad, right := range map[string]string{
		"": example, "ftp://x": example, "http://": example, "http://x?y=1": example, "http://x#y": example,
		"http://x\x7f": example, "127.0.0.1:9000": `"http://127.0.0.1:9000"`, "localhost:9000": `"http://localhost:9000"`,
		"x.example": `"https://x.example"`,
	} {
		if u, err := client.ParseURL(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, u)
		} else if !strings.Contains(err.Error(), right) {
			t.Errorf("%q: %v does not say what would be right", bad, err)
		}
	}
}

func TestSleep(t *testing.T) {
	if err := client.Sleep(t.Context(), 0); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestWithin(t *testing.T) {
	ctx, cancel := client.Within(0)(t.Context())
	defer cancel()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%v, want an exceeded deadline", ctx.Err())
	}
}

// FuzzPostEvents checks that for any answer of a server, the client returns a receipt for every event or an error.
func FuzzPostEvents(f *testing.F) {
	f.Add(200, "application/json", []byte(allTaken))
	f.Add(
		422,
		"application/problem+json",
		[]byte(
			`{"title":"x","accepted":0,"rejected":[{"index":0,"id":"a","code":"c","pointer":"/x","detail":"d"},{"index":1}]}`,
		),
	)
	f.Add(400, "application/problem+json; charset", []byte(`{"detail":"\ud800","title":null,"fields":["a"]}`))
	f.Add(500, "text/plain", []byte("\xff"))
	f.Fuzz(func(t *testing.T, status int, kind string, body []byte) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		c, _ := newClient(t, "http://x")
		c.Retry.Attempts = 1
		c.HTTP = &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status,
				Header:     http.Header{"Content-Type": {kind}},
				Body:       io.NopCloser(strings.NewReader(string(body))),
			}, nil
		})}
		receipt, err := c.PostEvents(t.Context(), nil, 2)
		if err == nil && receipt.Accepted+len(receipt.Rejected) != 2 {
			t.Fatalf("%+v does not add up", receipt)
		}
		if err != nil && (receipt.Accepted != 0 || receipt.Rejected != nil || strings.TrimSpace(err.Error()) == "") {
			t.Fatalf("%+v with error %q", receipt, err)
		}
	})
}
