package handler_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestBrokenQueries checks the problem that each of many broken queries gets: its status, its code, the parameter that
// is wrong, and what would be right. None of them may be the server's fault.
func TestBrokenQueries(t *testing.T) {
	s := newFixture(t)
	s.World.Serving.MaxRows = 100
	s.buy(t, "2026-01-01T18:10:00Z", `{"user":"ann","amount":1}`)
	var out strings.Builder
	for _, q := range []string{
		"purchases?user=ann&from=yesterday",
		"purchases?user=ann&from=24h",
		"purchases?user=ann&from=%2B24h",
		"purchases?user=ann&from=-1mo",
		"purchases?user=ann&from=-",
		"purchases?user=ann&from=-99999d",
		"purchases?user=ann&from=2026-02-29",
		"purchases?user=ann&from=2026-13-01",
		"purchases?user=ann&from=2026-1-1",
		"purchases?user=ann&from=2026-01-01T10:00",
		"purchases?user=ann&from=2026-01-01T25:00:00Z",
		"purchases?user=ann&from=1767225600",
		"purchases?user=ann&from=2026-01-01T00:00:00+01:00",
		"purchases?user=ann&from=now&to=-1h",
		"purchases?user=ann&from=2026-01-02&to=2026-01-01",
		"purchases?user=ann&from=2026-01-01&to=2026-01-01",
		"purchases?user=ann&step=",
		"purchases?user=ann&step=day",
		"purchases?user=ann&step=24h",
		"purchases?user=ann&step=1M",
		"purchases?user=ann&step=2d",
		"purchases?user=ann&step=30d",
		"purchases?user=ann&step=7h",
		"purchases?user=ann&step=-1h",
		"purchases?user=ann&step=1.5s",
		"purchases?user=ann&step=36h",
		"purchases?user=ann&step=15m",
		"purchases?user=ann&step=90m",
		"everything?step=1h",
		"everything?step=1d&tz=Europe/Berlin&from=2026-01-01",
		"purchases?user=ann&step=1d&step=1w",
		"purchases?user=ann&tz=",
		"purchases?user=ann&tz=Berlin",
		"purchases?user=ann&tz=europe/berlin",
		"purchases?user=ann&tz=Europe/Berln",
		"purchases?user=ann&tz=%2B02:00",
		"purchases?user=ann&tz=Local",
		"purchases?user=ann&tz=../../etc/passwd",
		"purchases?user=ann&step=1d&tz=Asia/Kolkata",
		"purchases?user=ann&step=1d&tz=Asia/Kathmandu&from=2026-01-01",
		"purchases?user=ann&step=1h&tz=Australia/Lord_Howe&from=2026-06-01",
		"purchases?user=ann&step=1d&tz=Europe/Berlin&from=1850-01-01",
		"purchases?user=ann&fill=yes",
		"purchases?user=ann&fill=true&from=2026-01-01&to=2027-01-01",
		"purchases?user=ann&fill=true&step=1d&from=0000-01-01&to=9999-12-31",
		"purchases?user=ann&group_by=user&order=-views",
		"purchases?step=1d&tz=Asia/Kolkata&order=-n",
		"purchases?user=ann&key.user=bob",
		"purchases?key.from=2026-01-01",
	} {
		view, raw, _ := strings.Cut(q, "?")
		r := s.query(t, view, raw)
		if r.StatusCode < 400 || r.StatusCode > 499 || r.Headers["content-type"] != "application/problem+json" {
			t.Errorf("%s: %s", q, responseText(r))
		}
		fmt.Fprintf(&out, "%s\n\t%s\n", q, strings.TrimSpace(r.Body))
	}
	checkGolden(t, "broken-queries.golden", out.String())
}
