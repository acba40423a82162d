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
	"net/http"
	"net/url"
	"slices"
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
	Key    map[string]string `json:"key"` // Only in an answer for many keys.
	Start  string            `json:"start"`
	Values map[string]Value  `json:"values"`
	Exact  bool              `json:"exact"`
}

// Value is what a row has for one aggregate: a number, or the numbers of its readings by name. A number is "" for null.
type Value struct {
	json.Number
	Readings map[string]json.Number // nil for an aggregate without readings
}

// UnmarshalJSON reads a number, an object of numbers, or null.
func (v *Value) UnmarshalJSON(text []byte) error {
	*v = Value{}
	if bytes.HasPrefix(text, []byte("{")) {
		return json.Unmarshal(text, &v.Readings)
	}
	return json.Unmarshal(text, &v.Number)
}

func (v Value) numbers() int { return max(1, len(v.Readings)) }

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

// Ask queries a view.
func (s Server) Ask(ctx context.Context, view string, parameters url.Values) (a Answer, err error) {
	target := s.URL + "/v1/views/" + view + "/query?" + parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
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

// Verified counts the keys, rows and values that were compared for one question. Each reading is a value.
type Verified struct {
	What               string // The view, and what was asked of it unless it is every window.
	Keys, Rows, Values int
}

// Verify compares every value of every view with a fold of the sample, and two merged answers of the README: visitors
// per day in Berlin, and sizes per page. Every row must be exact. `quantiles` and `distinct` must be within their stated
// errors, and all other values equal.
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
		v, err := s.compareSettled(ctx, c, requests, exact)
		if err != nil {
			return all, fmt.Errorf("%s: %w", c.what, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// VerifyPageViews is VerifyLines for the windows of the view `page_views` alone, and rows need not be exact. all means
// that the definition has been changed to count failed requests, too.
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

// errNotExact says that a row is not exact. A row of many keys is not exact while a run of batch is brought into the
// items, and a run of copies touches items, too.
var errNotExact = errors.New("the row is not exact")

// settles is how long a run may take.
const settles = time.Minute

// compareSettled compares again, for as long as a run may take, while rows are not exact.
func (s Server) compareSettled(ctx context.Context, c check, requests []request, exact bool) (Verified, error) {
	for end := time.Now().Add(settles); ; {
		v, err := s.compare(ctx, c, requests, exact)
		if !errors.Is(err, errNotExact) || time.Now().After(end) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s Server) compare(ctx context.Context, c check, requests []request, exact bool) (Verified, error) {
	v := Verified{What: c.what}
	byKey := c.group(requests)
	keys := slices.Sorted(maps.Keys(byKey))
	answers, err := s.answers(ctx, c, keys)
	if err != nil {
		return v, err
	}
	for key, a := range answers {
		if err := c.rows(key, a, byKey[key], exact); err != nil {
			return v, err
		}
		for _, r := range a.Data {
			for _, value := range r.Values {
				v.Values += value.numbers()
			}
		}
		v.Keys, v.Rows = v.Keys+1, v.Rows+len(a.Data)
	}
	if !c.together {
		return v, nil
	}
	for i := 0; i < len(keys); i += someKeys {
		a, err := s.askAlone(ctx, c, keys[i])
		if err == nil {
			err = c.rows(keys[i], a, byKey[keys[i]], exact)
		}
		if err != nil {
			return v, fmt.Errorf("asked alone: %w", err)
		}
	}
	return v, nil
}

// someKeys says how many of the keys that were asked for together are also asked for alone: one in this many.
const someKeys = 25

// rows compares the rows of a key with those that it should have.
func (c check) rows(key string, a Answer, want map[int64][]request, exact bool) error {
	if len(a.Data) != len(want) {
		return fmt.Errorf("%s has %d rows, want %d", key, len(a.Data), len(want))
	}
	for _, r := range a.Data {
		if exact && a.Horizon != nil && !r.Exact {
			return fmt.Errorf("%s, %s: %w", key, r.Start, errNotExact)
		}
		if err := c.row(r, want); err != nil {
			return fmt.Errorf("%s, %s: %w", key, r.Start, err)
		}
	}
	return nil
}

// answers returns the answer for each key. A check that is together asks once, and must get all keys and no others.
func (s Server) answers(ctx context.Context, c check, keys []string) (map[string]Answer, error) {
	answers := map[string]Answer{}
	if c.together {
		a, err := s.Ask(ctx, c.view, c.parameters)
		for _, key := range keys {
			answers[key] = Answer{Horizon: a.Horizon}
		}
		for _, r := range a.Data {
			key := url.Values{}
			for field, value := range r.Key {
				key.Set(field, value)
			}
			answers[key.Encode()] = Answer{Horizon: a.Horizon, Data: append(answers[key.Encode()].Data, r)}
		}
		return answers, err
	}
	for _, key := range keys {
		a, err := s.askAlone(ctx, c, key)
		if err != nil {
			return nil, err
		}
		answers[key] = a
	}
	return answers, nil
}

func (s Server) askAlone(ctx context.Context, c check, key string) (Answer, error) {
	parameters, err := url.ParseQuery(key)
	if err != nil {
		return Answer{}, err
	}
	maps.Copy(parameters, c.parameters)
	parameters.Del("group_by")
	a, err := s.Ask(ctx, c.view, parameters)
	if err != nil {
		return a, fmt.Errorf("%s: %w", key, err)
	}
	return a, nil
}
