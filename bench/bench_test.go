package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// TestGenerator checks that a shape gives the same events each time.
func TestGenerator(t *testing.T) {
	sum := sha256.New()
	for g := newGenerator(Shape{Events: 5000, PerObject: 1000, Seed: 1}); ; {
		body, arrival, ok := g.next()
		if !ok {
			break
		}
		fmt.Fprintln(sum, arrival.UnixMilli())
		sum.Write(body)
	}
	const want = "2d3194072e3fe9addaaf6d7f72d37cb87d5bbd70afc2261e428fc1d010710aa6"
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("the events have the hash %s, want %s", got, want)
	}
}

// TestAnswers compares a run, a rebuild and an advance with a computation of its own over the generated lines.
func TestAnswers(t *testing.T) {
	shape := Shape{Events: 20_000, PerObject: 1000, Seed: 7}
	folder, err := archiveOf(t.Context(), t.TempDir(), shape)
	if err != nil {
		t.Fatal(err)
	}
	want := naive(t, shape)
	for _, job := range []string{runJob, rebuildJob, advanceJob} {
		m, err := measure(t.Context(), job, folder, "")
		if err != nil {
			t.Fatal(job, err)
		}
		if d := want.differs(m.Answer); d != "" {
			t.Errorf("%s: %s", job, d)
		}
	}
	if _, err := measure(t.Context(), "nonsense", folder, ""); err == nil || !strings.Contains(err.Error(), runJob) {
		t.Errorf("error %v, want one that names the jobs", err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
}

func naive(t *testing.T, shape Shape) Answer {
	t.Helper()
	type row struct {
		views, shortest, longest int64
		users                    map[string]bool
	}
	seen, rows, amount := map[string]bool{}, map[string]*row{}, new(big.Rat)
	for g := newGenerator(shape); ; {
		body, _, ok := g.next()
		if !ok {
			break
		}
		for line := range strings.Lines(string(body)) {
			var e struct {
				ID   string
				Time time.Time
				Data struct {
					URL, User string
					Amount    json.Number
					Duration  int64 `json:"duration_ms"`
				}
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			key := e.Data.URL + e.Time.Truncate(time.Hour).String()
			r := rows[key]
			if r == nil {
				r = &row{shortest: e.Data.Duration, longest: e.Data.Duration, users: map[string]bool{}}
				rows[key] = r
			}
			r.views++
			r.shortest, r.longest = min(r.shortest, e.Data.Duration), max(r.longest, e.Data.Duration)
			r.users[e.Data.User] = true
			value, _ := new(big.Rat).SetString(e.Data.Amount.String())
			amount.Add(amount, value)
		}
	}
	var views, shortest, longest, users int64
	for _, r := range rows {
		views, shortest, longest = views+r.views, shortest+r.shortest, longest+r.longest
		users += int64(len(r.users))
	}
	number := func(n int64) json.Number { return json.Number(fmt.Sprint(n)) }
	return Answer{
		Groups: len(rows), Views: number(views), Amount: json.Number(amount.FloatString(2)),
		Shortest: number(shortest), Longest: number(longest), Users: number(users),
	}
}
