package main

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
)

// ViewsRebuildCmd rebuilds a view from the archive.
type ViewsRebuildCmd struct {
	View string `arg:"" help:"Name of the view."`
	Wait bool   `help:"Wait until the new generation is ready or serves."`
}

// ViewsReplayCmd replays the archive for a Kappa view.
type ViewsReplayCmd struct {
	View string `arg:"" help:"Name of the view; it must be a Kappa view."`
	Wait bool   `help:"Wait until the new generation is ready or serves."`
}

const rebuildCodes = `Exit codes: 0 done; 1 the server refused, or the new generation was given up; 2 wrong flags; 3 the
server failed or could not be reached, or you stopped waiting.`

// Help returns the text below the flags of --help.
func (*ViewsRebuildCmd) Help() string {
	return `At its next run, batch begins a new generation of the view's definition and builds it from the archive while
the old one serves. It replaces a generation that is still being built. Once complete, it takes over like the generation
of a new definition.

` + rebuildCodes + `

Examples:

    anabranch views rebuild page_views
    anabranch views rebuild page_views --wait && anabranch views diff page_views`
}

// Help returns the text below the flags of --help.
func (*ViewsReplayCmd) Help() string {
	return `Replay folds the archive, as if it were the stream, into a new generation while the old one serves. A Lambda
view has no replay: use rebuild.

` + rebuildCodes + `

Examples:

    anabranch views replay traffic --wait`
}

// Run requests the rebuild and waits for it if told to.
func (c *ViewsRebuildCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	o := newOperator(w, views, c.View)
	before, err := o.status(ctx)
	if err != nil {
		return err
	}
	return o.rebuild(ctx, before, c.Wait)
}

// Run refuses a Lambda view. It requests the replay and waits for it if told to.
func (c *ViewsReplayCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	o := newOperator(w, views, c.View)
	before, err := o.status(ctx)
	if err != nil {
		return err
	}
	if g, ok := generation(before, string(before.Serving)); ok && g.Architecture != "kappa" {
		return usage(`%s is a Lambda view; use rebuild: "anabranch views rebuild %s"`, c.View, c.View)
	}
	return o.rebuild(ctx, before, c.Wait)
}

func (o *operator) rebuild(ctx context.Context, before client.Status, wait bool) error {
	if wait {
		o.patient()
	}
	body, err := o.asker.Operate(ctx, o.view, client.Rebuild, "")
	if err != nil {
		return o.refused(err)
	}
	now, err := o.decoded(body)
	switch {
	case err != nil:
		return err
	case !wait:
		return o.say(changes(before, now)...)
	}
	outcome, err := o.built(ctx, before, now)
	if err != nil {
		return err
	}
	return o.say(outcome)
}

// built waits until a generation that did not exist before is ready or serves. It returns a sentence that says which.
func (o *operator) built(ctx context.Context, before, now client.Status) (string, error) {
	defer o.meter.close()
	for id := ""; ; {
		if id == "" {
			id = begun(before, now)
		}
		g, there := generation(now, id)
		switch {
		case id == "" && !now.Rebuild:
			return "", &failure{exitRejected, fmt.Errorf("%s: the rebuild was cancelled before it began", o.view)}
		case id != "" && (!there || g.State == doctor.Dropping):
			return "", &failure{exitRejected, fmt.Errorf("%s: %s was given up before it served", o.view, id)}
		case id != "" && string(now.Serving) == id:
			return fmt.Sprintf("%s serves (was %s)", id, orDash(string(before.Serving))), nil
		case g.Ready:
			return fmt.Sprintf("%s is ready to serve (definition %s, run %d)", id,
				doctor.Short(string(g.Definition)), g.Run), nil
		}
		o.meter.runs(now, id)
		if err := o.sleep(ctx); err != nil {
			return "", err
		}
		var err error
		if now, err = o.status(ctx); err != nil {
			return "", err
		}
	}
}

// begun returns the generation that did not exist before; "" while there is none.
func begun(before, now client.Status) string {
	for _, g := range now.Generations {
		if _, old := generation(before, string(g.ID)); !old {
			return string(g.ID)
		}
	}
	return ""
}
