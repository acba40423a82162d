//go:build browser

package browser_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// orders is a view with every kind of value: exact numbers, beyond a float's digits too, estimates, lists and texts.
const orders = `views:
  - name: orders
    description: Orders per shop
    where: type == "t"
    key: {shop: data.shop}
    window: 1m
    aggregates:
      n: count()
      huge: sum(data.huge)
      tiny: sum(data.tiny)
      mean: mean(data.ms)
      latency: quantiles(data.ms)
      buyers: distinct(data.buyer)
      best: top(data.item, 3)
      last_item: last(data.item)
`

// ordersOf are events of some minutes that have ended, so that their rows become exact.
func ordersOf(n int) [][]byte {
	items := []string{"tea", "figs", "rice", "tea", "jam"}
	var lines [][]byte
	began := time.Now().Add(-10 * time.Minute).Truncate(time.Minute)
	for i := range n {
		at := began.Add(time.Duration(i) * 300 * time.Second / time.Duration(n))
		lines = append(lines, event(fmt.Sprint(i), at, map[string]any{
			"shop": []string{"oslo", "lima"}[i%2], "huge": json.Number("12345678901234567890.000000001"),
			"tiny": json.Number("0.000000000000000000000000001"), "ms": 5 + i%700, "buyer": fmt.Sprint("b", i),
			"item": items[i%len(items)],
		}))
	}
	return lines
}

// TestEveryKindOfValue checks that the page shows each value of an answer with all its digits, with thousands
// separators, and estimates with their bounds; and that its charts have a curve for each reading.
func TestEveryKindOfValue(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	s.send(ordersOf(2000))
	p := newTab(t, s.URL)
	p.open("#view=orders&key.shop=oslo&values=n,latency,buyers,best,huge,last_item")
	p.wait("batch", `document.querySelector('#card-n .state').innerText === 'exact'`)
	whole := s.get("/v1/views/orders/query?shop=oslo&group_by=&step=all")["data"].([]any)[0].(map[string]any)
	values := whole["values"].(map[string]any)
	for _, name := range []string{"n", "huge", "tiny", "mean", "buyers"} {
		want := separated(values[name].(json.Number))
		if got := p.text("#card-" + name + " .value"); got != want {
			t.Errorf("card %s shows %q, want %q", name, got, want)
		}
	}
	if got, want := p.text("#card-huge .value"), "12,345,678,901,234,567,890,000.000001"; got != want {
		t.Errorf("the sum of 1,000 large numbers is %s, want %s", got, want)
	}
	if got := p.text("#card-last_item .value"); got != values["last_item"] {
		t.Errorf("last_item shows %q, want %q", got, values["last_item"])
	}
	for reading, v := range values["latency"].(map[string]any) {
		if want := reading + " " + separated(v.(json.Number)); !strings.Contains(p.text("#card-latency .value"), want) {
			t.Errorf("latency shows %q, want %q in it", p.text("#card-latency .value"), want)
		}
	}
	for card, want := range map[string]string{"latency": "± 1 %", "buyers": "± 4.2 %"} {
		if got := p.text("#card-" + card + " .bound"); got != want {
			t.Errorf("%s has the bound %q, want %q", card, got, want)
		}
	}
	if got := p.js(`[...document.querySelectorAll('.panel .curve')].map((c) => c.textContent).sort().join()`); got !=
		"p50,p95,p99" {
		t.Errorf("the chart of quantiles names the curves %s", got)
	}
	best := values["best"].([]any)[0].(map[string]any)
	want := fmt.Sprint(best["value"], "\n", separated(best["count"].(json.Number)))
	if got := p.text(".ranking li"); got != want {
		t.Errorf("the list of top begins with %q, want %q", got, want)
	}
	p.compareRows(s, "/v1/views/orders/query?shop=oslo&values=n,huge,buyers", []string{"n", "huge", "buyers"})
	p.shotAll("values")
}

