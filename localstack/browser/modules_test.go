//go:build browser

package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestModules checks functions of the page's modules by their results alone: numbers, times, questions and addresses.
func TestModules(t *testing.T) {
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
		// Every object of JavaScript has a field "constructor", unless it is made without one.
		`s.write(s.read('#key.constructor=1&key.__proto__=2'))`:                       "#key.constructor=1&key.__proto__=2",
		`s.write({...s.read('#'), keys: s.withKeys({}, {constructor: ['1']})})`:       "#key.constructor=1",
		`a.isOneKey(s.read('#'), {key: [{field: 'constructor'}]})`:                    "false",
		`a.rows(s.read('#'), {key: [{field: 'constructor'}]}, ['n'], 'window', 0)`:    "values=n&parts=true&group_by=",
		`a.isOneKey({keys: s.withKeys({a: ['1']})}, {key: [{field: 'constructor'}]})`: "false",
		`v.texts([])[0].value`: "none",
	} {
		got := p.js(`Promise.all(['numbers', 'time', 'ask', 'state', 'values'].map((m) => import('./page/' + m + '.js')))
			.then(([n, t, a, s, v]) => String(` + call + `))`)
		if got != want {
			t.Errorf("%s is %q, want %q", call, got, want)
		}
	}
}

// TestAnswersOfAnotherKey checks that a question with a new key carries no tag of an answer to the last key.
func TestAnswersOfAnotherKey(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	p := newTab(t, s.URL)
	p.open("")
	got := p.js(`import('./page/api.js').then(async ({get, key}) => {
		const tags = [], real = window.fetch;
		window.fetch = async (u, o) => {
			if (!u.endsWith('/tagged')) return real(u, o);
			tags.push(o.headers['if-none-match'] ?? 'none');
			return new Response('{}', {headers: {etag: '"1"'}});
		};
		await get('tagged');
		await get('tagged');
		const late = get('tagged');
		key.set('another');
		await late;
		await get('tagged');
		window.fetch = real;
		return tags.join();
	})`)
	if want := `none,"1","1",none`; got != want {
		t.Errorf("the questions carry the tags %s, want %s", got, want)
	}
}

// TestOrders checks that the page orders keys by an aggregate exactly where the API does.
func TestOrders(t *testing.T) {
	s := start(t, strings.ReplaceAll(orders, "      best", `      smallest: min(data.ms)
      largest: max(data.ms)
      pace: rate()
      spread: variance(data.ms)
      deviation: stddev(data.ms)
      first_item: first(data.item)
      best`), 2*time.Second, false)
	s.send(ordersOf(100))
	p := newTab(t, s.URL)
	p.open("")
	got := p.js(`import('./page/values.js').then(async ({orderOf}) => {
		const {aggregates} = await (await fetch('v1/views/orders')).json();
		const said = await Promise.all(aggregates.map(async (a) => {
			const order = orderOf(a);
			const answer = await fetch('v1/views/orders/query?step=all&order=-' + (order || a.name));
			return answer.ok === (order !== '') ? '' : a.expr + ' by "' + order + '": ' + answer.status;
		}));
		return [aggregates.length + ' aggregates', ...said.filter(Boolean)].join('; ');
	})`)
	if want := "14 aggregates"; got != want {
		t.Errorf("got %s, want %s and no more", got, want)
	}
	p.open("#view=orders&values=first_item,last_item,n")
	p.wait("the table of keys", `document.querySelectorAll('table.top tbody tr').length === 2`)
	if got := p.js(`[...document.querySelectorAll('button.sort')].map((b) => b.id).join()`); got != "sort-n" {
		t.Errorf("the table offers to sort by %s, want sort-n alone", got)
	}
	if got := p.text(".notice"); got != "" {
		t.Errorf("the page complains: %s", got)
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
