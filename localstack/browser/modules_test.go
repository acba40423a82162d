//go:build browser

package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestNumbers checks how modules of the page read and write numbers, without their way over the screen.
func TestNumbers(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	p := newTab(t, s.URL)
	p.open("")
	for call, want := range map[string]string{
		`n.format(new n.Exact('0'))`:                                                "0",
		`n.format(new n.Exact('999'))`:                                              "999",
		`n.format(new n.Exact('1000'))`:                                             "1,000",
		`n.format(new n.Exact('-1234567.00010'))`:                                   "−1,234,567.00010",
		`n.format(new n.Exact('12345678901234567890123.4567890123'))`:               "12,345,678,901,234,567,890,123.4567890123",
		`n.parse('{"a":[1.0,{"b":-2e3}],"c":"3 \\"4\\" {}","d":null}').a[0].text`:   "1.0",
		`n.parse('{"a":[1.0,{"b":-2e3}],"c":"3 \\"4\\" {}","d":null}').a[1].b.text`: "-2e3",
		`n.parse('{"c":"3 \\"4\\" {\\\\"}').c`:                                      `3 "4" {\`,
		`n.short(0)`:                                                                "0",
		`n.short(9999)`:                                                             "9,999",
		`n.short(75000000)`:                                                         "75M",
		`n.short(-1234.5)`:                                                          "−1,234.5",
		`n.short(2e22)`:                                                             "2.0e22",
		`n.ticks(0, 9, 4).join()`:                                                   "0,2.5,5,7.5,10",
		`n.ticks(-3, 12, 3).join()`:                                                 "-5,0,5,10,15",
		`n.ticks(5, 5, 2).join()`:                                                   "5,5.5,6",
		`t.spell(90 * t.MINUTE) + t.spell(t.DAY) + t.spell(7 * t.DAY) + t.spell(t.SECOND)`: "90m1d1w1s",
		`t.windowLength('PT1H30M') / t.MINUTE`:                                             "90",
		`t.span('2026-03-01T23:00:00Z', '2026-03-02T00:00:00Z')`:                           "Sun 1 Mar 2026, 23:00 to 00:00",
		`t.span('2026-03-01T00:00:00+01:00', '2026-03-08T00:00:00+01:00')`:                 "Sun 1 Mar 2026 to Sat 7 Mar 2026",
		`a.quote("it's")`: `'it'\''s'`,
	} {
		got := p.js(`Promise.all(['numbers', 'time', 'ask'].map((m) => import('./page/' + m + '.js')))
			.then(([n, t, a]) => String(` + call + `))`)
		if got != want {
			t.Errorf("%s is %q, want %q", call, got, want)
		}
	}
}

// TestSteps checks that the page begins steps where the server does: in zones whose clocks change, leap over midnight
// or show it twice, with events in every hour around these changes.
func TestSteps(t *testing.T) {
	s := start(t, `views: [{name: v, where: 'type == "t"', key: {}, window: 30m, aggregates: {n: count()}}]`,
		2*time.Second, false)
	var lines [][]byte
	for _, day := range []string{"2026-03-29", "2026-04-05", "2026-09-06", "2026-10-25", "2026-11-01"} {
		noon, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		for hour := -48; hour < 72; hour++ {
			at := noon.Add(time.Duration(hour)*time.Hour + time.Minute)
			lines = append(lines, event(at.String(), at, map[string]any{}))
		}
	}
	s.send(lines)
	p := newTab(t, s.URL)
	p.open("")
	p.wait("all events", `fetch('v1/views/v/query?step=all&group_by=').then((r) => r.text())
		.then((text) => text.includes('"n":600'))`)
	for _, zone := range []string{"Europe/Berlin", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "UTC"} {
		for _, step := range []string{"1h", "6h", "1d", "1w", "1mo", "1q", "1y"} {
			if zone == "Australia/Lord_Howe" && strings.HasSuffix(step, "h") {
				continue // its clocks change by half an hour, so that a step may begin inside a window
			}
			got := p.js(fmt.Sprintf(`(async () => {
				const [t, a] = await Promise.all(['time', 'ask'].map((m) => import('./page/' + m + '.js')));
				const body = await (await fetch('v1/views/v/query?step=%[1]s&tz=%[2]s')).json();
				const length = a.stepsOf({window: 'PT30M'}).find(([name]) => name === '%[1]s')[1];
				const wrong = [];
				for (const {start, end} of body.data) {
					for (const at of [Date.parse(start), Date.parse(end) - 1]) {
						const begin = t.beginOf(at, '%[1]s', length, '%[2]s');
						// Steps of hours that the clocks show twice are two rows; the page takes the first.
						const twice = '%[1]s'.endsWith('h') && Date.parse(start) - begin === t.HOUR;
						if (begin !== Date.parse(start) && !twice) wrong.push(start + ' is ' + new Date(begin).toISOString());
					}
				}
				return body.data.length + ' rows ' + wrong.join('; ');
			})()`, step, zone))
			if !strings.HasSuffix(got, " rows ") || strings.HasPrefix(got, "0") {
				t.Errorf("step %s in %s: %.300s", step, zone, got)
			}
		}
	}
}