// TestEstimatesOfTop checks that the numbers of a top that is an estimate begin with ~, on the card, in the list and in
// the table, and that its bound has one side. It also checks that nothing stands under a view without a description.
func TestEstimatesOfTop(t *testing.T) {
	views := strings.Replace(orders, "    description: Orders per shop\n", "", 1)
	s := start(t, strings.Replace(views, "top(data.item, 3)", "top(data.ms, 3)", 1), 2*time.Second, false)
	s.send(ordersOf(2000))
	p := newTab(t, s.URL)
	p.open("#view=orders&key.shop=oslo&values=n,best")
	p.wait("batch", `document.querySelector('#card-n .state').innerText === 'exact'`)
	whole := s.get("/v1/views/orders/query?shop=oslo&group_by=&step=all")["data"].([]any)[0].(map[string]any)
	bound := whole["errors"].(map[string]any)["best"].(map[string]any)["absolute"].(json.Number)
	want := fmt.Sprintf("up to %s more", separated(bound))
	for _, place := range []string{"#card-best", ".panel p.quiet"} {
		if got := p.text(place + " .bound"); got != want {
			t.Errorf("%s has the bound %q, want %q", place, got, want)
		}
	}
	first := whole["values"].(map[string]any)["best"].([]any)[0].(map[string]any)
	number := "~" + separated(first["count"].(json.Number))
	for _, place := range []string{"#card-best .digits", ".ranking .number"} {
		if got := p.text(place); got != number {
			t.Errorf("%s shows %q, want %q", place, got, number)
		}
	}
	cell := p.js(`document.querySelector('details tbody .bound').parentElement.textContent`)
	if !regexp.MustCompile(`^(\d+ ~\d+){3}up to \d+ more$`).MatchString(cell) {
		t.Errorf("a cell of the table shows %q", cell)
	}
	if got := p.js(`document.body.innerText.includes('(empty)')`); got != "false" {
		t.Error("(empty) stands in the page for a view without a description")
	}
}

// TestRowsEqualTheAPI checks each row of the sample's most asked page against the API's answer.
func TestRowsEqualTheAPI(t *testing.T) {
	s := start(t, sample.Views, 2*time.Second, false)
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	s.send(lines)
	p := newTab(t, s.URL)
	names := []string{"views", "bytes", "mean_bytes", "largest"}
	p.open("#view=page_views&key.path=%2Ffavicon.ico&tz=Europe%2FBerlin&step=6h&values=" + strings.Join(names, ","))
	p.wait("batch", `document.querySelector('#card-views .state').innerText === 'exact'`)
	p.compareRows(s, "/v1/views/page_views/query?path=/favicon.ico&tz=Europe/Berlin&step=6h", names)
	// The first row is of the local day: 2015-05-17T12:00 in Berlin is 10:00 in UTC.
	if got := p.js(`[...document.querySelectorAll('details tbody th')].at(-1).innerText`); got !=
		"Sun 17 May 2015, 12:00 to 18:00" {
		t.Errorf("the first row is of %q", got)
	}
	if got, want := p.text("#card-views .value"), "807"; got != want {
		t.Errorf("the card shows %s, want %s", got, want)
	}
}

// TestKeyNamedConstructor checks that a person chooses keys of a field whose name every object of JavaScript has: from
// the table, from the list, and by an address.
func TestKeyNamedConstructor(t *testing.T) {
	s := start(t, strings.Replace(orders, "shop: data.shop", "shop: data.shop, constructor: data.item", 1),
		2*time.Second, false)
	s.send(ordersOf(100))
	p := newTab(t, s.URL)
	p.open("#view=orders")
	p.wait("the keys", `document.querySelectorAll('table.top tbody tr').length === 8`)
	p.click("table.top tbody a")
	p.wait("the key of the row", `document.querySelectorAll('.chip').length === 2`)
	p.open("#view=orders&key.constructor=tea")
	p.wait("its events", `document.querySelector('#card-n .value')?.innerText === '40'`)
	p.click("#pick-shop")
	p.wait("the list", `document.querySelectorAll('#pick-shop-list li').length === 2`)
	p.click("#pick-shop-list li")
	p.wait("the events of both", `document.querySelector('#card-n .value').innerText === '20'`)
}

// compareRows compares the table of rows with the API's answer to the same question.
func (p *tab) compareRows(s *server, path string, names []string) {
	p.t.Helper()
	p.js(`document.querySelector('details').open = true, ''`)
	var want []string
	for _, row := range s.get(path)["data"].([]any) {
		row := row.(map[string]any)
		var cells []string
		for _, name := range names {
			cell := ""
			if number, ok := row["values"].(map[string]any)[name].(json.Number); ok {
				cell = separated(number)
			}
			cells = append(cells, cell)
		}
		want = append([]string{strings.Join(cells, " | ")}, want...) // the page lists the latest first
	}
	columns := fmt.Sprintf(`(() => {
		const names = %s;
		const heads = [...document.querySelectorAll('details thead th')].map((th) => th.innerText);
		return [...document.querySelectorAll('details tbody tr')].map((tr) =>
			names.map((n) => tr.children[heads.indexOf(n)].querySelector('.digits').innerText).join(' | '));
	})()`, asJSON(names))
	got := evaluate[[]string](p, columns)
	if strings.Join(got, "\n") != strings.Join(want, "\n") || len(got) == 0 {
		p.t.Errorf("the page has the rows\n%s\nthe API has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the tests' own values marshal
	}
	return string(text)
}

var thousands = regexp.MustCompile(`(\d)(\d{3})(,|$)`)

// separated writes a number with thousands separators, with all its digits.
func separated(number json.Number) string {
	whole, rest, _ := strings.Cut(number.String(), ".")
	for thousands.MatchString(whole) {
		whole = thousands.ReplaceAllString(whole, "$1,$2$3")
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}
