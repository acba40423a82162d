package handler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// BenchmarkQuery measures a whole request for one key: for an hour of one-second windows that batch has, and for one
// minute of it.
func BenchmarkQuery(b *testing.B) {
	s := newFixture(b)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 3600 {
		s.send(
			b, start.Add(time.Duration(n)*time.Second).Format(time.RFC3339), fmt.Sprintf(`{"user":"ann","amount":%d.25}`, n),
		)
	}
	if err := s.DeliverAll(context.Background()); err != nil {
		b.Fatal(err)
	}
	s.Wait(2 * time.Hour)
	s.tick(b)
	for _, c := range []struct {
		name, query, codings string
		rows                 int
	}{
		{"60 rows", "user=ann&to=2026-01-01T00:01:00Z", "", 60},
		{"3600 rows", "user=ann&total=true", "", 3600},
		{"3600 rows with parts", "user=ann&parts=true", "", 3600},
		{"3600 rows with parts, packed", "user=ann&parts=true", "gzip", 3600},
	} {
		r := captured(b, "query.json")
		r.RawQueryString, r.PathParameters = c.query, map[string]string{"view": "by_second"}
		r.Headers["accept-encoding"] = ""
		if a := decoded(b, s.answer(b, r)); len(a.Data) != c.rows {
			b.Fatalf("%s: %d rows", c.name, len(a.Data))
		}
		r.Headers["accept-encoding"] = c.codings
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.answer(b, r)
			}
		})
	}
}

func (s *fixture) answer(t testing.TB, r events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	response, err := s.Handle(context.Background(), r)
	if err != nil || response.StatusCode != 200 {
		t.Fatal(responseText(response), err)
	}
	return response
}
