package main

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// target are the argument and flags of the commands that are about one generation.
type target struct {
	View       string `arg:"" help:"Name of the view."`
	Generation string `help:"Generation that is meant, or the first 6 or more characters of it; needed only where there are several." placeholder:"ID"`
	Yes        bool   `short:"y" help:"Do not ask. Without a terminal nobody is asked."`
}

// ViewsSwitchCmd moves the pointer to a generation that is built.
type ViewsSwitchCmd struct {
	target
	Wait bool `help:"While the generation is not ready, try again each second."`
}

// ViewsRollbackCmd moves it back.
type ViewsRollbackCmd struct {
	target
	Wait bool `help:"While the generation is not ready, try again each second."`
}

// ViewsDropCmd deletes what is kept to go back to.
type ViewsDropCmd struct{ target }

// ViewsAbandonCmd gives up what never served.
type ViewsAbandonCmd struct{ target }

const operateCodes = `Exit codes: 0 done; 1 the server refused, or you said no; 2 wrong flags; 3 the server could not be reached or failed: it may have been done or not.`

// Help is the text under --help.
func (*ViewsSwitchCmd) Help() string {
	return `Queries that begin after it read the generation. What served before is retained: "rollback" goes back to it in one write.

` + operateCodes + `

Examples:

    anabranch views switch page_views
    anabranch views switch page_views --generation 01KAPRZ7Q4 --wait --yes`
}

// Help is the text under --help.
func (*ViewsRollbackCmd) Help() string {
	return `Lets the generation serve again that did before the last switch. Its definition stays: a deployment does not undo the rollback, unless it deploys another one.

` + operateCodes + `

Examples:

    anabranch views rollback page_views
    anabranch views rollback page_views --yes --wait`
}

// Help is the text under --help.
func (*ViewsDropCmd) Help() string {
	return `Deletes the numbers of the retained generation; then there is nothing to roll back to. Of a view that
is retired, since the file that is deployed no longer names it, deletes all: it answers no more. The archive keeps every event.

` + operateCodes + `

Examples:

    anabranch views drop page_views`
}

// Help is the text under --help.
func (*ViewsAbandonCmd) Help() string {
	return `Gives up a generation that is announced or built and never served. Its definition is put away until it is asked for again, or another is deployed.

` + operateCodes + `

Examples:

    anabranch views abandon page_views`
}

// Run asks, switches and says so.
func (c *ViewsSwitchCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(ctx, newOperator(w, views, c.View), operation{name: client.Switch, states: []string{"building", "announced"}, serves: true, wait: c.Wait})
}

// Run asks, goes back and says so.
func (c *ViewsRollbackCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(ctx, newOperator(w, views, c.View), operation{name: client.Rollback, states: []string{"retained"}, serves: true, wait: c.Wait})
}

// Run asks, drops and says so.
func (c *ViewsDropCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(ctx, newOperator(w, views, c.View), operation{name: client.Drop, states: []string{"retained"}})
}

// Run asks, abandons and says so.
func (c *ViewsAbandonCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(ctx, newOperator(w, views, c.View), operation{name: client.Abandon, states: []string{"building", "announced"}})
}

// operation is one of those on a generation.
type operation struct {
	name   client.Operation
	states []string // those that its generation can be in
	serves bool     // whether the generation serves afterwards; else it is given up
	wait   bool
}

// reached says whether the status is what the operation is for.
func (op operation) reached(s client.Status, id string) bool {
	if op.serves {
		return string(s.Serving) == id
	}
	return !isKept(s, id)
}

// do settles which generation is meant, asks, and operates until that is done or refused.
//
// The generation that was shown in the question is the one in the request, so that nothing else is done than was agreed to, and so that the
// request can be made again.
func (t *target) do(ctx context.Context, o *operator, op operation) error {
	if op.wait {
		o.patient()
	}
	before, err := o.status(ctx)
	if err != nil {
		return err
	}
	id, err := t.choose(before, op)
	if err != nil {
		return err
	}
	if op.serves && id != "" && op.reached(before, id) {
		return o.say(fmt.Sprintf("%s serves already", id))
	}
	if err := o.confirmed(ctx, t.Yes, question(op.name, before, id)); err != nil {
		return err
	}
	return t.until(ctx, o, op, before, id)
}

// until makes the request, and again each second while it is refused and that is to be waited for.
func (t *target) until(ctx context.Context, o *operator, op operation, before client.Status, id string) error {
	for {
		after, refusal := o.once(ctx, op, before, id)
		switch {
		case refusal == nil:
			return o.say(changes(before, after)...)
		case !op.wait || !isRefusal(refusal):
			return o.refused(refusal)
		}
		now, err := o.status(ctx)
		if err != nil {
			return err
		}
		if id == "" {
			if id, err = t.choose(now, op); err != nil {
				return err
			}
		}
		switch {
		case id != "" && op.reached(now, id): // by batch, say
			return o.say(changes(before, now)...)
		case !hopeful(now, op, id):
			return o.refused(refusal)
		}
		o.meter.runs(now, id)
		if err := o.sleep(ctx); err != nil {
			return err
		}
	}
}

// choose is the generation that the flag names, else the only one that can be meant, else "": then the server says what is wrong.
func (t *target) choose(s client.Status, op operation) (string, error) {
	if t.Generation != "" {
		return named(s, t.Generation)
	}
	if op.name == client.Drop && s.Retired != "" {
		return "", nil // the view, with all its generations
	}
	return only(s, op.states...), nil
}

// once makes the request. When it fails although all is as wanted then, an attempt whose answer was lost has done it.
func (o *operator) once(ctx context.Context, op operation, before client.Status, id string) (client.Status, error) {
	body, err := o.asker.Operate(ctx, o.view, op.name, id)
	if err == nil {
		return o.decoded(body)
	}
	if _, there := generation(before, id); !there || op.reached(before, id) {
		return client.Status{}, err
	}
	body, unknown := o.asker.Status(ctx, o.view)
	if unknown != nil {
		return client.Status{}, err
	}
	if now, unknown := o.decoded(body); unknown == nil && op.reached(now, id) {
		return now, nil
	}
	return client.Status{}, err
}

// hopeful says whether waiting may help against a refusal: the generation is there, or one is asked for. One that is ready may have become so
// since, and one that was ready lags for a while after each run.
func hopeful(s client.Status, op operation, id string) bool {
	if id == "" {
		return s.Rebuild && op.name == client.Switch
	}
	g, ok := generation(s, id)
	return ok && g.State != dropping && string(s.Serving) != id
}

func question(name client.Operation, s client.Status, id string) string {
	about := "the generation that it can be about"
	if name == client.Drop && id == "" && s.Retired != "" {
		about = fmt.Sprintf("the whole view (retired since %s)", s.Retired)
	}
	if g, ok := generation(s, id); ok {
		about = fmt.Sprintf("%s (%s, definition %s, run %d)", id, orDash(string(g.State)), short(string(g.Definition)), g.Run)
	} else if id != "" {
		about = id
	}
	words := map[client.Operation]string{client.Switch: "switch to", client.Rollback: "go back to", client.Drop: "delete", client.Abandon: "give up"}
	return fmt.Sprintf("%s: %s serves; %s %s?", s.View, orDash(string(s.Serving)), words[name], about)
}
