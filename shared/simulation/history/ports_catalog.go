package history

import (
	"context"
	"slices"
	"strconv"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/view"
)

type catalogPort struct{ port }

func (c catalogPort) Head(context.Context) (lifecycle.Run, error) {
	return ask(c.port, readDynamo, "catalog.Head", "", func() (lifecycle.Run, error) {
		return c.stack.catalog.Head(everywhere)
	})
}

func (c catalogPort) Runs(_ context.Context, from, to uint64) ([]lifecycle.Run, error) {
	k := readDynamo
	k.builds = c.role == batchRole && from == 1 && to > 1 // a build reads all runs at once
	return ask(c.port, k, "catalog.Runs", strconv.FormatUint(from, 10), func() ([]lifecycle.Run, error) {
		return c.stack.catalog.Runs(everywhere, from, to)
	})
}

func (c catalogPort) Append(_ context.Context, run lifecycle.Run) error {
	k := writeDynamo
	k.real = true
	return c.call(k, "catalog.Append", strconv.FormatUint(run.N, 10), func() error {
		err := c.stack.catalog.Append(everywhere, run)
		if err == nil && c.isChecked() {
			c.h.onRun(run)
		}
		return err
	})
}

func (c catalogPort) Views(context.Context) ([]lifecycle.View, error) {
	return ask(c.port, readDynamo, "catalog.Views", "", func() ([]lifecycle.View, error) {
		all, err := c.stack.catalog.Views(everywhere)
		return c.falsified(all), err
	})
}

func (c catalogPort) View(_ context.Context, name view.Name) (lifecycle.View, error) {
	return ask(c.port, readDynamo, "catalog.View", string(name), func() (lifecycle.View, error) {
		return c.stack.catalog.View(everywhere, name)
	})
}

func (c catalogPort) PutView(_ context.Context, v lifecycle.View) error {
	k := writeDynamo
	k.announces = slices.ContainsFunc(v.Generations, func(g lifecycle.Generation) bool {
		return g.State == lifecycle.Announced
	})
	return c.call(k, "catalog.PutView", string(v.Name), func() error {
		err := c.stack.catalog.PutView(everywhere, v)
		if err == nil && c.isChecked() {
			c.h.onView(v.Name)
		} else if err == nil {
			c.h.compileFor(c.stack)
		}
		return err
	})
}

func (c catalogPort) Definition(_ context.Context, hash view.Hash) ([]byte, error) {
	return ask(c.port, readDynamo, "catalog.Definition", string(hash), func() ([]byte, error) {
		text, err := c.stack.catalog.Definition(everywhere, hash)
		return c.byEngine(text), err
	})
}

func (c catalogPort) PutDefinition(_ context.Context, hash view.Hash, text []byte) error {
	return c.call(writeDynamo, "catalog.PutDefinition", string(hash), func() error {
		return c.stack.catalog.PutDefinition(everywhere, hash, text)
	})
}

func (c catalogPort) Swept(context.Context) (uint64, error) {
	return ask(c.port, readDynamo, "catalog.Swept", "", func() (uint64, error) {
		if c.lies(AllSwept) {
			return c.h.head(), nil
		}
		return c.stack.catalog.Swept(everywhere)
	})
}

func (c catalogPort) PutSwept(_ context.Context, run, loaded uint64) error {
	return c.call(writeDynamo, "catalog.PutSwept", strconv.FormatUint(run, 10), func() error {
		err := c.stack.catalog.PutSwept(everywhere, run, loaded)
		if err == nil && c.isChecked() {
			c.h.onSwept(run)
		}
		return err
	})
}

func (c catalogPort) Waits(context.Context) (catalog.SweepWaits, error) {
	return ask(c.port, readDynamo, "catalog.Waits", "", func() (catalog.SweepWaits, error) {
		return c.stack.catalog.Waits(everywhere)
	})
}

func (c catalogPort) PutWaits(_ context.Context, w catalog.SweepWaits) error {
	return c.call(writeDynamo, "catalog.PutWaits", strconv.Itoa(len(w.Waits)), func() error {
		return c.stack.catalog.PutWaits(everywhere, w)
	})
}

func (c catalogPort) Audit(_ context.Context, name view.Name) (catalog.Audit, error) {
	return ask(c.port, readDynamo, "catalog.Audit", string(name), func() (catalog.Audit, error) {
		return c.stack.catalog.Audit(everywhere, name)
	})
}

func (c catalogPort) PutAudit(_ context.Context, a catalog.Audit) error {
	return c.call(writeDynamo, "catalog.PutAudit", string(a.View), func() error {
		return c.stack.catalog.PutAudit(everywhere, a)
	})
}

func (c catalogPort) Lease(_ context.Context, name string) (catalog.Lease, error) {
	return ask(c.port, readDynamo, "catalog.Lease", name, func() (catalog.Lease, error) {
		return c.stack.catalog.Lease(everywhere, name)
	})
}

func (c catalogPort) PutLease(_ context.Context, l catalog.Lease) error {
	inv := c.current
	return c.call(writeDynamo, "catalog.PutLease", l.Name, func() error {
		err := c.stack.catalog.PutLease(everywhere, l)
		if err == nil && c.isChecked() {
			c.h.onLease(inv, l)
		}
		return err
	})
}
