package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/functions/prometheus/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/simulation"
)

// views holds the views of the tests.
const views = `
views:
  - name: sales
    key: {shop: data.shop, method: data.method}
    rollups: [[shop], []]
    window: 1h
    aggregates:
      orders: count()
      amount: sum(data.amount)
      largest: max(data.amount)
      wait: quantiles(data.wait)
      buyers: distinct(data.user)
      best: top(data.user, 3)
  - name: daily
    key: {shop: data.shop}
    window: 24h
    aggregates: {orders: count(), mean: mean(data.amount)}
  - name: pace
    architecture: kappa
    key: {}
    window: 10m
    aggregates: {orders: count(), first: first(data.user)}
`

var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(views) })

// shop is the API over a world whose stores are in memory: the functions query and prometheus behind an HTTP server.
type shop struct {
	*simulation.World
	t     testing.TB
	url   string
	sent  int
	limit promql.Bounds
	log   bytes.Buffer // of the function prometheus
}

// open returns a shop that has sold something on four days: the last one is today, and some of its sales are live.
func open(t testing.TB) *shop {
	t.Helper()
	s := openEmpty(t, promql.BoundsOf(setting.Default()))
	random := rand.New(rand.NewPCG(7, 7))
	for day := -3; day < 0; day++ {
		s.sellSome(random, s.Clock.AddDate(0, 0, day), 24, 40)
	}
	s.Wait(7 * time.Hour)
	s.sellSome(random, s.Clock.Truncate(24*time.Hour), 6, 20)
	s.Wait(3 * time.Hour)
	s.tick()
	s.sellSome(random, s.Clock.Add(-3*time.Hour), 3, 15) // arrive now: live
	s.Wait(20 * time.Minute)
	s.sellSome(random, s.Clock.Truncate(time.Hour), 0, 4) // in the open hour
	return s
}

// openEmpty returns a shop that has sold nothing. Its clock is at 2026-01-01T00:01:00Z.
func openEmpty(t testing.TB, bounds promql.Bounds) *shop {
	t.Helper()
	kit, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{World: w, t: t, limit: bounds}
	s.Wait(time.Minute)
	s.tick()
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *shop) tick() {
	s.t.Helper()
	if _, err := s.Tick(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.World.Replay.Tick(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

// sellSome sells n times within some hours. Some hours and shops have no sale, and some sales no amount.
func (s *shop) sellSome(random *rand.Rand, from time.Time, hours, n int) {
	s.t.Helper()
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	for range n {
		at := from.Add(time.Duration(random.IntN(max(1, hours)))*time.Hour + time.Duration(random.IntN(3600))*time.Second)
		if hours == 0 {
			at = from.Add(time.Duration(random.IntN(60)) * time.Second)
		}
		amount := fmt.Sprintf("%d.%02d", random.IntN(100), random.IntN(100))
		if random.IntN(8) == 0 {
			amount = "null"
		}
		s.sell(at, fmt.Sprintf(`{"shop":%q,"method":%q,"user":"u%d","amount":%s,"wait":%d}`, pick("north", "south", "east"),
			pick("card", "cash", "a|b \"c\" ü"), random.IntN(9), amount, random.IntN(500)))
	}
	if err := s.DeliverAll(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) sell(at time.Time, data string) {
	s.t.Helper()
	s.sent++
	answer, err := s.Send(context.Background(), fmt.Sprintf(
		`{"specversion":"1.0","id":"%d","source":"shop","type":"sale","time":%q,"data":%s}`, s.sent,
		at.Format(time.RFC3339), data))
	if err != nil || answer.Accepted != 1 {
		s.t.Fatal(answer, err)
	}
}

// handler returns the handler of the function prometheus.
func (s *shop) handler() *handler.Handler {
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	return handler.New(promql.New(s.Serving, s.limit, log), s.Serving.Now, setting.Default().MaxAnswer, log)
}

// serve does the work of the gateway.
func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	m := api.Resolve(r.Method, r.URL.EscapedPath())
	body, err := io.ReadAll(r.Body)
	if err != nil || !m.Found() {
		http.Error(w, fmt.Sprint("no such route: ", r.URL, " ", err), http.StatusNotFound)
		return
	}
	e := events.APIGatewayV2HTTPRequest{
		RouteKey: string(m.Route.Key), RawQueryString: r.URL.RawQuery, PathParameters: m.Parameters, Body: string(body),
		Headers: map[string]string{"content-type": r.Header.Get("Content-Type"), "accept": r.Header.Get("Accept")},
	}
	e.RequestContext.HTTP.Method = r.Method
	handle := (&queryhandler.Handler{Serving: s.Serving, Log: slog.New(slog.DiscardHandler)}).Handle
	if m.Route.Function == api.Prometheus {
		handle = s.handler().Handle
	}
	answer, err := handle(r.Context(), e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write([]byte(answer.Body)) // a client that has gone notices by itself
}

// get asks the API, and decodes its answer in JSON into to.
func (s *shop) get(to any, path string, parameters url.Values) int {
	s.t.Helper()
	response, err := http.Get(s.url + path + "?" + parameters.Encode())
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(to); err != nil {
		s.t.Fatalf("%s?%s: %s: %v", path, parameters.Encode(), response.Status, err)
	}
	return response.StatusCode
}

// answer is the answer of a Prometheus endpoint.
type answer struct {
	Status, ErrorType, Error string
	Data                     json.RawMessage
	Warnings                 []string
}

// prom asks a Prometheus endpoint; parameters are names and values.
func (s *shop) prom(endpoint string, parameters ...string) (a answer, status int) {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Add(parameters[i], parameters[i+1])
	}
	status = s.get(&a, "/prometheus/api/v1/"+endpoint, values)
	return a, status
}

// at returns an instant of the shop's day as a parameter.
func at(clock string) string {
	return "2026-01-01T" + clock + "Z"
}

// number returns the one value of an answer to an instant query.
func (s *shop) number(expr, time string) string {
	s.t.Helper()
	a, status := s.prom("query", "query", expr, "time", time)
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := json.Unmarshal(a.Data, &data); status != 200 || err != nil || len(data.Result) != 1 {
		s.t.Fatalf("%s: %d %s %s, %v", expr, status, a.Error, a.Data, err)
	}
	text, _ := data.Result[0].Value[1].(string)
	return text
}
