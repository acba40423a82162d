package handler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// TestTags checks when the tag of an answer changes: with every event and every run that the answer shows, with what is
// asked and with its format, but not with time.
func TestTags(t *testing.T) {
	s := newFixture(t)
	tags := map[string]string{}
	ask := func(query, known string) events.APIGatewayV2HTTPResponse {
		t.Helper()
		return s.call(t, "query.json", func(r *events.APIGatewayV2HTTPRequest) {
			r.RawQueryString, r.Headers["if-none-match"] = query, known
		})
	}
	isNew := func(what, query string) string {
		t.Helper()
		r := ask(query, "")
		tag := r.Headers["etag"]
		if met, ok := tags[tag]; ok || r.StatusCode != 200 || r.Headers["cache-control"] != "private, no-cache" {
			t.Errorf("%s: %d, tag %s as for %q, %v", what, r.StatusCode, tag, met, r.Headers)
		}
		tags[tag] = what
		return tag
	}
	s.buy(t, "2026-01-01T00:10:00Z", `{"user":"ann","amount":1}`)
	first := isNew("an event", "user=ann")
	isNew("a format", "user=ann&format=csv")
	isNew("another format", "user=ann&format=ndjson")
	isNew("a parameter", "user=ann&parts=true")
	isNew("another key", "user=bob")
	s.Wait(20 * time.Second)
	for _, known := range []string{first, `"other", ` + first, strings.TrimPrefix(first, "W/"), "*"} {
		r := ask("user=ann", known)
		if _, has := r.Headers["content-type"]; r.StatusCode != 304 || r.Body != "" || r.IsBase64Encoded || has ||
			r.Headers["etag"] != first || r.Headers["cache-control"] != "private, no-cache" || r.Headers["vary"] == "" {
			t.Errorf("If-None-Match: %s: %s", known, responseText(r))
		}
	}
	for _, known := range []string{"", `"other"`, "W/", `W/"`, first[:10], "garbage,,,"} {
		if r := ask("user=ann", known); r.StatusCode != 200 || r.Headers["etag"] != first || r.Body == "" {
			t.Errorf("If-None-Match: %s: %d, tag %s", known, r.StatusCode, r.Headers["etag"])
		}
	}
	s.buy(t, "2026-01-01T00:10:01Z", `{"user":"ann","amount":1}`)
	second := isNew("an event more", "user=ann")
	s.Wait(time.Hour)
	s.tick(t)
	exact := isNew("a run", "user=ann")
	s.buy(t, "2026-01-01T00:10:02Z", `{"user":"ann","amount":1}`)
	isNew("a late event in an exact row", "user=ann")
	for _, known := range []string{first, second, exact} {
		if r := ask("user=ann", known); r.StatusCode != 200 {
			t.Errorf("an old tag gets %d", r.StatusCode)
		}
	}
	if r := ask("user=ann&total=perhaps", "*"); r.StatusCode != 400 || r.Headers["cache-control"] != "no-store" {
		t.Errorf("a wrong query gets %d, %v", r.StatusCode, r.Headers)
	}
}
