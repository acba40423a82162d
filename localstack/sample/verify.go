// Package sample checks a server against the sample: it folds the file on its own, sharing no code with Anabranch, and compares every value of
// every view.
package sample

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the sample travels with whoever checks against it
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed web-requests.ndjson.gz
var events []byte

// Views is the text of the views over the sample.
//
//go:embed views.yaml
var Views string

// Events is how many events the sample has.
const Events = 9999

// Lines returns the sample's events, in the order of the file.
func Lines() ([][]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(events))
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(unzipped)
	if err != nil {
		return nil, err
	}
	return bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n")), nil
}

// Server is a server that was sent the sample. Key opens it, where it wants one.
type Server struct{ URL, Key string }

// Answer is what a server says of one key of one view.
type Answer struct {
	Horizon  *string `json:"horizon"`  // none of a Kappa view
	Complete string  `json:"complete"` // of a Kappa view: nothing that arrived before is missing
	Data     []Row   `json:"data"`
}

// Row is one window of an answer.
type Row struct {
	Start  string                 `json:"start"`
	Values map[string]json.Number `json:"values"`
	Exact  bool                   `json:"exact"`
}

// Requests is how many events an answer of the view of all traffic counts, -1 where it is no such answer.
func (a Answer) Requests() int64 {
	var n int64
	for _, r := range a.Data {
		requests, err := r.Values["requests"].Int64()
		if err != nil {
			return -1
		}
		n += requests
	}
	return n
}

// Exact says whether there are rows, and all are exact.
func (a Answer) Exact() bool {
	return len(a.Data) > 0 && !slices.ContainsFunc(a.Data, func(r Row) bool { return !r.Exact })
}

