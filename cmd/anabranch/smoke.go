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
	For    time.Duration `help:"The longest that the whole may take." default:"60s"`
	MaxLag time.Duration `help:"How far batch may be behind; 0 leaves that to the server, which warns when it is late." default:"0s"`
	JSON   bool          `name:"json" help:"Print the result as one JSON object."`

	Server
}

// Help is the text under --help.
func (*SmokeCmd) Help() string {
	return `Checks a deployment from outside, on AWS or on a laptop: who is let in, that events are accepted and a bad one beside them is rejected, that the views answer and are fresh, and that each distinct event shows up once, live. It wants the admin key, where there are keys.

It sends 400 events, and 300 of them again, of the source anabranch-smoke/<id>, with keys of their own and in an hour of the years 1970 to 1999, so that no window of real events changes. The archive keeps them, as it keeps all. That events show up can be checked for views that are defined as those of the sample; for others it says that it was not.

Exit codes: 0 no check failed; 1 one did; 2 wrong flags; 3 interrupted.

Examples:

    anabranch smoke
    anabranch smoke --url https://abc123.execute-api.us-east-1.amazonaws.com --json`
}

// leastFor is what a run needs to be of any use.
const leastFor = time.Second

// Validate refuses an address that is none, and times that are.
func (c *SmokeCmd) Validate() error {
	switch {
	case c.For < leastFor:
		return fmt.Errorf("--for: %s is below %s", c.For, leastFor)
	case c.MaxLag < 0:
		return fmt.Errorf("--max-lag: %s is below 0", c.MaxLag)
	}
	return c.Server.Validate()
}

// smokeReport is what came of a run.
type smokeReport struct {
	OK       bool          `json:"ok"`
	URL      string        `json:"url"`
	Run      string        `json:"run"` // in the source, paths and methods of the events
	Seconds  float64       `json:"seconds"`
	Requests int64         `json:"requests"`
	Checks   []smoke.Check `json:"checks"`
}

// Run checks and prints.
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
	t := table.New(table.Column{Name: "check"}, table.Column{Name: "result"}, table.Column{Name: "seconds", Right: true}, table.Column{Name: "found"})
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

// counter counts the requests that are made, attempts that are repeated included.
type counter struct {
	next *http.Client
	n    atomic.Int64
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.Transport.RoundTrip(r)
}

// client is the HTTP client whose requests are counted.
func (c *counter) client() *http.Client {
	return &http.Client{Transport: c, CheckRedirect: c.next.CheckRedirect}
}
