package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/smoke"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// SmokeCmd checks a running server.
type SmokeCmd struct {
	For    time.Duration `help:"Maximum duration of all checks together." default:"60s"`
	MaxLag time.Duration `help:"Maximum lag of batch; 0 relies on the server's own warning." default:"0s"`
	JSON   bool          `name:"json" help:"Print the result as one JSON object."`

	Server
}

// Help returns the text below the flags of --help.
func (*SmokeCmd) Help() string {
	return `Checks a deployment from outside, on AWS or on a laptop: it refuses wrong keys, accepts events, rejects an
invalid event among them, its views answer and are fresh, and each distinct event shows up once, live. It requires the
admin key if the server has keys.

It sends 400 events of the source anabranch-smoke/<id>, and 300 of them again. They have keys of their own and lie in an
hour of the years 1970 to 1999, so no window of real events changes. The archive keeps them for good. Smoke can check
that events show up only in views that are defined like the sample's; it reports all others as skipped.

Exit codes: 0 no check failed; 1 a check failed; 2 wrong flags; 3 interrupted.

Examples:

    anabranch smoke
    anabranch smoke --url https://abc123.execute-api.us-east-1.amazonaws.com --json`
}

// leastFor is the minimum of --for: a shorter run cannot check anything.
const leastFor = time.Second

// Validate refuses an invalid URL and durations out of range.
func (c *SmokeCmd) Validate() error {
	switch {
	case c.For < leastFor:
		return fmt.Errorf("--for: %s is below the minimum, %s", c.For, leastFor)
	case c.MaxLag < 0:
		return fmt.Errorf("--max-lag: %s is below the minimum, 0s", c.MaxLag)
	}
	return c.Server.Validate()
}

// smokeReport is the result of a run; its JSON is the output of --json.
type smokeReport struct {
	OK       bool          `json:"ok"`
	URL      string        `json:"url"`
	Run      string        `json:"run"` // the run's id; it is part of the events' source, paths and methods
	Seconds  float64       `json:"seconds"`
	Requests int64         `json:"requests"`
	Checks   []smoke.Check `json:"checks"`
}

// Run makes the checks and prints their results.
func (c *SmokeCmd) Run(ctx context.Context, w *world) error {
	began := w.now()
	id, err := ulid.New(ulid.Timestamp(began), rand.Reader)
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, c.For)
	defer cancel()
	count := &counter{next: client.Transport(1)}
	with := func(key client.Key) *client.Client {
		asker := w.client(c.Server, queryRetry, 1)
		asker.Key, asker.HTTP = key, count.client()
		return asker
	}
	m := &meter{w: w}
	s := &smoke.Smoke{
		Server: with(c.Key), Bare: with(""), Wrong: with(client.Key("anabranch-smoke-no-key-" + id.String())),
		Run: id, For: c.For, MaxLag: c.MaxLag, Now: w.now, Sleep: w.sleep,
		Progress: func(check string) { m.show(progress{of: check, text: "checking: " + check, total: -1}) },
	}
	report := smokeReport{OK: true, URL: c.base.Redacted(), Run: id.String(), Checks: s.Do(bounded)}
	m.close()
	report.Seconds, report.Requests = float64(w.now().Sub(began).Milliseconds())/1000, count.n.Load()
	for _, check := range report.Checks {
		report.OK = report.OK && check.Result != smoke.Failed
	}
	if err := c.print(w.stdout, report); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	switch {
	case ctx.Err() != nil:
		return &failure{exitUnreachable, errors.New("interrupted")}
	case !report.OK:
		return &failure{code: exitRejected}
	}
	return nil
}

func (c *SmokeCmd) print(w io.Writer, r smokeReport) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	t := table.New(
		table.Column{Name: "check"},
		table.Column{Name: "result"},
		table.Column{Name: "seconds", Right: true},
		table.Column{Name: "found"},
	)
	counts := map[smoke.Result]int{}
	for _, check := range r.Checks {
		counts[check.Result]++
		t.Row(check.Name, string(check.Result), strconv.FormatFloat(check.Seconds, 'f', 2, 64), check.Detail)
	}
	if err := t.Print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s: %d ok, %d failed, %d skipped; %d requests in %.1f s; run %s\n", table.Printable(r.URL),
		counts[smoke.OK], counts[smoke.Failed], counts[smoke.Skipped], r.Requests, r.Seconds, r.Run)
	return err
}

// counter counts the HTTP requests, repeated attempts included.
type counter struct {
	next *http.Client
	n    atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.Transport.RoundTrip(r)
}

// client returns an HTTP client whose requests the counter counts.
func (c *counter) client() *http.Client {
	return &http.Client{Transport: c, CheckRedirect: c.next.CheckRedirect}
}
