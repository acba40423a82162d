package event_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
)

// sampleBody returns n events like those of localstack/sample/web-requests.ndjson, one per line, about 400 bytes each.
func sampleBody(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	paths := []string{"/", "/favicon.ico", "/reset.css",
		"/presentations/logstash-monitorama-2013/images/kibana-search.png",
		"/blog/geekery/ssl-latency.html", "/projects/xdotool/", "/images/web/2009/banner.png"}
	agents := []string{
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 " +
			"Safari/537.36",
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	}
	var body []byte
	for i := range n {
		body = fmt.Appendf(body, `{"specversion":"1.0","id":"req-%05d","source":"//semicomplete.com/web","type":"web.request",`+
			`"time":"2015-05-%02dT%02d:05:%02dZ","data":{"client":"%d.%d.9.216","method":"GET","path":"%s","status":%d,"bytes":%d,`+
			`"referrer":"http://semicomplete.com/presentations/logstash-monitorama-2013/","agent":"%s"}}`+"\n",
			i+1, 17+i/5000%4, i/400%24, i%60, random.IntN(256), random.IntN(256), paths[random.IntN(len(paths))],
			[]int{200, 304, 404}[random.IntN(3)], random.IntN(300_000), agents[random.IntN(len(agents))])
	}
	return body
}

func testRequest(t testing.TB) ulid.ULID {
	t.Helper()
	id, err := ulid.ParseStrict("01JD8Z6B1QZ0W6V3T5YJ9K4M2N")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// acceptedLines returns the lines of the accepted events of an NDJSON body.
func acceptedLines(t testing.TB, body []byte) []byte {
	t.Helper()
	limits := event.DefaultLimits()
	limits.Events = 1 << 20
	validated, err := event.Validate(event.Lines, body, limits)
	if err != nil {
		t.Fatal(err)
	}
	request := testRequest(t)
	var lines []byte
	for i, a := range validated.Accepted {
		lines = event.AppendLine(lines, a.JSON, event.Stamp{Request: request, Index: i})
	}
	return lines
}
