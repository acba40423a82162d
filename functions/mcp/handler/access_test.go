package handler_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	authorizer "github.com/anabranch/anabranch/functions/authorizer/handler"
	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
)

// secret holds the keys of the API, as in the stack.
type secret struct{}

const (
	writeKey = "W0123456789abcdefghijklmnopqrstu"
	readKey  = "R0123456789abcdefghijklmnopqrstu"
	adminKey = "A0123456789abcdefghijklmnopqrstu"
)

func (secret) Read(context.Context) (string, time.Time, string, error) {
	return `{"keys":"` + writeKey + readKey + adminKey + `"}`, time.Unix(0, 0), "", nil
}

// TestScopes calls tools 5,000 times with keys of every scope and of none, with arguments that reach for routes of
// other scopes. Only the read key and the admin key get through the authorizer, as at the gateway. No call asks the API
// for a route that a read key does not open, and an admin key sees no more than a read key.
func TestScopes(t *testing.T) {
	s := newFixture(t)
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"canary","shop":"a","amount":1}`)
	gate := &authorizer.Handler{Secret: secret{}, Fresh: time.Hour, Miss: time.Hour, Grace: time.Hour, Stale: time.Hour,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	keys := map[string]bool{writeKey: false, readKey: true, adminKey: true, "": false, strings.Repeat("x", 32): false,
		readKey[:31]: false, readKey + "x": false, writeKey + readKey: false}
	names := slices.Sorted(maps.Keys(keys))
	values := []string{"purchases", "totals", "../admin/views", "admin", "..", "admin/views/purchases",
		"purchases/../../admin/views", "%2e%2e/admin/views", "purchases?key=1", "purchases#", "/v1/admin/views", "http://x/",
		"drop", ""}
	random := rand.New(rand.NewPCG(1, 2))
	refused, answered := 0, map[string]string{}
	for range 5000 {
		key := names[random.IntN(len(names))]
		tool := slices.Sorted(maps.Keys(calls))[random.IntN(len(calls))]
		pick := func() string { return values[random.IntN(len(values))] }
		arguments := calls[tool]
		if random.IntN(2) == 0 {
			arguments = fmt.Sprintf(`{"view":%q}`, pick())
			if tool == "query" {
				arguments = fmt.Sprintf(`{"view":%q,"key":{%q:%q},"from":"2026-01-01"}`, pick(), pick(), pick())
			}
		}
		decision, err := gate.Handle(t.Context(), events.APIGatewayV2CustomAuthorizerV2Request{
			Version: "2.0", RouteKey: string(api.CallTools), Headers: map[string]string{"authorization": "Bearer " + key}})
		if err != nil {
			t.Fatal(err)
		}
		if decision.IsAuthorized != keys[key] {
			t.Fatalf("key %q: authorized %t", key, decision.IsAuthorized)
		}
		if !decision.IsAuthorized {
			refused++
			continue
		}
		a := s.call(t, tool, arguments)
		for _, word := range []string{"swept", "runs_left", "drift", "held"} { // what only an operator sees
			if strings.Contains(a.text, `"`+word+`"`) {
				t.Fatalf("%s %s shows %s: %s", tool, arguments, word, a.text)
			}
		}
		if was, ok := answered[tool+arguments]; ok && was != a.text {
			t.Fatalf("%s %s: %s with one key, %s with another", tool, arguments, was, a.text)
		}
		answered[tool+arguments] = a.text
	}
	for _, route := range s.asked {
		if r, ok := api.Find(route); !ok || r.Scope != access.Read {
			t.Fatalf("a tool asked %q", route)
		}
	}
	t.Logf("5,000 calls: %d refused, %d of the API", refused, len(s.asked))
}

// FuzzCall calls tools with any arguments. No call panics, none answers 5xx, and every answer fits its schema and size.
func FuzzCall(f *testing.F) {
	for tool, arguments := range calls {
		f.Add(tool, arguments)
	}
	f.Add("query", `{"view":"purchases","key":{"user":["ann",1,true]},"step":"1d","tz":"Europe/Berlin","fill":true}`)
	f.Add("query", `{"view":"purchases","group_by":[],"step":"all","cursor":"eyJoIjoiIn0"}`)
	f.Add("lint_definition", `{"definition":"views: [{name: v}]","events":"{}"}`)
	s := newFixture(f)
	s.buy(f, "2026-01-01T00:10:00Z", `{"user":"ann","shop":"a","amount":1}`)
	f.Fuzz(func(t *testing.T, tool, arguments string) {
		if _, ok := calls[tool]; !ok {
			tool = "query"
		}
		s.asked = nil
		r := s.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+arguments+`}}`)
		if r.StatusCode >= 500 || strings.Contains(r.Body, "the tool failed") || strings.Contains(r.Body, `"internal`) {
			t.Errorf("%s %s: %d %s", tool, arguments, r.StatusCode, r.Body)
		}
		if len(r.Body) > 9<<10 { // a message that is no call repeats a part of it
			t.Errorf("%s %s: %d bytes", tool, arguments, len(r.Body))
		}
	})
}
