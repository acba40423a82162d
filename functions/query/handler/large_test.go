package handler_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/respond"
)

// newLargeFixture returns a fixture whose key ann has 400 windows of by_second, and whose answers have a small maximum.
func newLargeFixture(t *testing.T) *fixture {
	t.Helper()
	s := newFixture(t)
	s.MaxAnswer = 50_000
	for n := range 400 {
		at := time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339)
		s.send(t, at, fmt.Sprintf(`{"user":"ann","amount":%d.%d}`, n*7919%1000, n*104729%1000))
	}
	if err := s.DeliverAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// queryEncoded queries by_second for a client that accepts the given content codings.
func (s *fixture) queryEncoded(t *testing.T, codings, raw string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	return s.call(t, "query.json", func(r *events.APIGatewayV2HTTPRequest) {
		r.RawQueryString, r.PathParameters = raw, map[string]string{"view": "by_second"}
		r.Headers["accept-encoding"] = codings
	})
}

// unpack returns a response that is not packed.
func unpack(t *testing.T, r events.APIGatewayV2HTTPResponse) events.APIGatewayV2HTTPResponse {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(r.Body)
	if err != nil || !r.IsBase64Encoded || r.Headers["content-encoding"] != "gzip" {
		t.Fatal(r.StatusCode, r.Headers, err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Body, r.IsBase64Encoded = string(text), false
	delete(r.Headers, "content-encoding")
	return r
}

// TestTooLarge checks that an answer which Lambda would not return is a problem, and that each way out that it names is
// one.
func TestTooLarge(t *testing.T) {
	s := newLargeFixture(t)
	for raw, want := range map[string]string{
		"": "it has 400 windows; narrow from and to, to about %d windows, or accept gzip (curl --compressed)",
		"&parts=true": "it has 400 windows; narrow from and to, to about %d windows, or leave out parts, " +
			"or accept gzip (curl --compressed)",
		"&total=true": "it has 400 windows; narrow from and to, to about %d windows, or accept gzip (curl --compressed)",
	} {
		r := s.queryEncoded(t, "", "user=ann"+raw)
		var p respond.Problem
		if err := json.Unmarshal([]byte(r.Body), &p); err != nil || r.StatusCode != 422 || p.Code != "too_large" {
			t.Fatal(responseText(r), err)
		}
		_, advice, _ := strings.Cut(p.Detail, "as JSON string or base64; ")
		var all, windows int
		if _, err := fmt.Sscanf(advice, "it has %d windows; narrow from and to, to about %d", &all, &windows); err != nil {
			t.Fatal(p.Detail, err)
		}
		if got := fmt.Sprintf(want, windows); advice != got || windows < 20 || windows > 390 {
			t.Errorf("%s: %s, want %s", raw, advice, got)
		}
		to := time.Date(2026, 1, 1, 0, 0, windows, 0, time.UTC).Format(time.RFC3339)
		if a := decoded(t, s.queryEncoded(t, "", "user=ann&to="+to+raw)); len(a.Data) != windows {
			t.Errorf("%s: %d rows, want %d", raw, len(a.Data), windows)
		}
		if a := decoded(t, unpack(t, s.queryEncoded(t, "gzip", "user=ann"+raw))); len(a.Data) != 400 {
			t.Errorf("%s: %d rows, want 400", raw, len(a.Data))
		}
	}
	s.MaxAnswer = 14_000
	packed := s.queryEncoded(t, "gzip", "user=ann&parts=true")
	if packed.StatusCode != 422 || !strings.Contains(packed.Body, `windows, or leave out parts"`) {
		t.Error(responseText(packed))
	}
	csv := s.queryEncoded(t, "", "user=ann&format=csv")
	if csv.StatusCode != 422 || !strings.Contains(csv.Body, `"code":"too_large"`) {
		t.Error(responseText(csv))
	}
	views := s.call(t, "views.json", func(*events.APIGatewayV2HTTPRequest) { s.MaxAnswer = 10_300 })
	if views.StatusCode != 422 || !strings.Contains(views.Body, "ask for one view: GET /v1/views/{view}") {
		t.Error(responseText(views))
	}
}

// TestPacked checks that a packed answer says the same as one that is not.
func TestPacked(t *testing.T) {
	s := newLargeFixture(t)
	s.MaxAnswer = 1 << 20
	for _, raw := range []string{"user=ann&parts=true&total=true", "user=ann&format=csv"} {
		want := s.queryEncoded(t, "br", raw)
		got := s.queryEncoded(t, "gzip, deflate, br", raw)
		if len(got.Body) > len(want.Body)/4 {
			t.Errorf("%s: %d bytes of %d", raw, len(got.Body), len(want.Body))
		}
		if diff := cmp.Diff(responseText(want), responseText(unpack(t, got))); diff != "" {
			t.Errorf("%s (-plain +packed): %s", raw, diff)
		}
	}
	small := s.queryEncoded(t, "gzip", "user=ann&to=2026-01-01T00:00:05Z")
	if a := decoded(t, small); len(a.Data) != 5 || small.IsBase64Encoded {
		t.Errorf("%+v", small)
	}
}
