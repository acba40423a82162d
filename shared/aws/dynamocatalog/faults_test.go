//go:build emulator

package dynamocatalog_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/wire"
	"github.com/anabranch/anabranch/localstack/wire/wiretest"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
)

// faults is a catalog behind a wire that breaks.
type faults struct {
	cfg    aws.Config
	opened int
}

func TestFaults(t *testing.T) {
	f := &faults{cfg: awstest.Config(emulator.Start(t).Endpoint)}
	transport := wire.New(http.DefaultTransport, 1)
	f.cfg.HTTPClient = transport
	read := func(name string, do func(c *dynamocatalog.Catalog) func(ctx context.Context) (any, error)) wiretest.Site {
		return wiretest.Site{Name: name, Prepare: f.read(t, do)}
	}
	wiretest.Run(t, transport, []wiretest.Site{
		read("head", func(c *dynamocatalog.Catalog) func(context.Context) (any, error) {
			return func(ctx context.Context) (any, error) { return c.Head(ctx) }
		}),
		read("runs", func(c *dynamocatalog.Catalog) func(context.Context) (any, error) {
			return func(ctx context.Context) (any, error) { return c.Runs(ctx, 1, 3) }
		}),
		read("views", func(c *dynamocatalog.Catalog) func(context.Context) (any, error) {
			return func(ctx context.Context) (any, error) { return c.Views(ctx) }
		}),
		read("view", func(c *dynamocatalog.Catalog) func(context.Context) (any, error) {
			return func(ctx context.Context) (any, error) { return c.View(ctx, "b") }
		}),
		read("definition", func(c *dynamocatalog.Catalog) func(context.Context) (any, error) {
			return func(ctx context.Context) (any, error) { return c.Definition(ctx, "hash") }
		}),
		read("swept", func(c *dynamocatalog.Catalog) func(context.Context) (any, error) {
			return func(ctx context.Context) (any, error) { return c.Swept(ctx) }
		}),
		{Name: "view that is not there", Prepare: f.viewNotThere},
		{Name: "append the first run", Prepare: func(t *testing.T) wiretest.Try { return f.append(t, 0, 1, nil) }},
		{Name: "append", Prepare: func(t *testing.T) wiretest.Try { return f.append(t, 2, 3, nil) }},
		{Name: "append what is real", Prepare: func(t *testing.T) wiretest.Try {
			return f.append(t, 3, 3, catalog.ErrConflict)
		}},
		{Name: "append behind what is not", Prepare: func(t *testing.T) wiretest.Try {
			return f.append(t, 1, 3, catalog.ErrConflict)
		}},
		{Name: "put a view", Prepare: func(t *testing.T) wiretest.Try { return f.putView(t, 0, 0, nil) }},
		{Name: "put a view over its last", Prepare: func(t *testing.T) wiretest.Try { return f.putView(t, 2, 2, nil) }},
		{Name: "put a view over another", Prepare: func(t *testing.T) wiretest.Try {
			return f.putView(t, 2, 1, catalog.ErrConflict)
		}},
		{Name: "put a definition", Prepare: f.putDefinition},
		{Name: "put swept", Prepare: func(t *testing.T) wiretest.Try { return f.putSwept(t, 3, nil) }},
		{Name: "put swept over another", Prepare: func(t *testing.T) wiretest.Try {
			return f.putSwept(t, 2, catalog.ErrConflict)
		}},
	})
}

// open is a catalog with a client of its own, on a table of its own.
func (f *faults) open(t *testing.T) *dynamocatalog.Catalog {
	f.opened++
	name := fmt.Sprintf("faults-%d", f.opened)
	awstest.Table(t, f.cfg, name, awstest.CatalogTable)
	return f.again(name)
}