// Wait asks for all traffic until what is wanted holds.
func (s Server) Wait(ctx context.Context, what string, holds func(Answer) bool) error {
	for {
		a, err := s.Ask(ctx, "traffic", nil)
		if err != nil {
			return err
		}
		if holds(a) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, with %d requests in %d rows, exact %v: %w", what, a.Requests(), len(a.Data), a.Exact(), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Ask asks a view for one key.
func (s Server) Ask(ctx context.Context, view string, key url.Values) (a Answer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/v1/views/"+view+"/query?"+key.Encode(), nil)
	if err != nil {
		return a, err
	}
	if s.Key != "" {
		request.Header.Set("Authorization", "Bearer "+s.Key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return a, err
	}
	if response.StatusCode != http.StatusOK {
		return a, fmt.Errorf("query %s: %s: %s", view, response.Status, body)
	}
	return a, json.Unmarshal(body, &a)
}

// request is one line of the sample. What is of another type is nothing to its views.
type request struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Data struct {
		Method string       `json:"method"`
		Path   string       `json:"path"`
		Status int          `json:"status"`
		Bytes  *json.Number `json:"bytes"`
	} `json:"data"`
}

// check is a view of the sample, told once more in Go.
type check struct {
	view   string
	window time.Duration
	wants  func(request) bool
	key    func(request) url.Values
	names  map[string]string // aggregate -> function of data.bytes
}

var checks = []check{
	{
		view: "page_views", window: time.Hour,
		wants: func(r request) bool { return r.Data.Status < 400 },
		key:   func(r request) url.Values { return url.Values{"path": {r.Data.Path}} },
		names: map[string]string{"views": "count", "bytes": "sum", "mean_bytes": "mean", "largest": "max"},
	},
	{
		view: "traffic", window: time.Hour,
		wants: func(request) bool { return true },
		key:   func(request) url.Values { return url.Values{} },
		names: map[string]string{"requests": "count", "bytes": "sum", "smallest": "min", "largest": "max"},
	},
	{
		view: "errors_by_status", window: 24 * time.Hour,
		wants: func(r request) bool { return r.Data.Status >= 400 },
		key: func(r request) url.Values {
			return url.Values{"status": {fmt.Sprint(r.Data.Status)}, "method": {r.Data.Method}}
		},
		names: map[string]string{"requests": "count", "bytes": "sum"},
	},
}

// Verified says what was compared for one view.
type Verified struct {
	View                  string
	Keys, Windows, Values int
}

// Verify compares every value of every view with a fold of the sample, and demands that every row is exact.
func (s Server) Verify(ctx context.Context) ([]Verified, error) {
	lines, err := Lines()
	if err != nil {
		return nil, err
	}
	return s.VerifyLines(ctx, lines, true)
}

// VerifyLines is Verify for a server that was sent these events, such as they are in its archive, no two of which are copies of one another. exact
// says whether every row has to be exact, but for those of Kappa views, which never are.
func (s Server) VerifyLines(ctx context.Context, lines [][]byte, exact bool) ([]Verified, error) {
	requests, err := read(lines)
	if err != nil {
		return nil, err
	}
	var all []Verified
	for _, c := range checks {
		v, err := s.compare(ctx, c, requests, exact)
		if err != nil {
			return all, fmt.Errorf("view %s: %w", c.view, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// VerifyPageViews compares the view of page views with a fold of these events as VerifyLines does, and no row need be exact. all says whether its
// definition has been changed to count requests that failed, too.
func (s Server) VerifyPageViews(ctx context.Context, lines [][]byte, all bool) (Verified, error) {
	requests, err := read(lines)
	if err != nil {
		return Verified{}, err
	}
	c := checks[0]
	if all {
		c.wants = func(request) bool { return true }
	}
	return s.compare(ctx, c, requests, false)
}

func (s Server) compare(ctx context.Context, c check, requests []request, exact bool) (Verified, error) {
	v := Verified{View: c.view}
	byKey := c.group(requests)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		parameters, err := url.ParseQuery(key)
		if err != nil {
			return v, err
		}
		a, err := s.Ask(ctx, c.view, parameters)
		if err != nil {
			return v, err
		}
		if len(a.Data) != len(byKey[key]) {
			return v, fmt.Errorf("%s has %d windows, not %d", key, len(a.Data), len(byKey[key]))
		}
		for _, r := range a.Data {
			if exact && a.Horizon != nil && !r.Exact {
				return v, fmt.Errorf("%s, window %s: is not exact", key, r.Start)
			}
			if err := c.row(r, byKey[key][r.Start]); err != nil {
				return v, fmt.Errorf("%s, window %s: %w", key, r.Start, err)
			}
			v.Values += len(r.Values)
		}
		v.Keys, v.Windows = v.Keys+1, v.Windows+len(a.Data)
	}
	return v, nil
}

// group sorts requests by key and window.
func (c check) group(requests []request) map[string]map[string][]request {
	byKey := map[string]map[string][]request{}
	for _, r := range requests {
		if r.Type != "web.request" || !c.wants(r) {
			continue
		}
		key := c.key(r).Encode()
		if byKey[key] == nil {
			byKey[key] = map[string][]request{}
		}
		start := r.Time.UTC().Truncate(c.window).Format(time.RFC3339)
		byKey[key][start] = append(byKey[key][start], r)
	}
	return byKey
}

func (c check) row(r Row, requests []request) error {
	for name, function := range c.names {
		if want := fold(function, requests); string(r.Values[name]) != want {
			return fmt.Errorf("%s is %s, not %s", name, r.Values[name], want)
		}
	}
	return nil
}

// fold computes one value, in whole numbers and fractions.
func fold(function string, requests []request) string {
	if function == "count" {
		return fmt.Sprint(len(requests))
	}
	var sum, smallest, largest big.Int
	n := int64(0)
	for _, r := range requests {
		if r.Data.Bytes == nil {
			continue
		}
		b, ok := new(big.Int).SetString(r.Data.Bytes.String(), 10)
		if !ok {
			return "bytes that are no whole number"
		}
		if n == 0 || b.Cmp(&smallest) < 0 {
			smallest.Set(b)
		}
		if n == 0 || b.Cmp(&largest) > 0 {
			largest.Set(b)
		}
		sum.Add(&sum, b)
		n++
	}
	switch {
	case function == "sum":
		return sum.String()
	case n == 0:
		return "" // null
	case function == "min":
		return smallest.String()
	case function == "max":
		return largest.String()
	}
	return mean(&sum, n)
}

// mean is sum / n with 16 significant digits, half to even, as short as it can be written.
func mean(sum *big.Int, n int64) string {
	digits := 16 - len(new(big.Int).Quo(sum, big.NewInt(n)).String())
	if sum.Sign() == 0 {
		return "0"
	}
	if sum.Cmp(big.NewInt(n)) < 0 {
		return "a mean below one, which bytes do not have"
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
