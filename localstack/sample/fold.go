package sample

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Berlin
)

// request is one line of the sample. The views ignore events of other types.
type request struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Data struct {
		Client *string      `json:"client"`
		Method string       `json:"method"`
		Path   string       `json:"path"`
		Status int          `json:"status"`
		Bytes  *json.Number `json:"bytes"`
	} `json:"data"`
}

// check is a question to a view of the sample, defined a second time in Go.
type check struct {
	what, view string
	wants      func(request) bool
	key        func(request) url.Values
	// window returns the start of a request's row. Requests with equal starts are in one row.
	window     func(time.Time) time.Time
	names      map[string]string // function of each aggregate: distinct of data.client, all others of data.bytes
	parameters url.Values        // what is asked besides the key
	together   bool              // whether one question asks for all keys; some are then asked for alone, too
}

var pageViews = check{
	what: "page_views", view: "page_views", window: hourOf, together: true,
	wants: func(r request) bool { return r.Data.Status < 400 },
	key:   func(r request) url.Values { return url.Values{"path": {r.Data.Path}} },
	names: map[string]string{
		"views": "count", "bytes": "sum", "mean_bytes": "mean", "largest": "max", "size": "quantiles",
	},
}

var traffic = check{
	what: "traffic", view: "traffic", window: hourOf,
	wants: func(request) bool { return true },
	key:   func(request) url.Values { return url.Values{} },
	names: map[string]string{
		"requests": "count", "bytes": "sum", "smallest": "min", "largest": "max", "visitors": "distinct",
	},
}

var checks = []check{
	pageViews,
	traffic,
	{
		what: "errors_by_status", view: "errors_by_status",
		wants: func(r request) bool { return r.Data.Status >= 400 },
		key: func(r request) url.Values {
			return url.Values{"status": {fmt.Sprint(r.Data.Status)}, "method": {r.Data.Method}}
		},
		window: func(t time.Time) time.Time { return dayOf(t.UTC()) },
		names:  map[string]string{"requests": "count", "bytes": "sum"},
	},
	traffic.asked("traffic per day in Berlin", false, url.Values{"step": {"1d"}, "tz": {berlin.String()}},
		func(t time.Time) time.Time { return dayOf(t.In(berlin)) }),
	pageViews.asked("page_views per page", true, url.Values{"step": {"all"}, "group_by": {"path"}},
		func(time.Time) time.Time { return time.Time{} }),
}

var berlin = zone("Europe/Berlin")

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // this program has time/tzdata
	}
	return z
}

func hourOf(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }

func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// asked returns the check with another question.
func (c check) asked(what string, together bool, parameters url.Values, window func(time.Time) time.Time) check {
	c.what, c.together, c.parameters, c.window = what, together, parameters, window
	return c
}

// group groups requests by key, and by Unix time of the start of the row.
func (c check) group(requests []request) map[string]map[int64][]request {
	byKey := map[string]map[int64][]request{}
	for _, r := range requests {
		if r.Type != "web.request" || !c.wants(r) {
			continue
		}
		key := c.key(r).Encode()
		if byKey[key] == nil {
			byKey[key] = map[int64][]request{}
		}
		start := c.window(r.Time).Unix()
		byKey[key][start] = append(byKey[key][start], r)
	}
	return byKey
}

