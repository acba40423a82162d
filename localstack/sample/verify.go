// Package sample checks a server against the sample. It folds the file with code of its own, which it does not share
// with Anabranch, and compares every value of every view.
package sample

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // embeds the sample in every program that checks against it
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

// Views is the text of the sample's views file.
//
//go:embed views.yaml
var Views string

// Events is the number of events in the sample.
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

// Server is a server that has received the sample.
type Server struct {
	URL string // URL of its API.
	Key string // Key that may read. "" means that the server wants none.
}

// Answer is a server's answer for one key of one view.
type Answer struct {
	Horizon *string `json:"horizon"` // Horizon of a Lambda view. It is nil for a Kappa view.
	// Only for a Kappa view: the answer counts all events that arrived before this time.
	Complete string `json:"complete"`
	Data     []Row  `json:"data"` // The windows of the key.
}

// Row is one window of an answer.
type Row struct {
	Start  string                 `json:"start"`
	Values map[string]json.Number `json:"values"`
	Exact  bool                   `json:"exact"`
}

// Requests returns the number of events that an answer of the view `traffic` counts, or -1 for an answer of another
// view.
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

// Exact reports whether the answer has rows and all of them are exact.
func (a Answer) Exact() bool {
	return len(a.Data) > 0 && !slices.ContainsFunc(a.Data, func(r Row) bool { return !r.Exact })
}

// Wait queries the view `traffic` until holds returns true for the answer. what describes this condition in errors.
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
			return fmt.Errorf("wait for %s: the last answer has %d requests in %d rows, exact %v: %w",
				what, a.Requests(), len(a.Data), a.Exact(), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Ask queries one key of a view.
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

// request is one line of the sample. The views ignore events of other types.
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

// check is a view of the sample, defined a second time in Go.
type check struct {
	view   string
	window time.Duration
	wants  func(request) bool
	key    func(request) url.Values
	names  map[string]string // the name of each aggregate, and its function of data.bytes
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

// Verified counts the keys, windows and values that were compared for one view.
type Verified struct {
	View                  string
	Keys, Windows, Values int
}

// Verify compares every value of every view with a fold of the sample. Every row must be exact.
func (s Server) Verify(ctx context.Context) ([]Verified, error) {
	lines, err := Lines()
	if err != nil {
		return nil, err
	}
	return s.VerifyLines(ctx, lines, true)
}

// VerifyLines is Verify for a server that has received these events. lines must have no duplicates; they are for
// example the events in the server's archive. exact demands that every row of a Lambda view is exact; rows of a Kappa
// view never are.
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

// VerifyPageViews is VerifyLines for the view `page_views` alone, and rows need not be exact. all means that the
// definition has been changed to count failed requests, too.
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
			return v, fmt.Errorf("%s has %d windows, want %d", key, len(a.Data), len(byKey[key]))
		}
		for _, r := range a.Data {
			if exact && a.Horizon != nil && !r.Exact {
				return v, fmt.Errorf("%s, window %s: the row is not exact", key, r.Start)
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

// group groups requests by key and window.
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
			return fmt.Errorf("%s is %s, want %s", name, r.Values[name], want)
		}
	}
	return nil
}

// fold computes one value, with exact numbers.
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
			return "an integer, but an event has bytes that are not an integer"
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
	case n == 0:
		return "" // null
	case function == "sum":
		return sum.String()
	case function == "min":
		return smallest.String()
	case function == "max":
		return largest.String()
	}
	return mean(&sum, n)
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
