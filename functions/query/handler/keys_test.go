package handler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/memory"
)

func (s *fixture) keys(t testing.TB, view, raw string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	return s.call(t, "query.json", func(r *events.APIGatewayV2HTTPRequest) {
		r.RouteKey, r.RequestContext.RouteKey = string(api.ListKeys), string(api.ListKeys)
		r.RawPath, r.RawQueryString, r.PathParameters = "/v1/views/"+view+"/keys", raw, map[string]string{"view": view}
	})
}

// TestListKeys lists keys while only speed has them, and once batch has them.
func TestListKeys(t *testing.T) {
	s := newFixture(t)
	for _, flag := range []string{`"b"`, `"a"`, `"=c"`} {
		for _, level := range []string{"1", "2"} {
			s.buy(t, "2026-01-01T00:10:00Z", `{"flag":`+flag+`,"level":`+level+`}`)
		}
	}
	for _, layer := range []string{"speed", "batch"} {
		for raw, want := range map[string]string{
			"":                          "=c 1,=c 2,a 1,a 2,b 1,b 2",
			"order=-key":                "b 2,b 1,a 2,a 1,=c 2,=c 1",
			"limit=1":                   "=c 1",
			"prefix=a":                  "a 1,a 2",
			"flag=a&level=2":            "a 2",
			"flag=a&flag=b&key.level=1": "a 1,b 1",
			"key.level=2":               "=c 2,a 2,b 2",
			"flag=b&prefix=2":           "b 2",
			"flag=nobody":               "",
		} {
			r := s.keys(t, "by_flag", raw)
			var page struct {
				Keys []struct{ Flag, Level string }
				Next *string
			}
			if err := json.Unmarshal([]byte(r.Body), &page); err != nil || r.StatusCode != 200 {
				t.Fatalf("by %s, %s: %v, %s", layer, raw, err, responseText(r))
			}
			var got []string
			for _, key := range page.Keys {
				got = append(got, key.Flag+" "+key.Level)
			}
			if text := strings.Join(got, ","); text != want || (page.Next != nil) != (raw == "limit=1") {
				t.Errorf("by %s, %q: %s, want %s; next %v", layer, raw, text, want, page.Next)
			}
		}
		s.Wait(2 * 60_000_000_000)
		s.tick(t)
	}
}

func TestListKeysRefuses(t *testing.T) {
	s := newFixture(t)
	for raw, want := range map[string]string{
		"limit=0":     `400 bad_parameter limit limit="0"; write a number from 1 to 1000`,
		"limit=x":     `400 bad_parameter limit limit="x"; write a number from 1 to 1000`,
		"order=views": `400 bad_parameter order unknown order="views"; write key, or -key for the greatest key first`,
		"shop=1": `400 bad_parameter shop unknown parameter "shop"; view by_flag takes flag, level, prefix, order, limit, ` +
			`cursor`,
		"prefix=%ff":      `400 bad_parameter prefix prefix="\xff" is not UTF-8; in a URL, write é as %C3%A9`,
		"limit=1&limit=2": `400 bad_parameter limit limit appears 2 times; write it once`,
		"cursor=x":        `400 bad_parameter cursor invalid cursor: send the next of an earlier page, or omit it to begin`,
		"cursor=" + url.QueryEscape("eyJnIjoiZ29uZSIsImsiOiIifQ"): `410 cursor_gone  view by_flag: the cursor belongs to a ` +
			`generation that is gone; begin again without a cursor`,
		"flag=a&level=1&prefix=b": `400 bad_parameter prefix prefix is the beginning of the first key field without a ` +
			`value, but every key field has one`,
	} {
		r := s.keys(t, "by_flag", raw)
		var p struct {
			Code, Parameter, Detail string
		}
		if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.StatusCode, " ", p.Code, " ", p.Parameter, " ", p.Detail); got != want {
			t.Errorf("%s:\n%s\n%s", raw, got, want)
		}
	}
}

// TestListKeysFails checks the answers where the view or its keys cannot be read.
func TestListKeysFails(t *testing.T) {
	status := func(s *fixture, view string) int { return s.keys(t, view, "").StatusCode }
	if got := status(newFixtureWithoutRun(t), "by_flag"); got != 503 {
		t.Errorf("before the first run: status %d, want 503", got)
	}
	s := newFixture(t)
	if got := status(s, "nobody"); got != 404 {
		t.Errorf("of an unknown view: status %d, want 404", got)
	}
	s.Base.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errors.New("lost")} }
	if got := status(s, "by_flag"); got != 500 {
		t.Errorf("without an answer of the store: status %d, want 500", got)
	}
}