func (f *faults) again(name string) *dynamocatalog.Catalog {
	return dynamocatalog.New(dynamodb.NewFromConfig(f.cfg), name)
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func runOf(n uint64, manifest string) lifecycle.Run {
	return lifecycle.Run{N: n, Horizon: 1_795_555_500_000, Manifest: manifest, Events: int64(n)}
}

func appendRuns(t *testing.T, c *dynamocatalog.Catalog, n uint64) {
	t.Helper()
	for i := range n {
		need(t, c.Append(t.Context(), runOf(i+1, "before")))
	}
}

// read reads one full catalog: what is read is all that was written, or there is an error.
func (f *faults) read(t *testing.T,
	do func(*dynamocatalog.Catalog) func(context.Context) (any, error)) func(*testing.T) wiretest.Try {
	t.Helper()
	c := f.open(t)
	name := fmt.Sprintf("faults-%d", f.opened)
	appendRuns(t, c, 3)
	need(t, c.PutView(t.Context(), lifecycle.View{Name: "a"}))
	need(t, c.PutView(t.Context(), lifecycle.View{Name: "b", Description: "second"}))
	need(t, c.PutDefinition(t.Context(), "hash", []byte("text")))
	need(t, c.PutSwept(t.Context(), 2, 0))
	want, err := do(c)(t.Context())
	need(t, err)
	return func(*testing.T) wiretest.Try {
		var got any
		once := do(f.again(name))
		return wiretest.Try{
			Do: func(ctx context.Context) (err error) {
				got, err = once(ctx)
				return err
			},
			Check: func(t *testing.T, err error) {
				if diff := cmp.Diff(want, got); err == nil && diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			},
		}
	}
}

// viewNotThere must tell "there is none" from "I could not ask": on the first, batch registers the view anew.
func (f *faults) viewNotThere(t *testing.T) wiretest.Try {
	c := f.open(t)
	return wiretest.Try{
		Do: func(ctx context.Context) error {
			_, err := c.View(ctx, "none")
			return err
		},
		Want: catalog.ErrNotFound,
		Check: func(t *testing.T, err error) {
			if err == nil {
				t.Error("it was found")
			}
		},
	}
}

// append makes run n real behind so many runs: on nil it is ours; ErrConflict may be its own, which reading tells.
func (f *faults) append(t *testing.T, before, n uint64, want error) wiretest.Try {
	c := f.open(t)
	appendRuns(t, c, before)
	ours := runOf(n, "ours")
	return wiretest.Try{
		Do:   func(ctx context.Context) error { return c.Append(ctx, ours) },
		Want: want, Lost: catalog.ErrConflict,
		Check: func(t *testing.T, err error) {
			got, readErr := c.Runs(t.Context(), 1, 10)
			need(t, readErr)
			var all []lifecycle.Run
			for i := range before {
				all = append(all, runOf(i+1, "before"))
			}
			with := append(all, ours)
			isOurs, asBefore := cmp.Equal(with, got), cmp.Equal(all, got, cmpopts.EquateEmpty())
			switch {
			case want != nil && !asBefore:
				t.Errorf("runs are %+v, want them as they were", got)
			case want == nil && err == nil && !isOurs:
				t.Errorf("run %d is not committed: %+v", n, got)
			case want == nil && !isOurs && !asBefore:
				t.Errorf("runs are %+v", got)
			case want == nil && err != nil && !isOurs:
				need(t, c.Append(t.Context(), ours)) // it was not applied: trying again makes it real
			}
		},
	}
}

// putView writes a view at a revision when another is stored.
func (f *faults) putView(t *testing.T, stored, revision int64, want error) wiretest.Try {
	c := f.open(t)
	for r := range stored {
		need(t, c.PutView(t.Context(), lifecycle.View{Name: "v", Description: "before", Revision: r}))
	}
	ours := lifecycle.View{Name: "v", Description: "ours", Revision: revision}
	return wiretest.Try{
		Do:   func(ctx context.Context) error { return c.PutView(ctx, ours) },
		Want: want, Lost: catalog.ErrConflict,
		Check: func(t *testing.T, err error) {
			got, readErr := c.View(t.Context(), "v")
			if stored == 0 && errors.Is(readErr, catalog.ErrNotFound) {
				readErr = nil
			}
			need(t, readErr)
			applied := got.Description == "ours" && got.Revision == revision+1
			asBefore := got.Description != "ours" && got.Revision == stored
			if want != nil && !asBefore || want == nil && err == nil && !applied || !applied && !asBefore {
				t.Errorf("after error %v the view is %+v", err, got)
			}
		},
	}
}

func (f *faults) putDefinition(t *testing.T) wiretest.Try {
	c := f.open(t)
	const hash, text = "hash", "text"
	return wiretest.Try{
		Do: func(ctx context.Context) error { return c.PutDefinition(ctx, hash, []byte(text)) },
		Check: func(t *testing.T, err error) {
			if err != nil {
				need(t, c.PutDefinition(t.Context(), hash, []byte(text))) // repeating it changes nothing
			}
			if got, err := c.Definition(t.Context(), hash); string(got) != text || err != nil {
				t.Errorf("definition is %q, error %v", got, err)
			}
		},
	}
}

// putSwept moves the sweep on from a run, where run 3 is stored.
func (f *faults) putSwept(t *testing.T, loaded uint64, want error) wiretest.Try {
	c := f.open(t)
	need(t, c.PutSwept(t.Context(), 3, 0))
	return wiretest.Try{
		Do:   func(ctx context.Context) error { return c.PutSwept(ctx, 4, loaded) },
		Want: want, Lost: catalog.ErrConflict,
		Check: func(t *testing.T, err error) {
			got, readErr := c.Swept(t.Context())
			need(t, readErr)
			if want != nil && got != 3 || want == nil && err == nil && got != 4 || got != 3 && got != 4 {
				t.Errorf("after error %v run %d is swept", err, got)
			}
		},
	}
}