// row compares a row with the requests of its window, of those of its key.
func (c check) row(r Row, byWindow map[int64][]request) error {
	start, err := time.Parse(time.RFC3339, r.Start)
	if err != nil {
		return err
	}
	window := c.window(start)
	if !window.IsZero() && !window.Equal(start) {
		return fmt.Errorf("no window begins then; want %s", window.Format(time.RFC3339))
	}
	for name, function := range c.names {
		if err := compareValue(r.Values[name], function, byWindow[window.Unix()]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// compareValue compares one value with its function of the requests.
func compareValue(got Value, function string, requests []request) error {
	sizes, err := sizesOf(requests)
	switch {
	case err != nil:
		return err
	case function == "count":
		return equal(got, fmt.Sprint(len(requests)))
	case function == "distinct":
		return compareDistinct(got, clientsOf(requests))
	case function == "quantiles":
		return compareQuantiles(got, sizes)
	case len(sizes) == 0:
		return equal(got, "") // null
	}
	return equal(got, fold(function, sizes))
}

func equal(got Value, want string) error {
	if got.String() != want {
		return fmt.Errorf("is %q, want %q", got.Number, want)
	}
	return nil
}

// clientsOf returns the number of different clients. It leaves out requests without a client.
func clientsOf(requests []request) int {
	clients := map[string]bool{}
	for _, r := range requests {
		if r.Data.Client != nil {
			clients[*r.Data.Client] = true
		}
	}
	return len(clients)
}

// compareDistinct checks that a number of different values is exact up to 384, and within 4.2 % above. The bound holds
// for 99 of 100 answers, and for all of the sample.
func compareDistinct(got Value, want int) error {
	if want <= 384 {
		return equal(got, fmt.Sprint(want))
	}
	return within(got.Number, big.NewInt(int64(want)), 42)
}

// sizesOf returns the bytes of the requests that have some, in ascending order.
func sizesOf(requests []request) ([]*big.Int, error) {
	var sizes []*big.Int
	for _, r := range requests {
		if r.Data.Bytes == nil {
			continue
		}
		size, ok := new(big.Int).SetString(r.Data.Bytes.String(), 10)
		if !ok {
			return nil, fmt.Errorf("an event has %s bytes, which is not an integer", *r.Data.Bytes)
		}
		sizes = append(sizes, size)
	}
	slices.SortFunc(sizes, (*big.Int).Cmp)
	return sizes, nil
}

// fold computes one value of at least one number, exactly.
func fold(function string, sizes []*big.Int) string {
	switch function {
	case "min":
		return sizes[0].String()
	case "max":
		return sizes[len(sizes)-1].String()
	}
	sum := new(big.Int)
	for _, size := range sizes {
		sum.Add(sum, size)
	}
	if function == "sum" {
		return sum.String()
	}
	return mean(sum, int64(len(sizes)))
}

// compareQuantiles checks that each quantile is within 1 % of the true one: the number at its place in ascending order.
func compareQuantiles(got Value, sizes []*big.Int) error {
	percents := map[string]int{"p50": 50, "p90": 90, "p95": 95, "p99": 99}
	if len(got.Readings) != len(percents) {
		return fmt.Errorf("has the readings %v, want p50, p90, p95 and p99", got.Readings)
	}
	for name, percent := range percents {
		err := equal(Value{Number: got.Readings[name]}, "") // null
		if len(sizes) > 0 {
			err = within(got.Readings[name], sizes[percent*(len(sizes)-1)/100], 10)
		}
		if err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

// within checks that a number is within some thousandths of the wanted one.
func within(got json.Number, want *big.Int, thousandths int64) error {
	number, ok := new(big.Rat).SetString(got.String())
	if !ok {
		return fmt.Errorf("is %q, want a number", got)
	}
	exact := new(big.Rat).SetInt(want)
	apart := new(big.Rat).Sub(number, exact)
	if bound := new(big.Rat).Mul(exact, big.NewRat(thousandths, 1000)); apart.Abs(apart).Cmp(bound) > 0 {
		return fmt.Errorf("is %s, want %s within %s", got, want, big.NewRat(thousandths, 1000).FloatString(3))
	}
	return nil
}

// mean returns sum / n, rounded half to even to 16 significant digits, without trailing zeros.
func mean(sum *big.Int, n int64) string {
	digits := 16 - len(new(big.Int).Quo(sum, big.NewInt(n)).String())
	if sum.Sign() == 0 {
		return "0"
	}
	if sum.Cmp(big.NewInt(n)) < 0 {
		return "a mean of at least 1, because mean cannot round a smaller one"
	}
	text := new(big.Rat).SetFrac(sum, big.NewInt(n)).FloatString(digits + 40)
	scaled, _ := new(big.Int).SetString(strings.Replace(text, ".", "", 1), 10)
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(40), nil)
	whole, rest := new(big.Int).QuoRem(scaled, unit, new(big.Int))
	switch twice := new(big.Int).Lsh(rest, 1).Cmp(unit); {
	case twice > 0, twice == 0 && whole.Bit(0) == 1:
		whole.Add(whole, big.NewInt(1))
	}
	text = whole.String()
	text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func read(lines [][]byte) ([]request, error) {
	requests := make([]request, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(line, &requests[i]); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return requests, nil
}
